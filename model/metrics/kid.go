package metrics

import "math"

// KID is the kernel Inception distance of two sets of features of d numbers each, row by row:
// the unbiased estimate of the squared maximum mean discrepancy under the kernel
// (x·y/d + 1)³, over all pairs of images, and its standard error by the jackknife of both
// sets. It may be negative where the sets are alike. Of less than two images of a set nothing
// is defined, and of two the standard error is not.
// Source: Bińkowski et al. 2018; torch-fidelity's and clean-fid's are means of the same over
// subsets of at most 1,000, which have its expectation.
func KID(x, y []float32, d int) (value, se float64) {
	n, m := len(x)/d, len(y)/d
	if n < 2 || m < 2 {
		return math.NaN(), math.NaN()
	}
	xx, yy := within(x, d), within(y, d)
	xy, yx := make([]float64, n), make([]float64, m)
	for i := range n {
		for j := range m {
			k := kernel(x[i*d:][:d], y[j*d:][:d])
			xy[i] += k
			yx[j] += k
		}
	}
	a, b, c := total(xx), total(yy), total(xy)
	estimate := func(a, b, c, n, m float64) float64 { return a/(n*(n-1)) + b/(m*(m-1)) - c/(n*m/2) }
	value = estimate(a, b, c, float64(n), float64(m))
	// Without an image its row goes, and its column, which holds the same.
	spread := func(own, across []float64, left func(own, across float64) float64) float64 {
		k := float64(len(own))
		leave := make([]float64, len(own))
		for i := range own {
			leave[i] = left(own[i], across[i])
		}
		mean, sum := total(leave)/k, 0.0
		for _, v := range leave {
			sum += float64((v - mean) * (v - mean))
		}
		return sum * (k - 1) / k
	}
	if n < 3 || m < 3 {
		return value, math.NaN()
	}
	variance := spread(xx, xy, func(own, across float64) float64 {
		return estimate(a-own-own, b, c-across, float64(n-1), float64(m))
	})
	variance += spread(yy, yx, func(own, across float64) float64 {
		return estimate(a, b-own-own, c-across, float64(n), float64(m-1))
	})
	return value, math.Sqrt(variance)
}

// within are the sums of the kernel of each row with all others.
func within(x []float32, d int) []float64 {
	out := make([]float64, len(x)/d)
	for i := range out {
		for j := range i {
			k := kernel(x[i*d:][:d], x[j*d:][:d])
			out[i] += k
			out[j] += k
		}
	}
	return out
}

// kernel is (x·y/d + 1)³.
func kernel(x, y []float32) float64 {
	var dot float64
	for i, v := range x {
		dot += float64(float64(v) * float64(y[i]))
	}
	k := dot/float64(len(x)) + 1
	return k * k * k
}

func total(v []float64) (sum float64) {
	for _, x := range v {
		sum += x
	}
	return sum
}
