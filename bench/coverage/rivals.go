package main

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"g2c/internal/fmath"
	"g2c/internal/fmath/distribution"
	"g2c/internal/philox"
	"g2c/model/metrics"
)

// bounds is an interval; NaN where a method makes none.
type bounds [2]float64

var none = bounds{math.NaN(), math.NaN()}

// input is what a method is given: the samples of a repetition, sorted once.
type input struct {
	samples   []metrics.Sample
	clusters  metrics.Clusters
	jackknife [quantities]metrics.Jackknife
	seed      uint32
}

// method makes an interval of each quantity.
type method struct {
	name        string
	repetitions int // at most; 0: all
	bounds      func(input) [quantities]bounds
}

// methods are ours, then those that it is held against.
var methods = []method{
	{"chosen", 0, chosen},
	{"Korn–Graubard, no assumed correlation", 0, unbounded},
	{"jackknife, t", 0, plainJackknife},
	{"jackknife, t, logit", 0, logitJackknife},
	{"percentile bootstrap of groups", bootstrapRepetitions, bootstrap},
	{"Wald, images independent", 0, wald},
	{"Clopper–Pearson, images independent", 0, imagesExact},
}

func chosen(in input) [quantities]bounds {
	e := metrics.Intervals(in.samples, metrics.Level)
	var out [quantities]bounds
	for q, x := range [quantities]metrics.Estimate{
		recallPositive: e.Recall[0], recallNegative: e.Recall[1], balanced: e.BalancedAccuracy,
		auc: e.AUC, f1: e.F1, precision: e.Precision, accuracy: e.Accuracy,
	} {
		out[q] = bounds{float64(x.Interval[0]), float64(x.Interval[1])}
	}
	return out
}

// quantile95 is the quantile 0.975 of Student's distribution.
var quantile95 = func() (t [64]float64) {
	for df := 1; df < len(t); df++ {
		t[df] = distribution.StudentQuantile(0.975, float64(df))
	}
	return t
}()

// freedom is (fewest groups of a class) - 1, of a recall its class alone.
func (in input) freedom(q int) int {
	n := in.clusters.Holding()
	switch q {
	case recallPositive:
		return n[0] - 1
	case recallNegative:
		return n[1] - 1
	}
	return min(n[0], n[1]) - 1
}

// unbounded is Korn and Graubard's interval as published, with the number of
// images for the effective one where the variance is 0; balanced accuracy by MOVER
// without correlation.
func unbounded(in input) (out [quantities]bounds) {
	for q, j := range in.jackknife {
		n, p, v := in.images(q), float64(j.Value), j.Variance()
		if v > 0 {
			t := distribution.StudentQuantile(0.975, n-1) / quantile95[in.freedom(q)]
			n = min(n, p*(1-p)/v*t*t)
		}
		out[q] = clopper(n*p, n)
		if math.IsNaN(p + v) {
			out[q] = none
		}
	}
	p, a, b := in.jackknife, out[recallPositive], out[recallNegative]
	out[balanced] = independent(float64(p[recallPositive].Value), float64(p[recallNegative].Value), a, b)
	return out
}

// independent is MOVER of the mean of two independent estimates.
func independent(x, y float64, a, b bounds) bounds {
	square := func(v float64) float64 { return v * v }
	return bounds{
		(x + y - math.Sqrt(square(x-a[0])+square(y-b[0]))) / 2,
		(x + y + math.Sqrt(square(a[1]-x)+square(b[1]-y))) / 2,
	}
}

// images is the number of images that a quantity rests on.
func (in input) images(q int) float64 {
	m := in.clusters.Whole.Confusion
	n := [2]int{m[0][0] + m[0][1], m[1][0] + m[1][1]}
	switch q {
	case recallPositive:
		return float64(n[0])
	case recallNegative:
		return float64(n[1])
	case precision:
		return float64(m[0][0] + m[1][0])
	case accuracy:
		return float64(n[0] + n[1])
	}
	return float64(min(n[0], n[1]))
}

func clopper(x, n float64) bounds {
	b := bounds{0, 1}
	if x > 0 {
		b[0] = distribution.BetaQuantile(0.025, x, n-x+1)
	}
	if x < n {
		b[1] = distribution.BetaQuantile(0.975, x+1, n-x)
	}
	return b
}

func plainJackknife(in input) (out [quantities]bounds) {
	for q, j := range in.jackknife {
		p, reach := float64(j.Value), quantile95[in.freedom(q)]*math.Sqrt(j.Variance())
		out[q] = bounds{p - reach, p + reach}
	}
	return out
}

func logitJackknife(in input) (out [quantities]bounds) {
	for q, j := range in.jackknife {
		p := float64(j.Value)
		if p == 0 || p == 1 {
			out[q] = bounds{p, p}
			continue
		}
		reach := quantile95[in.freedom(q)] * math.Sqrt(j.Variance()) / (p * (1 - p))
		logit := fmath.Log(p / (1 - p))
		out[q] = bounds{fmath.Sigmoid(logit - reach), fmath.Sigmoid(logit + reach)}
	}
	return out
}

// proportions lists the quantities that are shares of images.
var proportions = []int{recallPositive, recallNegative, precision, accuracy}

func wald(in input) (out [quantities]bounds) {
	const z = 1.959963984540054
	reach := func(q int) float64 {
		p := float64(in.jackknife[q].Value)
		return z * math.Sqrt(p*(1-p)/in.images(q))
	}
	out[auc], out[f1] = none, none
	for _, q := range proportions {
		p := float64(in.jackknife[q].Value)
		out[q] = bounds{p - reach(q), p + reach(q)}
	}
	a, b, p := reach(recallPositive), reach(recallNegative), float64(in.jackknife[balanced].Value)
	both := math.Sqrt(a*a+b*b) / 2
	out[balanced] = bounds{p - both, p + both}
	return out
}

func imagesExact(in input) (out [quantities]bounds) {
	out[auc], out[f1] = none, none
	for _, q := range proportions {
		n := in.images(q)
		out[q] = clopper(math.Round(n*float64(in.jackknife[q].Value)), n)
	}
	p := in.jackknife
	out[balanced] = independent(float64(p[recallPositive].Value), float64(p[recallNegative].Value), out[recallPositive], out[recallNegative])
	return out
}

const (
	resamples            = 500
	bootstrapRepetitions = 100
)

// bootstrap is the percentiles 2.5 and 97.5 over resamples of whole groups.
func bootstrap(in input) (out [quantities]bounds) {
	groups := in.clusters.Groups
	won := pairsWon(in)
	var values [quantities][]float64
	for r := range resamples {
		times := make([]int, len(groups))
		for d := range groups {
			w := philox.Words(in.seed, philox.Bootstrap, [4]uint32{uint32(r), uint32(d), 0, 0})
			times[philox.Below(w[0], len(groups))]++
		}
		var c metrics.Counts
		for g, k := range times {
			if k == 0 {
				continue
			}
			for i := range 4 {
				c.Confusion[i/2][i%2] += k * groups[g].Confusion[i/2][i%2]
			}
			for h, l := range times {
				c.Won += k * l * won[g*len(groups)+h]
			}
		}
		for q := range values {
			if v := formula[q](c); v.Defined() {
				values[q] = append(values[q], float64(v))
			}
		}
	}
	for q, v := range values {
		slices.Sort(v)
		out[q] = none
		if len(v) > 0 {
			out[q] = bounds{v[len(v)*25/1000], v[min(len(v)*975/1000, len(v)-1)]}
		}
	}
	return out
}

// pairsWon is twice the ordered pairs of the positives of one group (row) with the
// negatives of another.
func pairsWon(in input) []int {
	k := len(in.clusters.Groups)
	won := make([]int, k*k)
	at := map[string]int{} // names have their groups' order
	for _, s := range in.samples {
		at[s.Group] = 0
	}
	for g, name := range slices.Sorted(maps.Keys(at)) {
		at[name] = g
	}
	sorted := slices.Clone(in.samples)
	slices.SortFunc(sorted, func(a, b metrics.Sample) int { return cmp.Compare(a.P, b.P) })
	below := make([]int, k)
	for _, s := range sorted { // scores are distinct but for rounding
		g := at[s.Group]
		if s.Class == 1 {
			below[g]++
			continue
		}
		for h, n := range below {
			won[g*k+h] += 2 * n
		}
	}
	return won
}
