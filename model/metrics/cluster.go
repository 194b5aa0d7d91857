package metrics

import (
	"cmp"
	"math"
	"slices"
)

// Counts is what every metric of a set of samples is computed from.
type Counts struct {
	Confusion [2][2]int // rows the truth, columns the prediction, positive first
	Won       int       // twice the pairs whose positive scores above the negative, ties once
	unscored  bool      // a score is NaN: pairs have no order
}

// Metric is a quantity of samples that is a function of their counts.
type Metric func(Counts) Number

// Group is what one group of images adds to the counts: its own confusion, and
// the pairs that it takes part in. Won is of its positives with all negatives,
// Lost of its negatives with all positives, Within of pairs inside the group, all
// counted as Counts.Won is.
type Group struct {
	Confusion         [2][2]int
	Won, Lost, Within int
}

// size is the number of images of a class.
func (g Group) size(class int) int { return g.Confusion[class][0] + g.Confusion[class][1] }

// Clusters is the samples by group: the one statistic behind every interval and
// test. Groups are in the order of their names.
type Clusters struct {
	Groups []Group
	Whole  Counts

	repeats float64 // how often an image is among the samples, on average
}

// Cluster sorts samples into groups.
func Cluster(samples []Sample) Clusters {
	at, names := map[string]int{}, []string(nil)
	for _, s := range samples {
		if _, ok := at[s.Group]; !ok {
			at[s.Group] = 0
			names = append(names, s.Group)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		at[name] = i
	}
	c := Clusters{Groups: make([]Group, len(names)), repeats: 1}
	scores := make([]score, len(samples))
	for i, s := range samples {
		g := at[s.Group]
		c.Groups[g].Confusion[s.Class][s.Called()]++
		c.Whole.Confusion[s.Class][s.Called()]++
		c.Whole.unscored = c.Whole.unscored || math.IsNaN(s.P)
		scores[i] = score{s.P, s.Class, g}
	}
	if !c.Whole.unscored {
		c.countPairs(scores)
	}
	return c
}

// score is a sample with the place of its group.
type score struct {
	p            float64
	class, group int
}

// countPairs walks up the scores, one block of equal ones at a time.
func (c *Clusters) countPairs(s []score) {
	slices.SortFunc(s, func(a, b score) int { return cmp.Compare(a.p, b.p) })
	positives := c.Whole.Confusion[0][0] + c.Whole.Confusion[0][1]
	var below [2]int
	belowIn, tiedIn := make([]int, len(c.Groups)), make([]int, len(c.Groups)) // negatives of each group
	for i := 0; i < len(s); {
		j, tied := i, [2]int{}
		for ; j < len(s) && s[j].p == s[i].p; j++ {
			tied[s[j].class]++
			tiedIn[s[j].group] += s[j].class
		}
		for _, v := range s[i:j] {
			g := &c.Groups[v.group]
			if v.class == 0 {
				g.Won += 2*below[1] + tied[1]
				g.Within += 2*belowIn[v.group] + tiedIn[v.group]
			} else {
				g.Lost += 2*(positives-below[0]-tied[0]) + tied[0]
			}
		}
		for _, v := range s[i:j] {
			belowIn[v.group] += v.class
			tiedIn[v.group] = 0
		}
		c.Whole.Won += tied[0] * (2*below[1] + tied[1])
		below[0], below[1] = below[0]+tied[0], below[1]+tied[1]
		i = j
	}
}

// Without is the counts of all groups but one.
func (c Clusters) Without(group int) Counts {
	g, rest := c.Groups[group], c.Whole
	for i := range 4 {
		rest.Confusion[i/2][i%2] -= g.Confusion[i/2][i%2]
	}
	rest.Won -= g.Won + g.Lost - g.Within
	return rest
}

// Holding is the number of groups with images of each class.
func (c Clusters) Holding() (n [2]int) {
	for _, g := range c.Groups {
		for class := range n {
			if g.size(class) > 0 {
				n[class]++
			}
		}
	}
	return n
}
