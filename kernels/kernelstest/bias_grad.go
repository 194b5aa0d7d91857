package kernelstest

import (
	"math"

	"g2c/kernels"
)

func biasGradCases(m *maker) {
	for _, d := range [][]int{{1, 1}, {3, 7}, {2, 65}, {1, 1, 1, 1}, {2, 3, 5, 7}, {1, 8, 8, 17}, {1, 5, 13, 3}, {1, 9, 15, 65}, {2, 16, 16, 16}} {
		m.add("", kernels.BiasGrad{Segments: whole}, m.reals(d...))
	}
	arrangements(func(seg kernels.Segments, n int) {
		m.add("", kernels.BiasGrad{Segments: seg}, m.reals(n, 5))
		m.add("", kernels.BiasGrad{Segments: seg}, m.reals(n, 3, 3, 9))
	})
	for _, f := range m.hostile() {
		m.add(f.name, kernels.BiasGrad{Segments: whole}, f.draw(2, 5, 15, 7))
	}
	m.add("nan", kernels.BiasGrad{Segments: kernels.Segments{Groups: 2, Shards: 2}}, with(m.reals(4, 2, 2, 3), math.NaN(), 13))
}
