package distribution

import (
	"math"

	"g2c/internal/fmath"
)

// Normal returns the probability that a standard normal variable is at most x.
func Normal(x float64) float64 {
	z := math.Abs(x) / math.Sqrt2
	tail := upper(z) / 2
	switch {
	case math.IsNaN(x):
		return x
	case x < 0:
		return tail
	}
	return 1 - tail
}

// upper is erfc(z) for z >= 0: below 2 from the series
//
//	erf(z) = 2/sqrt(pi) e^-z² sum over k of 2^k z^(2k+1) / (1·3·…·(2k+1)),
//
// above from the continued fraction
//
//	erfc(z) = e^-z²/sqrt(pi) · 1/(z + (1/2)/(z + 1/(z + (3/2)/(z + …)))),
//
// evaluated from its 60th level.
// Source: Abramowitz and Stegun 7.1.6, 7.1.14.
func upper(z float64) float64 {
	const levels = 60
	scale := fmath.Exp(-z*z) / math.Sqrt(math.Pi)
	if z < 2 {
		term, sum := z, z
		for k := 1; term > 1e-18*sum; k++ {
			term *= 2 * z * z / float64(2*k+1)
			sum += term
		}
		return 1 - float64(2*scale*sum)
	}
	f := z
	for k := levels; k > 0; k-- {
		f = z + float64(k)/2/f
	}
	return scale / f
}

// NormalQuantile returns the x with Normal(x) = p; ±Inf at 1 and 0, NaN outside.
// A rational start (Abramowitz and Stegun 26.2.23), then Halley's steps.
func NormalQuantile(p float64) float64 {
	switch {
	case !(p >= 0 && p <= 1):
		return math.NaN()
	case p == 0:
		return math.Inf(-1)
	case p == 1:
		return math.Inf(1)
	case p > 0.5:
		return -NormalQuantile(1 - p)
	}
	t := math.Sqrt(-2 * fmath.Log(p))
	numerator := 2.515517 + float64(t*(0.802853+float64(t*0.010328)))
	denominator := 1 + float64(t*(1.432788+float64(t*(0.189269+float64(t*0.001308)))))
	x := numerator/denominator - t
	for range 3 {
		density := fmath.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
		if density == 0 {
			break
		}
		u := (Normal(x) - p) / density
		x -= u / (1 + float64(x*u)/2)
	}
	return x
}
