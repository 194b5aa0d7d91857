package main

import "fmt"

// cell is one made-up situation.
type cell struct {
	groups int        // of the positive class
	images int        // of a class in a group that holds it, on average
	icc    float64    // correlation of two images of a group (beta: of being judged rightly; probit: of their scores)
	recall [2]float64 // the truth; by class
	gain   float64    // of a second arm's recalls over it; comparisons only
	situation
}

// situation is how groups come.
type situation struct {
	name  string
	shape string  // of the groups' sizes: equal, geometric, third
	mixed float64 // 0: a group holds one class; otherwise both, with this correlation of its effects on them
	model string  // of the group effects: beta, probit
	times int     // groups of the negative class for one of the positive
}

var situations = []situation{
	{"equal sizes", "equal", 0, "beta", 1},
	{"largest 5 times the smallest", "geometric", 0, "beta", 1},
	{"one group holds a third", "third", 0, "beta", 1},
	{"three times the groups of negatives", "geometric", 0, "beta", 3},
	{"both classes in a group, hard together", "geometric", 0.7, "beta", 1},
	{"both classes in a group, hard in turn", "geometric", -0.7, "beta", 1},
	{"normal group effects", "geometric", 0, "probit", 1},
}

var (
	groupNumbers = []int{5, 7, 10, 20}
	correlations = []float64{0.02, 0.1, 0.3}
	recalls      = [][2]float64{{0.75, 0.9}, {0.97, 0.75}, {0.97, 0.97}, {1, 0.9}}
)

// intervalCells are the situations in which intervals are held to the truth.
func intervalCells(images int) (out []cell) {
	for _, k := range groupNumbers {
		for _, icc := range correlations {
			for _, r := range recalls {
				for _, s := range situations {
					out = append(out, cell{groups: k, images: images, icc: icc, recall: r, situation: s})
				}
			}
		}
	}
	return out
}

// comparisonCells are those of two arms: of equal worth, and one better.
func comparisonCells(images int) (out []cell) {
	for _, k := range groupNumbers {
		for _, icc := range correlations {
			for _, s := range []situation{situations[1], situations[2], situations[4], situations[5]} {
				out = append(out, cell{groups: k, images: images, icc: icc, recall: [2]float64{0.75, 0.9}, situation: s},
					cell{groups: k, images: images, icc: icc, recall: [2]float64{0.97, 0.9}, situation: s},
					cell{groups: k, images: images, icc: icc, recall: [2]float64{0.8, 0.85}, gain: 0.1, situation: s})
			}
		}
	}
	return out
}

// String names a cell in a message.
func (c cell) String() string {
	return fmt.Sprintf("%d groups, correlation %g, recalls %g and %g, gain %g, %s", c.groups, c.icc, c.recall[0], c.recall[1], c.gain, c.name)
}
