package metrics

// Pair is one image that two arms judged.
type Pair struct {
	A, B  float64 // predicted probability of the positive class; A is the baseline
	Class int     // the truth: 0 positive, 1 negative
	Group string  // patient, slide, or the image itself
}

// Difference is a metric of arm B less that of arm A.
type Difference struct {
	Value    Number
	Interval Interval
	P        Number // two-sided
}

// Comparison is of two arms on the same images.
type Comparison struct {
	Level  float64 // of each interval
	N      int     // images
	Groups [2]int  // groups with images of each class

	BalancedAccuracy Difference // P by sign flips of whole groups: the primary test
	AUC              Difference // by Obuchowski's variance

	SmallestP    float64 // that the primary test can give with so many groups
	OnlyA, OnlyB int     // images that one arm alone judged right

	// As if images were independent: no evidence where groups hold several.
	McNemar, DeLong Number
}

// Few reports whether a class has fewer than SureGroups groups: then a comparison
// makes no claim.
func (c Comparison) Few() bool { return min(c.Groups[0], c.Groups[1]) < SureGroups }

// Compare compares arm B with arm A, with intervals of a confidence level. The
// primary test exchanges the arms in whole groups: that is as likely as what
// happened if the arms do not differ. All is undefined without images of both
// classes, intervals and the test of areas also below two groups of a class.
func Compare(pairs []Pair, level float64) Comparison {
	a, b := Arms(pairs)
	c := Comparison{Level: level, N: len(pairs), Groups: a.Holding(), SmallestP: SmallestP(len(a.Groups))}
	for _, p := range pairs {
		switch x, y := (Sample{P: p.A, Class: p.Class}).Right(), (Sample{P: p.B, Class: p.Class}).Right(); {
		case x && !y:
			c.OnlyA++
		case y && !x:
			c.OnlyB++
		}
	}
	c.McNemar, c.DeLong = Number(McNemar(c.OnlyA, c.OnlyB)), DeLong(pairs)
	c.BalancedAccuracy = a.differenceFrom(b, BalancedAccuracy, Clusters.balanced, level)
	if c.BalancedAccuracy.Value.Defined() {
		c.BalancedAccuracy.P = Number(signFlip(contributions(a, b)))
	}
	c.AUC = a.differenceFrom(b, Area, Clusters.area, level)
	c.AUC.P = Obuchowski(a, b).studentP(min(c.Groups[0], c.Groups[1]))
	return c
}

// differenceFrom is a metric of b less that of a: each with its own interval, and
// MOVER of the two, which judge the same groups.
func (a Clusters) differenceFrom(b Clusters, m Metric, estimate func(Clusters, float64) Estimate, level float64) Difference {
	d := moverDifference(estimate(b, level), estimate(a, level), b.Jackknife(m).Correlation(a.Jackknife(m)))
	return Difference{Value: d.Value, Interval: d.Interval, P: Undefined()}
}

// Arms sorts the judgements of each arm into groups, the same ones.
func Arms(pairs []Pair) (a, b Clusters) {
	sa, sb := make([]Sample, len(pairs)), make([]Sample, len(pairs))
	for i, p := range pairs {
		sa[i], sb[i] = Sample{p.A, p.Class, p.Group}, Sample{p.B, p.Class, p.Group}
	}
	return Cluster(sa), Cluster(sb)
}

// contributions are what the groups add to the difference of balanced accuracy,
// times twice the product of the classes' numbers of images, so that they are
// whole. Exchanging the arms in a group changes the sign of its contribution.
func contributions(a, b Clusters) []int {
	m := a.Whole.Confusion
	n := [2]int{m[0][0] + m[0][1], m[1][0] + m[1][1]}
	out := make([]int, len(a.Groups))
	for g := range out {
		for class := range n {
			out[g] += (b.Groups[g].Confusion[class][class] - a.Groups[g].Confusion[class][class]) * n[1-class]
		}
	}
	return out
}
