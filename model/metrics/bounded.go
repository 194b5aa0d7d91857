package metrics

import (
	"math"

	"g2c/internal/fmath/distribution"
)

// assumedCorrelation is the least correlation of two images of a group (of being
// judged rightly) that an interval reckons with. Few groups cannot show that they
// do not differ: where all images are judged rightly, or nearly, the data's own
// estimate is no variation at all. The value is that with which the simulation of
// docs/statistics.md covers; correlations there go up to 0.3.
const assumedCorrelation = 0.2

// sample is how much the images behind a metric say.
type sample struct {
	images float64 // as many independent images would be worth, if groups did not matter
	groups int     // that hold them
	worth  float64 // independent images that they are worth at most, with the assumed correlation
}

// sampleOf measures groups by their numbers of images:
//
//	worth = n / (1 + (m-1) assumedCorrelation),  m = sum of n_g² / n.
//
// An image that several seeds judge is one image: sizes are divided by how often.
// Source: Kish 1965, the design effect of clusters of unequal sizes.
func (c Clusters) sampleOf(size func(Group) int) sample {
	var s sample
	squares := 0.0
	for _, g := range c.Groups {
		if size := size(g); size > 0 {
			n := float64(size) / c.repeats
			s.groups++
			s.images += n
			squares += float64(n * n)
		}
	}
	s.worth = s.images / (1 + float64((squares/s.images-1)*assumedCorrelation))
	return s
}

// sizes measures the groups of each class.
func (c Clusters) sizes() (s [2]sample) {
	for class := range s {
		s[class] = c.sampleOf(func(g Group) int { return g.size(class) })
	}
	return s
}

// calledPositive measures the images that precision is a share of.
func (c Clusters) calledPositive() sample {
	return c.sampleOf(func(g Group) int { return g.Confusion[0][0] + g.Confusion[1][0] })
}

// and is the sample of a metric that rests on both classes alike: the smaller one
// for what is known of groups, and worth what the mean of two proportions is,
//
//	1/worth = (1/worth_a + 1/worth_b) / 4.
func (s sample) and(o sample) sample {
	return sample{
		images: min(s.images, o.images), groups: min(s.groups, o.groups),
		worth: 4 * s.worth * o.worth / (s.worth + o.worth),
	}
}

// bounded is the interval of a metric between 0 and 1. As many independent trials
// as would vary like the metric,
//
//	n* = θ(1-θ)/variance · (t(images-1) / t(groups-1))²,   at most worth,
//
// of which the share θ succeeded, have the exact interval of a binomial
// proportion: with x = n*θ and α = 1 - level, from the quantile α/2 of
// Beta(x, n*-x+1) to the quantile 1-α/2 of Beta(x+1, n*-x). t(d) is the quantile
// 1-α/2 of Student's distribution.
// Source: Korn and Graubard 1998, with the jackknife's variance; the bound of n*
// is ours.
func (j Jackknife) bounded(s sample, level float64) Estimate {
	e := Estimate{Value: j.Value, Interval: Interval{Undefined(), Undefined()}}
	θ, variance := float64(j.Value), j.Variance()
	if s.groups < minGroups || math.IsNaN(θ) || math.IsNaN(variance) || math.IsNaN(s.worth) {
		return e
	}
	α := 1 - level
	n := s.worth
	if variance > 0 {
		t := distribution.StudentQuantile(1-α/2, max(1, s.images-1)) / distribution.StudentQuantile(1-α/2, float64(s.groups-1))
		n = min(n, float64(float64(θ*(1-θ))/variance*float64(t*t)))
	}
	e.Interval = exact(float64(n*θ), n, α)
	return e
}

// exact is Clopper and Pearson's interval of x successes in n trials, of which
// neither need be whole.
// Source: Clopper and Pearson 1934.
func exact(x, n, α float64) Interval {
	low, high := 0.0, 1.0
	if x > 0 {
		low = distribution.BetaQuantile(α/2, x, n-x+1)
	}
	if x < n {
		high = distribution.BetaQuantile(1-α/2, x+1, n-x)
	}
	return Interval{Number(low), Number(high)}
}
