package kernelstest

import (
	"math"

	"g2c/kernels"
	"g2c/kernels/tolerance"
)

// lengths are around vectors of 8 and 16 and blocks of 64.
var lengths = [][]int{{}, {1}, {7}, {8}, {17}, {65}, {3, 5}, {2, 3, 5, 7}, {1, 16, 16, 17}}

func elementwiseCases(m *maker) {
	activationCases(m)
	for _, d := range lengths {
		m.add("", kernels.Affine{Scale: 2, Shift: -1}, m.reals(d...))
		m.add("", kernels.Affine{Scale: 0.1}, m.reals(d...))
		m.add("", kernels.Copy{}, m.reals(d...))
		m.add("", kernels.Add{}, m.reals(d...), m.reals(d...))
		m.add("", kernels.Add{}, m.reals(d...), m.reals(d...), m.reals(d...), m.reals(d...))
		for _, shards := range []int{1, 2, 3, 4, 5, 7, 8} {
			m.add("", kernels.TreeSum{}, m.reals(append([]int{shards}, d...)...))
			m.add("", kernels.TreeSum{Half: true}, m.reals(append([]int{shards}, d...)...))
		}
	}
	for _, f := range m.hostile() {
		m.add(f.name, kernels.Affine{Scale: 0.5, Shift: 0.5}, f.draw(37))
		m.add(f.name, kernels.Copy{}, f.draw(37))
		m.add(f.name, kernels.Add{}, f.draw(37), f.draw(37), f.draw(37))
		m.add(f.name, kernels.TreeSum{}, f.draw(4, 37))
		m.add(f.name, kernels.TreeSum{Half: true}, f.draw(4, 37))
	}
	x := m.reals(33)
	m.add("one operand twice", kernels.Add{}, x, x).same = true
	nan := math.NaN()
	m.add("nan", kernels.Affine{Scale: 2, Shift: -1}, with(m.reals(37), nan, 0, 17, 36))
	m.add("nan", kernels.Copy{}, with(m.reals(37), nan, 0, 17, 36))
	m.add("nan", kernels.Add{}, m.reals(37), with(m.reals(37), nan, 0, 17, 36))
	m.add("nan", kernels.TreeSum{}, with(m.reals(4, 5), nan, 7))
	m.add("nan", kernels.TreeSum{Half: true}, with(m.reals(4, 5), nan, 7))
	m.add("infinite", kernels.Copy{}, with(m.reals(9), math.Inf(-1), 3))
}

func activationCases(m *maker) {
	edges := []float64{0, math.Copysign(0, -1), 1e-39, -1e-39, 1e-30, -1e-30, 1e-4, -1e-4, 0.3, -0.3, 5, -5, 9, -9, 20, -20, 88, -88, 104, -104, 1e15, -1e15, math.NaN(), math.Inf(1), math.Inf(-1)}
	for _, act := range []kernels.Act{kernels.Leaky, kernels.Tanh, kernels.Sigmoid, kernels.ReLU} {
		for _, d := range lengths {
			m.add("", kernels.Activation{Act: act}, m.scaled(4, d...))
			m.add("", kernels.ActivationGrad{Act: act}, m.reals(d...), m.reals(d...))
		}
		for _, f := range m.hostile() {
			m.add(f.name, kernels.Activation{Act: act}, f.draw(37))
			m.add(f.name, kernels.ActivationGrad{Act: act}, f.draw(37), m.ties(37))
		}
		if act == kernels.ReLU { // of minus infinity it may be 0 or NaN: kernels/doc.go
			edges = edges[:len(edges)-1]
		}
		m.add("edges", kernels.Activation{Act: act}, fixed(edges))
		m.add("nan", kernels.ActivationGrad{Act: act}, with(m.reals(37), math.NaN(), 0, 36), m.positive(37))
		m.add("saturated", kernels.ActivationGrad{Act: act}, m.reals(6), fixed([]float64{1, -1, 0, 1 - 0x1p-24, 0x1p-24, 0.5}))
	}
}

// fixed is a vector of given values.
func fixed(v []float64) tolerance.Tensor {
	t := tolerance.Tensor{Type: kernels.Real(len(v)), V: make([]float64, len(v))}
	for i, x := range v {
		t.V[i] = float64(float32(x))
	}
	return t
}
