package main

import "github.com/mmcloughlin/avo/reg"

// The transforms of Winograd's convolution F(4×4, 3×3) and of its weight
// gradient F(3×3, 4×4) over the points 0, ±√2, ±1/√2 and infinity: the package
// comment of kernels/cpu/winograd.go says what they compute. The order of the
// constants of each line is that of the tables there.
var transforms = []transform{
	{name: "winogradInput", line: inputLine, gather: true},
	{name: "winogradOutput", line: outputLine, scatter: true, biased: true},
	{name: "winogradWeights", line: weightsLine},
	{name: "winogradGradient", line: gradientLine, gather: true},
	{name: "winogradGradW", line: gradWLine},
}

// inputLine is Bᵀ, 6×6.
var inputLine = line{
	from: 6, to: 6, constants: 5, temps: 3,
	formula: "d0+d4-5/2·d2; e±√2·o with e=d4-d2/2, o=d3-d1/2; e±o/√2 with e=d4-2d2, o=d3-2d1; d1+d5-5/2·d3",
	emit: func(e *lineEmitter) {
		d, t := e.in, e.t
		fiveHalves, half, two, root, inverse := e.c[0], e.c[1], e.c[2], e.c[3], e.c[4]
		e.VADDPS(d[4], d[0], d[0])
		e.VFNMADD231PS(fiveHalves, d[2], d[0])
		e.store(0, d[0])
		e.VADDPS(d[5], d[1], d[5])
		e.VFNMADD231PS(fiveHalves, d[3], d[5])
		e.store(5, d[5])
		e.VMOVUPS(d[4], t[0])
		e.VFNMADD231PS(half, d[2], t[0])
		e.VMOVUPS(d[3], t[1])
		e.VFNMADD231PS(half, d[1], t[1])
		e.VFNMADD231PS(two, d[2], d[4])
		e.VFNMADD231PS(two, d[1], d[3])
		e.plusMinus(t[0], t[1], root, t[2], 1)
		e.plusMinus(d[4], d[3], inverse, d[1], 3)
	},
}

// plusMinus stores a + c·b at i, through the register free, and a - c·b at i+1.
func (e *lineEmitter) plusMinus(a, b, c, free reg.Register, i int) {
	e.VMOVUPS(a, free)
	e.VFMADD231PS(c, b, free)
	e.store(i, free)
	e.VFNMADD231PS(c, b, a)
	e.store(i+1, a)
}

// halves is s = a + b and d = a - b, which takes the place of a.
func (e *lineEmitter) halves(a, b, s reg.Register) (sum, difference reg.Register) {
	e.VADDPS(b, a, s)
	e.VSUBPS(b, a, a)
	return s, a
}

// outputLine is Aᵀ, 4×6.
var outputLine = line{
	from: 6, to: 4, constants: 6, temps: 3,
	formula: "m0+s1+s2; √2·q1+q2/√2; 2·s1+s2/2; m5+√8·q1+q2/√8 with s1,q1=m1±m2, s2,q2=m3±m4",
	emit: func(e *lineEmitter) {
		m := e.in
		half, two, root, inverse, root8, inverse8 := e.c[0], e.c[1], e.c[2], e.c[3], e.c[4], e.c[5]
		s1, q1 := e.halves(m[1], m[2], e.t[0])
		s2, q2 := e.halves(m[3], m[4], e.t[1])
		e.VADDPS(s1, m[0], m[0])
		e.VADDPS(s2, m[0], m[0])
		e.store(0, m[0])
		e.VFMADD231PS(inverse8, q2, m[5])
		e.VFMADD231PS(root8, q1, m[5])
		e.store(3, m[5])
		e.VMULPS(root, q1, e.t[2])
		e.VFMADD231PS(inverse, q2, e.t[2])
		e.store(1, e.t[2])
		e.VMULPS(two, s1, s1)
		e.VFMADD231PS(half, s2, s1)
		e.store(2, s1)
	},
}

// weightsLine is G, 6×3.
var weightsLine = line{
	from: 3, to: 6, constants: 6, temps: 4,
	formula: "g0; (g0+2g2)/6 ± √2/6·g1; -2/3·(g0+g2/2) ± -√2/3·g1; g2",
	emit: func(e *lineEmitter) {
		g, t := e.in, e.t
		half, two, sixth, rootSixth, twoThirds, rootThird := e.c[0], e.c[1], e.c[2], e.c[3], e.c[4], e.c[5]
		e.VMOVUPS(g[0], t[0])
		e.VFMADD231PS(two, g[2], t[0])
		e.VMULPS(sixth, t[0], t[0])
		e.VMOVUPS(g[0], t[1])
		e.VFMADD231PS(half, g[2], t[1])
		e.VMULPS(twoThirds, t[1], t[1])
		e.store(0, g[0])
		e.store(5, g[2])
		e.plusMinus(t[0], g[1], rootSixth, t[2], 1)
		e.plusMinus(t[1], g[1], rootThird, t[3], 3)
	},
}

// gradientLine is what takes a square of 4×4 gradients to 6×6, but for factors by
// row, which gradWLine puts in.
var gradientLine = line{
	from: 4, to: 6, constants: 4, temps: 4,
	formula: "d0; (d0+2d2) ± √2·(d1+2d3); (d0+d2/2) ± (d1+d3/2)/√2; d3",
	emit: func(e *lineEmitter) {
		d, t := e.in, e.t
		half, two, root, inverse := e.c[0], e.c[1], e.c[2], e.c[3]
		e.VMOVUPS(d[0], t[0])
		e.VFMADD231PS(two, d[2], t[0])
		e.VMOVUPS(d[1], t[1])
		e.VFMADD231PS(two, d[3], t[1])
		e.store(0, d[0])
		e.store(5, d[3])
		e.VFMADD213PS(d[0], half, d[2])
		e.VMOVUPS(d[1], t[3])
		e.VFMADD231PS(half, d[3], t[3])
		e.plusMinus(t[0], t[1], root, t[2], 1)
		e.plusMinus(d[2], t[3], inverse, d[1], 3)
	},
}

// gradWLine is the way back to 3×3 weights, 3×6.
var gradWLine = line{
	from: 6, to: 3, constants: 5, temps: 3,
	formula: "m0+s1/6-2/3·s2; √2/6·q1-√2/3·q2; m5+s1/3-s2/3 with s1,q1=m1±m2, s2,q2=m3±m4",
	emit: func(e *lineEmitter) {
		m := e.in
		sixth, third, twoThirds, rootSixth, rootThird := e.c[0], e.c[1], e.c[2], e.c[3], e.c[4]
		s1, q1 := e.halves(m[1], m[2], e.t[0])
		s2, q2 := e.halves(m[3], m[4], e.t[1])
		e.VFMADD231PS(sixth, s1, m[0])
		e.VFNMADD231PS(twoThirds, s2, m[0])
		e.store(0, m[0])
		e.VMULPS(rootSixth, q1, q1)
		e.VFNMADD231PS(rootThird, q2, q1)
		e.store(1, q1)
		e.VFMADD231PS(third, s1, m[5])
		e.VFNMADD231PS(third, s2, m[5])
		e.store(2, m[5])
	},
}
