package fmath

import "math"

// atan of 0.5, 1, 1.5 and infinity, in two parts each.
var (
	atanHi = [4]float64{4.63647609000806093515e-01, 7.85398163397448278999e-01, 9.82793723247329054082e-01, 1.57079632679489655800e+00}
	atanLo = [4]float64{2.26987774529616870924e-17, 3.06161699786838301793e-17, 1.39033110312309984516e-17, 6.12323399573676603587e-17}
)

// atanOdd and atanEven are the coefficients of the kernel of FreeBSD's s_atan.c.
var (
	atanOdd = [6]float64{3.33333333333329318027e-01, 1.42857142725034663711e-01, 9.09088713343650656196e-02,
		6.66107313738753120669e-02, 4.97687799461593236017e-02, 1.62858201153657823623e-02}
	atanEven = [5]float64{-1.99999999998764832476e-01, -1.11111104054623557880e-01, -7.69187620504482999495e-02,
		-5.83357013379057348645e-02, -3.65315727442169155270e-02}
)

// Atan returns the arc tangent of x in radians. NaN gives NaN, ±0 gives ±0, ±Inf gives ±pi/2.
//
// x is reduced to [-7/16, 7/16] by the addition theorem about 0.5, 1, 1.5 or infinity, and
// the rest is the polynomial of FreeBSD's s_atan.c.
func Atan(x float64) float64 {
	a := math.Abs(x)
	switch {
	case math.IsNaN(x) || a < 0x1p-27:
		return x
	case a >= 0x1p66:
		return math.Copysign(atanHi[3]+atanLo[3], x)
	}
	id := -1
	switch {
	case a < 0.4375:
	case a < 0.6875:
		id, a = 0, (float64(2*a)-1)/(2+a)
	case a < 1.1875:
		id, a = 1, (a-1)/(a+1)
	case a < 2.4375:
		id, a = 2, (a-1.5)/(1+float64(1.5*a))
	default:
		id, a = 3, -1/a
	}
	p := float64(a * atanKernel(float64(a*a)))
	if id < 0 {
		return math.Copysign(a-p, x)
	}
	return math.Copysign(atanHi[id]-((p-atanLo[id])-a), x)
}

// atanKernel is 1 - atan(r)/r for z = r².
func atanKernel(z float64) float64 {
	w := float64(z * z)
	odd, even := 0.0, 0.0
	for i := len(atanOdd) - 1; i >= 0; i-- {
		odd = atanOdd[i] + float64(w*odd)
	}
	for i := len(atanEven) - 1; i >= 0; i-- {
		even = atanEven[i] + float64(w*even)
	}
	return float64(z*odd) + float64(w*even)
}

// Atan2 returns the angle of the point (x, y) in radians, in [-pi, pi]: the quadrant is
// that of the signs, on the axes too. Both arguments are finite; both zero give an angle
// of 0 or ±pi, as math.Atan2 does.
func Atan2(y, x float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsNaN(y):
		return math.NaN()
	case y == 0:
		if math.Signbit(x) {
			return math.Copysign(math.Pi, y)
		}
		return y
	case x == 0:
		return math.Copysign(math.Pi/2, y)
	}
	q := Atan(math.Abs(y / x))
	if x < 0 {
		q = math.Pi - (q - piLo)
	}
	return math.Copysign(q, y)
}

// piLo is what pi has beyond its double.
const piLo = 1.2246467991473531772e-16
