package fmath

import (
	"math"
	"math/bits"
)

// Sin returns the sine of x radians, for finite x of any size. NaN and ±Inf give
// NaN, ±0 gives ±0.
func Sin(x float64) float64 {
	if x == 0 {
		return x
	}
	q, r := reduce(x)
	switch q {
	case 0:
		return kernelSin(r)
	case 1:
		return kernelCos(r)
	case 2:
		return -kernelSin(r)
	}
	return -kernelCos(r)
}

// Cos returns the cosine of x radians, for finite x of any size. NaN and ±Inf
// give NaN.
func Cos(x float64) float64 {
	q, r := reduce(x)
	switch q {
	case 0:
		return kernelCos(r)
	case 1:
		return -kernelSin(r)
	case 2:
		return -kernelCos(r)
	}
	return kernelSin(r)
}

// kernelSin is sin(r) for |r| <= pi/4 (FreeBSD's k_sin.c).
func kernelSin(r float64) float64 {
	const (
		s1 = -1.66666666666666324348e-01
		s2 = 8.33333333332248946124e-03
		s3 = -1.98412698298579493134e-04
		s4 = 2.75573137070700676789e-06
		s5 = -2.50507602534068634195e-08
		s6 = 1.58969099521155010221e-10
	)
	z := float64(r * r)
	p := s5 + float64(z*s6)
	p = s4 + float64(z*p)
	p = s3 + float64(z*p)
	p = s2 + float64(z*p)
	p = s1 + float64(z*p)
	return r + float64(float64(z*r)*p)
}

// kernelCos is cos(r) for |r| <= pi/4 (FreeBSD's k_cos.c).
func kernelCos(r float64) float64 {
	const (
		c1 = 4.16666666666666019037e-02
		c2 = -1.38888888888741095749e-03
		c3 = 2.48015872894767294178e-05
		c4 = -2.75573143513906633035e-07
		c5 = 2.08757232129817482790e-09
		c6 = -1.13596475577881948265e-11
	)
	z := float64(r * r)
	p := c5 + float64(z*c6)
	p = c4 + float64(z*p)
	p = c3 + float64(z*p)
	p = c2 + float64(z*p)
	p = c1 + float64(z*p)
	half := float64(0.5 * z)
	w := 1 - half
	return w + (((1 - w) - half) + float64(float64(z*z)*p))
}

// reduce returns the quadrant q of x, 0 to 3, and r in [-pi/4, pi/4] with
// x = q pi/2 + r modulo 2 pi. r is within 0.51 units in the last place of the
// exact remainder, and NaN for NaN and ±Inf.
//
// It is Payne and Hanek's method in integers: the product of the 53 bits of x
// with those 192 bits of 4/pi that matter modulo 8, of which no double cancels
// more than 62.
func reduce(x float64) (q int, r float64) {
	if math.Abs(x) <= math.Pi/4 {
		return 0, x
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, math.NaN()
	}
	const mantissaBits = 52
	b := math.Float64bits(x)
	exp := int(b>>mantissaBits&0x7ff) - 1023 - mantissaBits // -53 or more, as |x| > pi/4
	m := b&(1<<mantissaBits-1) | 1<<mantissaBits

	word, shift := uint(exp+61)/64, uint(exp+61)%64
	w0 := fourOverPi[word]<<shift | fourOverPi[word+1]>>(64-shift)
	w1 := fourOverPi[word+1]<<shift | fourOverPi[word+2]>>(64-shift)
	w2 := fourOverPi[word+2]<<shift | fourOverPi[word+3]>>(64-shift)
	carry, _ := bits.Mul64(w2, m)
	mid, low := bits.Mul64(w1, m)
	low, c := bits.Add64(low, carry, 0)
	high := w0*m + mid + c

	// (high, low) is |x| 4/pi modulo 8 in units of 2^-125. The nearest even
	// multiple of pi/4 is taken out; what is left is signed, at most 1 in size.
	q = int((high>>61 + 1) >> 1 & 3)
	high -= uint64(q) << 62
	negative := high>>63 == 1
	if negative {
		low, c = bits.Sub64(0, low, 0)
		high, _ = bits.Sub64(0, high, c)
	}
	r = timesQuarterPi(high, low)
	if negative {
		r = -r
	}
	if x < 0 {
		q, r = -q&3, -r
	}
	return q, r
}

// timesQuarterPi is (high 2^64 + low) 2^-125 pi/4, rounded once.
func timesQuarterPi(high, low uint64) float64 {
	const quarterPi = 0xc90fdaa22168c234 // pi/4 in units of 2^-64
	zeros := bits.LeadingZeros64(high)
	if zeros == 64 {
		high, low = low, 0
		zeros = bits.LeadingZeros64(high) + 64
		high <<= uint(zeros - 64)
	} else if zeros > 0 {
		high = high<<uint(zeros) | low>>uint(64-zeros)
	}
	top, _ := bits.Mul64(high, quarterPi)
	return math.Ldexp(float64(top), 3-64-zeros)
}

// fourOverPi is 4/pi in binary: the first word is its integer part, the others
// 64 bits of the fraction each.
var fourOverPi = [...]uint64{
	0x0000000000000001,
	0x45f306dc9c882a53, 0xf84eafa3ea69bb81, 0xb6c52b3278872083, 0xfca2c757bd778ac3,
	0x6e48dc74849ba5c0, 0x0c925dd413a32439, 0xfc3bd63962534e7d, 0xd1046bea5d768909,
	0xd338e04d68befc82, 0x7323ac7306a673e9, 0x3908bf177bf25076, 0x3ff12fffbc0b301f,
	0xde5e2316b414da3e, 0xda6cfd9e4f96136e, 0x9e8c7ecd3cbfd45a, 0xea4f758fd7cbe2f6,
	0x7a0e73ef14a525d4, 0xd7f6bf623f1aba10, 0xac06608df8f6d757,
}
