package kernelstest

import (
	"math"
	"slices"

	"g2c/kernels"
	"g2c/kernels/tolerance"
)

// halved gives the cases of operations that work on bf16 with such operands.
func halved(cases []testCase) []testCase {
	var list []testCase
	for _, c := range cases {
		if g, ok := c.op.(kernels.GlobalAvgPoolGrad); ok {
			g.Half = true
			c.op = g
			list = append(list, c)
			continue
		}
		op, ok := c.op.(kernels.Halvable)
		if !ok || len(op.Halves(len(c.in))) == 0 {
			continue
		}
		in := slices.Clone(c.in)
		for _, i := range op.Halves(len(in)) {
			if i < len(in) {
				in[i] = halve(in[i])
			}
		}
		c.in = in
		list = append(list, c)
	}
	return list
}

// halve rounds a tensor to bf16.
func halve(t tolerance.Tensor) tolerance.Tensor {
	h := tolerance.Tensor{Type: kernels.Type{DType: kernels.BF16, Shape: t.Type.Shape}, V: make([]float64, len(t.V))}
	for i, v := range t.V {
		h.V[i] = kernels.RoundBF16(v)
	}
	return h
}

// castCases: ties of rounding, what overflows and underflows, and what is no number.
func castCases(m *maker) {
	edges := fixed([]float64{
		0, 1, -1, 1 + 0x1p-8, 1 + 3*0x1p-8, -1 - 0x1p-8, 1 + 0x1p-8 + 0x1p-23, 255.5, 0x1.ffp127, 0x1.fefffep127, -0x1.ffp127,
		0x1p-126, 0x1p-133, 0x1p-134, 0x1.8p-134, 0x1.8p-133, -0x1p-134, math.Inf(1), math.Inf(-1), math.NaN(),
	})
	m.add("edges", kernels.Cast{To: kernels.BF16}, edges)
	m.add("edges", kernels.Cast{To: kernels.F32}, halve(edges))
	for _, d := range lengths {
		m.add("", kernels.Cast{To: kernels.BF16}, m.reals(d...))
		m.add("", kernels.Cast{To: kernels.F32}, halve(m.reals(d...)))
	}
	for _, f := range m.hostile() {
		m.add(f.name, kernels.Cast{To: kernels.BF16}, f.draw(37))
	}
}
