package kernelstest

import (
	"math"

	"g2c/kernels"
)

func linearCases(m *maker) {
	for _, d := range [][3]int{{1, 1, 1}, {1, 7, 3}, {3, 17, 65}, {2, 65, 17}, {8, 16, 2}, {4, 768, 32}, {4, 32, 768}, {5, 33, 129}} {
		n, i, o := d[0], d[1], d[2]
		m.add("", kernels.Linear{}, m.reals(n, i), m.reals(o, i), m.reals(o))
		m.add("", kernels.LinearGradX{}, m.reals(n, o), m.reals(o, i))
		m.add("", kernels.LinearGradW{Segments: whole}, m.reals(n, i), m.reals(n, o))
	}
	arrangements(func(seg kernels.Segments, n int) {
		m.add("", kernels.LinearGradW{Segments: seg}, m.reals(n, 9), m.reals(n, 5))
	})
	for _, f := range m.hostile() {
		m.add(f.name, kernels.Linear{}, f.draw(3, 33), m.reals(9, 33), f.draw(9))
		m.add(f.name, kernels.LinearGradX{}, f.draw(3, 9), m.reals(9, 17))
		m.add(f.name, kernels.LinearGradW{Segments: whole}, f.draw(3, 17), m.reals(3, 9))
	}
	nan := math.NaN()
	m.add("nan", kernels.Linear{}, with(m.reals(3, 5), nan, 7), m.reals(9, 5), m.reals(9))
	m.add("nan", kernels.LinearGradX{}, with(m.reals(3, 5), nan, 7), m.reals(5, 9))
	m.add("nan", kernels.LinearGradW{Segments: kernels.Segments{Groups: 1, Shards: 2}}, with(m.reals(2, 5), nan, 7), m.reals(2, 9))
}
