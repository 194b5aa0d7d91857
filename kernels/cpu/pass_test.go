package cpu

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestPasses compares the assembly of every pass with plain Go, to the bit.
func TestPasses(t *testing.T) {
	if !has(AVX2) {
		t.Skip("SKIPPED: this machine has no AVX2")
	}
	type named struct {
		name     string
		p        pass
		operands int
	}
	s := passes(AVX2)
	for _, n := range []named{
		{"addPixels", s.addPixels, 2}, {"addSquares", s.addSquares, 3}, {"addProducts", s.addProducts, 3},
		{"standardize", s.standardize, 6}, {"standardizeAdd", s.standardizeAdd, 7},
		{"affine", s.affine, 8}, {"affineAdd", s.affineAdd, 9},
		{"gradTerms", s.gradTerms, 8}, {"gradTermsBy", s.gradTermsBy, 9},
		{"gradApply", s.gradApply, 10}, {"gradApplyBy", s.gradApplyBy, 11},
		{"activate", s.activate, 4}, {"activateBack", s.activateBack, 5}, {"plus", s.plus, 3}, {"adam", s.adam, 14}, {"sgd", s.sgd, 7},
	} {
		plain := n.p
		plain.wide, plain.narrow = nil, nil
		for _, channels := range []int{1, 8, 16, 27, 40} {
			const pixels = 5
			got, want := passOperands(n.operands, pixels*channels), passOperands(n.operands, pixels*channels)
			var w workspace
			n.p.run(&w, pixels, channels, got...)
			plain.run(&w, pixels, channels, want...)
			for k := range want {
				for i := range want[k] {
					if math.Float32bits(got[k][i]) != math.Float32bits(want[k][i]) {
						t.Errorf("%s of %d channels: operand %d, element %d: %g, want %g", n.name, channels, k, i, got[k][i], want[k][i])
						break
					}
				}
			}
		}
	}
}

// passOperands draws operands large enough for any role. The third is a stream
// or values by column that may be under a root.
func passOperands(operands, n int) [][]float32 {
	r := rand.New(rand.NewPCG(uint64(operands), uint64(n)))
	out := make([][]float32, operands)
	for k := range out {
		out[k] = make([]float32, n)
		for i := range out[k] {
			out[k][i] = float32(r.NormFloat64())
			if k == 2 || k >= 7 {
				out[k][i] = float32(math.Abs(float64(out[k][i])))
			}
		}
	}
	return out
}
