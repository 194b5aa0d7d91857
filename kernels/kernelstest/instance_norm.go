package kernelstest

import (
	"math"

	"g2c/kernels"
	"g2c/kernels/tolerance"
)

const instanceEps = 1e-5

func instanceNormCases(m *maker) {
	sizes := [][]int{{1, 1, 1, 1}, {2, 1, 3, 7}, {1, 8, 8, 1}, {1, 5, 13, 17}, {3, 3, 3, 65}, {1, 16, 16, 16}, {1, 16, 16, 64}, {2, 9, 7, 33}}
	for _, act := range []kernels.Act{kernels.None, kernels.ReLU, kernels.Leaky} {
		for _, d := range sizes {
			instanceNormPair(m, "", act, m.reals(d...))
		}
		for _, f := range m.hostile() {
			instanceNormPair(m, f.name, act, f.draw(2, 5, 7, 9))
		}
		instanceNormPair(m, "offset", act, m.offset(1000, 1, 9, 9, 5))
		instanceNormPair(m, "constant", act, m.constant(3, 1, 4, 4, 3))
		instanceNormPair(m, "nan", act, with(m.reals(2, 3, 3, 5), math.NaN(), 17))
	}
}

// instanceNormPair is the operation and its gradient on x, whose statistics are
// near the true ones: the gradient's contract takes them as they come.
func instanceNormPair(m *maker, note string, act kernels.Act, x tolerance.Tensor) {
	s := x.Type.Shape
	k := kernels.InstanceNorm{Act: act, Eps: instanceEps}
	m.add(note, k, x)
	m.add(note, k, x, m.reals(s...))
	mean, variance := statistics(x, kernels.Segments{Groups: 1, Shards: s[0]})
	mean.Type, variance.Type = kernels.Real(s[0], s[3]), kernels.Real(s[0], s[3])
	m.add(note, kernels.InstanceNormGrad(k), m.reals(s...), x, mean, variance)
	if note == "" {
		m.add("small gradient", kernels.InstanceNormGrad(k), m.scaled(1e-20, s...), x, mean, variance)
		m.add("zero gradient", kernels.InstanceNormGrad(k), m.constant(0, s...), x, mean, variance)
	}
}

// statistics gives the mean and biased variance of each shard and channel, (V,C)
// each, rounded to float32.
func statistics(x tolerance.Tensor, seg kernels.Segments) (mean, variance tolerance.Tensor) {
	s := x.Type.Shape
	c, per := s[3], s[1]*s[2]*s[3]
	t := kernels.Real(seg.Shards, c)
	mean, variance = tolerance.Tensor{Type: t, V: make([]float64, seg.Shards*c)}, tolerance.Tensor{Type: t, V: make([]float64, seg.Shards*c)}
	count := float64(len(x.V) / seg.Shards / c)
	at := func(i int) int { return i/per/seg.Per(s[0])%seg.Shards*c + i%c }
	for i, v := range x.V {
		mean.V[at(i)] += v / count
	}
	for i, v := range x.V {
		d := v - mean.V[at(i)]
		variance.V[at(i)] += d * d / count
	}
	for i := range mean.V {
		mean.V[i], variance.V[i] = float64(float32(mean.V[i])), float64(float32(variance.V[i]))
	}
	return mean, variance
}
