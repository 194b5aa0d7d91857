package metrics

import (
	"math"

	"g2c/internal/fmath/distribution"
)

// PairedT is the mean of differences that seeds found, with Student's interval and
// two-sided test on seeds - 1 degrees of freedom. It says how much training varies
// on these images, and nothing of other patients. Undefined differences are left
// out; below two the interval and the test are undefined. Differences that are all
// equal have that interval, and a test only if they are 0.
// Source: Student 1908.
func PairedT(differences []Number, level float64) Difference {
	sum, n := 0.0, 0
	for _, d := range differences {
		if d.Defined() {
			sum += float64(d)
			n++
		}
	}
	out := Difference{Value: Undefined(), Interval: Interval{Undefined(), Undefined()}, P: Undefined()}
	if n == 0 {
		return out
	}
	mean := sum / float64(n)
	out.Value = Number(mean)
	if n < 2 {
		return out
	}
	squares := 0.0
	for _, d := range differences {
		if d.Defined() {
			squares += float64((float64(d) - mean) * (float64(d) - mean))
		}
	}
	df := float64(n - 1)
	se := math.Sqrt(squares / df / float64(n))
	reach := float64(distribution.StudentQuantile(1-(1-level)/2, df) * se)
	out.Interval = Interval{Number(mean - reach), Number(mean + reach)}
	switch {
	case se > 0:
		out.P = Number(distribution.TwoSided(mean/se, df))
	case mean == 0:
		out.P = 1
	}
	return out
}
