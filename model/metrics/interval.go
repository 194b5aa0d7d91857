package metrics

// Interval is a confidence interval, from low to high; both ends are undefined if
// it is.
type Interval [2]Number

// Level is the confidence level of an interval that stands alone. Of a family of
// m comparisons it is 1 - 0.05/m.
const Level = 0.95

// FamilyLevel is the confidence level of each of m intervals that are to hold
// together with probability Level.
// Source: Bonferroni's inequality.
func FamilyLevel(m int) float64 { return 1 - (1-Level)/float64(max(m, 1)) }

// SureGroups is the number of groups of a class below which an interval is marked
// and a comparison makes no claim: it rests on too few patients or slides.
const SureGroups = 10

// minGroups is the number below which nothing is known of how groups differ.
const minGroups = 2

// Estimate is a metric with its interval.
type Estimate struct {
	Value    Number
	Interval Interval
}

// Estimates are the metrics of a set of samples.
type Estimates struct {
	Level  float64 // of each interval
	N      int     // samples
	Groups [2]int  // groups with samples of each class

	Recall           [2]Estimate // by class
	BalancedAccuracy Estimate
	Accuracy         Estimate
	AUC              Estimate
	F1               Estimate // of the positive class, as is Precision
	Precision        Estimate
}

// Few reports whether a class has fewer than SureGroups groups.
func (e Estimates) Few() bool { return min(e.Groups[0], e.Groups[1]) < SureGroups }

// Intervals estimates the metrics with intervals of a confidence level. What
// varies is the choice of whole groups (patients, slides), not of images. With
// fewer than two groups of a class that a metric rests on its interval is
// undefined. docs/statistics.md says what the intervals cover.
func Intervals(samples []Sample, level float64) Estimates {
	return IntervalsOver(samples, len(samples), level)
}

// IntervalsOver is Intervals of samples that stand for so many images, of which each was
// judged several times, by seeds: that says more of the image, and nothing of others.
// What ranks scores means nothing where several models gave them.
func IntervalsOver(samples []Sample, images int, level float64) Estimates {
	c := Cluster(samples)
	if images > 0 {
		c.repeats = float64(len(samples)) / float64(images)
	}
	e := Estimates{Level: level, N: images, Groups: c.Holding()}
	size := c.sizes()
	both := size[0].and(size[1])
	var correlation float64
	e.Recall, correlation = c.recalls(level)
	e.BalancedAccuracy, e.AUC = moverMean(e.Recall, correlation), c.area(level)
	e.F1 = c.Jackknife(F1).bounded(both, level)
	e.Accuracy = c.Jackknife(Accuracy).bounded(both, level)
	called := both
	called.worth = min(called.worth, c.calledPositive().worth)
	e.Precision = c.Jackknife(Precision).bounded(called, level)
	return e
}

// recalls estimates the recalls, and how they vary together.
func (c Clusters) recalls(level float64) (of [2]Estimate, correlation float64) {
	var j [2]Jackknife
	for class, size := range c.sizes() {
		j[class] = c.Jackknife(Recall(class))
		of[class] = j[class].bounded(size, level)
	}
	return of, j[0].Correlation(j[1])
}

func (c Clusters) balanced(level float64) Estimate {
	recalls, correlation := c.recalls(level)
	return moverMean(recalls, correlation)
}

func (c Clusters) area(level float64) Estimate {
	size := c.sizes()
	return c.Jackknife(Area).bounded(size[0].and(size[1]), level)
}
