package distribution

import (
	"math"

	"g2c/internal/fmath"
)

// logGamma is the logarithm of the gamma function of x > 0.
// Source: Lanczos 1964 with g = 7 and nine terms (Godfrey's coefficients).
func logGamma(x float64) float64 {
	coefficients := [...]float64{
		676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
		12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
	}
	if x < 0.5 { // Γ(x) = Γ(x+1)/x
		return logGamma(x+1) - fmath.Log(x)
	}
	sum := 0.99999999999980993
	for i, c := range coefficients {
		sum += c / (x + float64(i))
	}
	t := x + 6.5
	const halfLog2Pi = 0.91893853320467274178
	return halfLog2Pi + float64((x-0.5)*fmath.Log(t)) - t + fmath.Log(sum)
}

// Beta returns the probability that a variable of the beta distribution with
// shapes a, b > 0 is at most x: the regularised incomplete beta function.
// Source: the continued fraction of Abramowitz and Stegun 26.5.8, by Lentz's
// method.
func Beta(x, a, b float64) float64 {
	return newBeta(a, b).below(x)
}

// beta is a beta distribution with its constant computed once.
type beta struct{ a, b, logScale float64 }

func newBeta(a, b float64) beta {
	return beta{a, b, logGamma(a+b) - logGamma(a) - logGamma(b)}
}

func (d beta) below(x float64) float64 {
	switch {
	case math.IsNaN(x) || !(d.a > 0 && d.b > 0):
		return math.NaN()
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	}
	front := fmath.Exp(d.logScale + float64(d.a*fmath.Log(x)) + float64(d.b*fmath.Log1p(-x)))
	if x < (d.a+1)/(d.a+d.b+2) {
		return float64(front*fraction(x, d.a, d.b)) / d.a
	}
	return 1 - float64(front*fraction(1-x, d.b, d.a))/d.b
}

// density is the derivative of below.
func (d beta) density(x float64) float64 {
	return fmath.Exp(d.logScale + float64((d.a-1)*fmath.Log(x)) + float64((d.b-1)*fmath.Log1p(-x)))
}

func fraction(x, a, b float64) float64 {
	const (
		tiny      = 1e-300
		precision = 1e-15
		limit     = 20000 // terms; about the root of the larger shape are needed
	)
	away := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/away(1-float64((a+b)*x)/(a+1))
	f := d
	for k := 1; k <= limit; k++ {
		m := float64(k)
		even := m * (b - m) * x / ((a + float64(2*m) - 1) * (a + float64(2*m)))
		d = 1 / away(1+float64(even*d))
		c = away(1 + even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + float64(2*m)) * (a + float64(2*m) + 1))
		d = 1 / away(1+float64(odd*d))
		c = away(1 + odd/c)
		step := d * c
		f *= step
		if math.Abs(step-1) < precision {
			break
		}
	}
	return f
}

// BetaQuantile returns the x with Beta(x, a, b) = p: Newton's steps, or halving
// where they leave the bracket. NaN outside of its domain.
func BetaQuantile(p, a, b float64) float64 {
	switch {
	case !(p >= 0 && p <= 1 && a > 0 && b > 0) || math.IsInf(a, 0) || math.IsInf(b, 0):
		return math.NaN()
	case p == 0 || p == 1:
		return p
	}
	d := newBeta(a, b)
	low, high := 0.0, 1.0
	x := a / (a + b)
	for range 200 {
		miss := d.below(x) - p
		if miss == 0 {
			break
		}
		if miss > 0 {
			high = x
		} else {
			low = x
		}
		next := x - miss/d.density(x)
		if !(next > low && next < high) {
			next = low + (high-low)/2
		}
		if next == x || math.Abs(next-x) <= 1e-15*x {
			x = next
			break
		}
		x = next
	}
	return x
}
