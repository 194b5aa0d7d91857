package fmath

import "math"

// Log returns the natural logarithm of x. NaN and negative numbers give NaN,
// +Inf gives +Inf, ±0 gives -Inf.
//
// x = 2^k (1+f) with sqrt(2)/2 <= 1+f < sqrt(2), and log(1+f) from the kernel of
// FreeBSD's e_log.c in s = f/(2+f).
func Log(x float64) float64 {
	const (
		l1 = 6.666666666666735130e-01
		l2 = 3.999999999940941908e-01
		l3 = 2.857142874366239149e-01
		l4 = 2.222219843214978396e-01
		l5 = 1.818357216161805012e-01
		l6 = 1.531383769920937332e-01
		l7 = 1.479819860511658591e-01
	)
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	f := m - 1
	k := float64(e)

	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	odd := l5 + float64(s4*l7)
	odd = l3 + float64(s4*odd)
	odd = l1 + float64(s4*odd)
	even := l4 + float64(s4*l6)
	even = l2 + float64(s4*even)
	r := float64(s2*odd) + float64(s4*even)
	half := float64(float64(0.5*f) * f)
	low := float64(s*(half+r)) + float64(k*ln2Lo)
	return float64(k*ln2Hi) - ((half - low) - f)
}

// Log1p returns log(1+x), exact to the last places for small x too. NaN and
// x < -1 give NaN, -1 gives -Inf, ±0 gives ±0, +Inf gives +Inf.
//
// log(1+x) = log(u) + c/u, where u is 1+x rounded and c what rounding lost.
func Log1p(x float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case math.Abs(x) < 1.0/(1<<54):
		return x
	}
	u := 1 + x
	if u <= 0 {
		return Log(u)
	}
	c := x - (u - 1)
	if x > 1 {
		c = 1 - (u - x)
	}
	return Log(u) + c/u
}
