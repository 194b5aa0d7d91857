package fmath

import "math"

// ln 2 in two parts; ln2Hi has 21 trailing zero bits, so that k*ln2Hi is exact
// for every binary exponent k.
const (
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10
)

// Exp returns e^x. NaN gives NaN, +Inf and overflow +Inf, -Inf and underflow 0.
//
// x = k ln2 + r with |r| <= ln2/2, and e^r from the rational kernel of FreeBSD's
// e_exp.c: e^r = 1 + r + r c/(2-c), c = r - r^2 P(r^2).
func Exp(x float64) float64 {
	const (
		overflow  = 7.09782712893383973096e+02
		underflow = -7.45133219101941108420e+02
		nearZero  = 1.0 / (1 << 28)
		log2e     = 1.44269504088896338700e+00

		p1 = 1.66666666666666657415e-01
		p2 = -2.77777777770155933842e-03
		p3 = 6.61375632143793436117e-05
		p4 = -1.65339022054652515390e-06
		p5 = 4.13813679705723846039e-08
	)
	switch {
	case math.IsNaN(x):
		return x
	case x > overflow:
		return math.Inf(1)
	case x < underflow:
		return 0
	case -nearZero < x && x < nearZero:
		return 1 + x
	}
	k := math.Floor(float64(log2e*x) + 0.5)
	hi := x - float64(k*ln2Hi)
	lo := float64(k * ln2Lo)
	r := hi - lo
	t := float64(r * r)
	p := p4 + float64(t*p5)
	p = p3 + float64(t*p)
	p = p2 + float64(t*p)
	p = p1 + float64(t*p)
	c := r - float64(t*p)
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	return math.Ldexp(y, int(k))
}

// Sigmoid returns 1/(1+e^-x), without overflow on either side. NaN gives NaN.
func Sigmoid(x float64) float64 {
	if x < 0 {
		e := Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + Exp(-x))
}

// Tanh returns the hyperbolic tangent of x. NaN gives NaN, ±0 gives ±0, large
// arguments ±1.
//
// Near zero it is the rational kernel of Cephes' tanh.c, elsewhere
// 1 - 2/(e^2x + 1).
func Tanh(x float64) float64 {
	const (
		saturated = 22 // tanh(22) rounds to 1
		small     = 0.625

		p0 = -9.64399179425052238628e-1
		p1 = -9.92877231001918586564e1
		p2 = -1.61468768441708447952e3
		q0 = 1.12811678491632931402e2
		q1 = 2.23548839060100448583e3
		q2 = 4.84406305325125486048e3
	)
	z := math.Abs(x)
	switch {
	case math.IsNaN(x) || x == 0:
		return x
	case z > saturated:
		return math.Copysign(1, x)
	case z >= small:
		return math.Copysign(1-2/(Exp(2*z)+1), x)
	}
	s := float64(x * x)
	p := p1 + float64(s*p0)
	p = p2 + float64(s*p)
	q := q0 + s
	q = q1 + float64(s*q)
	q = q2 + float64(s*q)
	return x + float64(float64(x*s)*p)/q
}
