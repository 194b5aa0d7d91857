package kernelstest

import (
	"math"

	"g2c/kernels"
)

func attentionCases(m *maker) {
	for _, d := range [][]int{{1, 1, 1, 1}, {2, 3, 5, 7}, {3, 5, 13, 17}, {1, 9, 9, 65}, {4, 5, 5, 64}} {
		m.add("", kernels.ScaleChannels{}, m.reals(d...), m.reals(d[0], d[3]))
		m.add("", kernels.ScaleChannelsGradS{}, m.reals(d...), m.reals(d...))
	}
	for _, f := range m.hostile() {
		m.add(f.name, kernels.ScaleChannels{}, f.draw(2, 3, 5, 9), m.reals(2, 9))
		m.add(f.name, kernels.ScaleChannelsGradS{}, f.draw(2, 5, 15, 9), m.reals(2, 5, 15, 9))
	}
	m.add("nan", kernels.ScaleChannels{}, m.reals(2, 2, 2, 3), with(m.reals(2, 3), math.NaN(), 4))
	m.add("nan", kernels.ScaleChannelsGradS{}, with(m.reals(2, 2, 2, 3), math.NaN(), 4), m.reals(2, 2, 2, 3))
	for _, branches := range []int{1, 2, 3, 4} {
		for _, d := range [][2]int{{1, 1}, {2, 7}, {3, 17}, {5, 64}} {
			m.add("", kernels.GatherBranches{Branches: branches}, m.reals(branches*d[0], d[1]))
			m.add("", kernels.ScatterBranches{Branches: branches}, m.reals(d[0], branches*d[1]))
		}
	}
	m.add("nan", kernels.GatherBranches{Branches: 2}, with(m.reals(4, 3), math.NaN(), 4))
	m.add("nan", kernels.ScatterBranches{Branches: 2}, with(m.reals(2, 6), math.NaN(), 4))
}
