package kernelstest

import (
	"math"

	"g2c/kernels"
	"g2c/kernels/tolerance"
)

const batchEps = 1e-3

func batchNormCases(m *maker) {
	for _, act := range []kernels.Act{kernels.None, kernels.ReLU} {
		for _, d := range [][]int{{2, 1, 1, 1}, {1, 1, 2, 7}, {3, 5, 13, 17}, {2, 8, 8, 3}, {3, 3, 3, 65}, {1, 16, 16, 64}, {6, 5, 5, 33}} {
			batchNormPair(m, "", act, whole, m.reals(d...))
			batchNormInferCases(m, "", act, m.reals(d...))
		}
		arrangements(func(seg kernels.Segments, n int) {
			batchNormPair(m, "", act, seg, m.reals(n, 3, 2, 5))
			batchNormPair(m, "", act, seg, m.offset(3, n, 1, 2, 17))
		})
		for _, f := range m.hostile() {
			batchNormPair(m, f.name, act, kernels.Segments{Groups: 1, Shards: 2}, f.draw(4, 3, 5, 9))
			batchNormInferCases(m, f.name, act, f.draw(2, 3, 5, 9))
		}
		batchNormPair(m, "constant", act, whole, m.constant(-2, 2, 3, 3, 4))
		batchNormPair(m, "nan", act, kernels.Segments{Groups: 2, Shards: 2}, with(m.reals(4, 2, 2, 3), math.NaN(), 14))
		batchNormInferCases(m, "nan", act, with(m.reals(1, 2, 2, 3), math.NaN(), 5))
	}
	for _, c := range []int{1, 3, 17, 64, 65} {
		for _, shards := range []int{1, 2, 4} {
			op := kernels.RunningStats{Momentum: 0.1, Shards: shards, Count: 2 + 37*c}
			m.add("", op, m.reals(c), m.positive(c), m.scaled(float64(shards), 2, c)).stands = true
		}
	}
}

// batchNormPair is the operation and its gradient, with and without a residual.
func batchNormPair(m *maker, note string, act kernels.Act, seg kernels.Segments, x tolerance.Tensor) {
	s := x.Type.Shape
	op := kernels.BatchNorm{Segments: seg, Act: act, Eps: batchEps}
	gamma, beta := m.positive(s[3]), m.reals(s[3])
	with(gamma, -0.5, 0) // a scale may be negative
	m.add(note, op, x, gamma, beta)
	m.add(note, op, x, gamma, beta, m.reals(s...))

	mean, variance := statistics(x, seg)
	stats := tolerance.Tensor{Type: kernels.Real(seg.Shards, 2, s[3])}
	for v := range seg.Shards {
		stats.V = append(append(stats.V, mean.V[v*s[3]:(v+1)*s[3]]...), variance.V[v*s[3]:(v+1)*s[3]]...)
	}
	for _, res := range []bool{false, true} {
		grad := kernels.BatchNormGrad{Segments: seg, Act: act, Eps: batchEps, Res: res}
		in := []tolerance.Tensor{m.reals(s...), x, gamma, stats}
		if act != kernels.None {
			// Zeros and both signs: what the activation let through.
			in = append(in, m.ties(s...))
		}
		m.add(note, grad, in...)
	}
}

func batchNormInferCases(m *maker, note string, act kernels.Act, x tolerance.Tensor) {
	s := x.Type.Shape
	op := kernels.BatchNormInfer{Act: act, Eps: batchEps}
	in := []tolerance.Tensor{x, m.positive(s[3]), m.reals(s[3]), m.reals(s[3]), with(m.positive(s[3]), 0, 0)}
	m.add(note, op, in...)
	m.add(note, op, append(in[:5:5], m.reals(s...))...)
}
