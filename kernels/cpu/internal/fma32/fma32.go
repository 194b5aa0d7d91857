// Package fma32 is the definition of a fused multiply-add in float32, in plain
// arithmetic: what a chain of VFMADD231SS computes. It is for tests and for the
// few places where a machine with the instruction runs no assembly.
package fma32

import "math"

// FMA is x*y + z, rounded once.
//
// The product of two float32 is exact in float64. Its sum with z is rounded to
// odd there: where the sum is inexact, the neighbour with an odd last bit is
// taken. A float64 has more than two bits to spare over a float32, so that
// rounding again cannot go wrong.
func FMA(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	if math.IsInf(s, 0) || math.IsNaN(s) {
		return float32(s)
	}
	b := s - p
	lost := (p - (s - b)) + (c - b)
	if lost == 0 {
		return float32(s)
	}
	bits := math.Float64bits(s)
	if bits&1 == 0 {
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}
