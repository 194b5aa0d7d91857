package kernels

import (
	"fmt"
	"math"
	"slices"
)

// Halvable is implemented by operations that also work on bfloat16, beside float32.
// Sums, statistics and everything between are float32 in both; a result of type
// bf16 is rounded once, to the nearest, ties to even.
type Halvable interface {
	// Halves lists the operands, of so many, that may be bf16: all of them or none.
	Halves(operands int) []int
}

// every lists all of n operands.
func every(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// halves lists the operands of an activation, or its gradient, that may be bf16.
func (a Act) halves(n int) []int {
	if a > Leaky {
		return nil
	}
	return every(n)
}

// wantHalf is want where the operands that halves lists may be bf16, all alike.
func wantHalf(op string, halves []int, in []Type, ranks ...int) error {
	plain := slices.Clone(in)
	first := -1
	for i, t := range in {
		if t.DType != BF16 && t.DType != F32 || !slices.Contains(halves, i) {
			continue
		}
		plain[i].DType = F32
		if first < 0 {
			first = i
		}
		if t.DType != in[first].DType {
			return fmt.Errorf("%s: operand %d is %v beside %v", op, i, t, in[first])
		}
	}
	return want(op, plain, ranks...)
}

// The format of bfloat16: a float32 without its lower 16 bits.
const (
	halfBits     = 7        // of the mantissa
	halfTiny     = 0x1p-133 // the smallest number above zero
	halfNormal   = 0x1p-126 // the smallest normal number
	halfOverflow = 0x1p128  // what rounds to this is infinite
)

// RoundBF16 is the bfloat16 next to x, of two as near the even one.
func RoundBF16(x float64) float64 {
	if x != x || math.IsInf(x, 0) {
		return x
	}
	step := halfTiny
	if a := math.Abs(x); a >= halfNormal {
		step = math.Ldexp(1, math.Ilogb(a)-halfBits)
	}
	r := math.RoundToEven(x/step) * step // exact but for the rounding: step is a power of two
	if math.Abs(r) >= halfOverflow {
		return math.Copysign(math.Inf(1), x)
	}
	return r
}

// ToBF16 is RoundBF16 of float32.
func ToBF16(v float32) float32 { return GetBF16(PutBF16(v)) }

// PutBF16 is the bit pattern of the bfloat16 next to v; a NaN stays one.
func PutBF16(v float32) uint16 {
	u := math.Float32bits(v)
	if v != v {
		return uint16(u>>16) | 1<<(halfBits-1)
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// GetBF16 is the number of a bit pattern of bfloat16.
func GetBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// Cast changes the type of reals: to bf16 it rounds to the nearest, ties to even;
// to f32 it is exact. x: any shape; y: the same.
// Source: torch.Tensor.to(torch.bfloat16).
type Cast struct{ To DType }

// Name implements Op.
func (Cast) Name() string { return "cast" }

// Attrs implements Op.
func (o Cast) Attrs() string { return "to=" + o.To.String() }

// Infer implements Op: operand x.
func (o Cast) Infer(in []Type) ([]Type, error) {
	if len(in) != 1 || !(in[0].DType == F32 && o.To == BF16 || in[0].DType == BF16 && o.To == F32) {
		return nil, fmt.Errorf("cast: %v to %v", in, o.To)
	}
	return []Type{{o.To, in[0].Shape}}, wantHalf("cast", []int{0}, in, -1)
}

// Cost implements Op.
func (o Cast) Cost(in, out []Type) Cost { return perElement(0, out[0], in, out) }
