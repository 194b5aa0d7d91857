package kernelstest

import (
	"math"

	"g2c/kernels"
	"g2c/kernels/tolerance"
)

func lossesCases(m *maker) {
	g := func() tolerance.Tensor { return fixedScalar(0.75) }
	for _, d := range [][]int{{1}, {3}, {1, 1}, {2, 7}, {1, 17}, {2, 3, 3, 1}, {1, 6, 6, 1}, {2, 5, 7, 3}, {1, 33, 31, 3}} {
		for _, target := range []float64{0, 1} {
			m.add("", kernels.MSE{Segments: whole, Target: target, Scale: 0.125}, m.reals(d...))
			m.add("", kernels.MSEGrad{Target: target, Scale: 0.125}, m.reals(d...), g())
			m.add("", kernels.BCE{Segments: whole, Target: target, Scale: 0.125}, m.scaled(4, d...))
			m.add("", kernels.BCEGrad{Target: target, Scale: 0.125}, m.scaled(4, d...), g())
		}
		m.add("", kernels.L1{Segments: whole, Scale: 0.3}, m.reals(d...), m.reals(d...))
		m.add("", kernels.L1Grad{Scale: 0.3}, m.reals(d...), m.reals(d...), g())
	}
	arrangements(func(seg kernels.Segments, n int) {
		m.add("", kernels.MSE{Segments: seg, Target: 1, Scale: 1.0 / 64}, m.reals(n, 3, 3, 1))
		m.add("", kernels.BCE{Segments: seg, Target: 1, Scale: 1.0 / 64}, m.scaled(4, n, 3, 3, 1))
		m.add("", kernels.L1{Segments: seg, Scale: 1.0 / 64}, m.reals(n, 3, 2, 3), m.reals(n, 3, 2, 3))
		m.add("", kernels.Focal{Segments: seg, Gamma: 2, Scale: 0.5}, m.scaled(3, n, 2), m.ints(2, n))
	})
	for _, f := range m.hostile() {
		m.add(f.name, kernels.MSE{Segments: whole, Scale: 0.125}, f.draw(2, 35))
		m.add(f.name, kernels.MSEGrad{Target: 1, Scale: 0.125}, f.draw(2, 35), g())
		m.add(f.name, kernels.BCE{Segments: whole, Target: 1, Scale: 0.125}, f.draw(2, 35))
		m.add(f.name, kernels.BCEGrad{Target: 1, Scale: 0.125}, f.draw(2, 35), g())
		m.add(f.name, kernels.L1{Segments: whole, Scale: 0.3}, f.draw(2, 35), f.draw(2, 35))
		m.add(f.name, kernels.L1Grad{Scale: 0.3}, f.draw(2, 35), f.draw(2, 35), g())
	}
	x := m.reals(2, 5)
	m.add("no difference", kernels.L1Grad{Scale: 1}, x, x, g())
	m.add("one operand twice", kernels.L1{Segments: whole, Scale: 1}, x, x).same = true
	nan := math.NaN()
	two := kernels.Segments{Groups: 1, Shards: 2}
	m.add("nan", kernels.MSE{Segments: two, Scale: 1}, with(m.reals(2, 5), nan, 7))
	m.add("nan", kernels.MSEGrad{Scale: 1}, with(m.reals(2, 5), nan, 7), g())
	m.add("nan", kernels.BCE{Segments: two, Scale: 1}, with(m.reals(2, 5), nan, 7))
	m.add("nan", kernels.BCEGrad{Scale: 1}, with(m.reals(2, 5), nan, 7), g())
	certain := fixed([]float64{90, -90, 800, -800, 0, 17, -17, 1e-30})
	certain.Type = kernels.Real(2, 4)
	for _, target := range []float64{0, 1} { // certain and right, certain and wrong
		m.add("certain", kernels.BCE{Segments: two, Target: target, Scale: 1}, certain)
		m.add("certain", kernels.BCEGrad{Target: target, Scale: 1}, certain, g())
	}
	m.add("nan", kernels.L1{Segments: two, Scale: 1}, with(m.reals(2, 5), nan, 7), m.reals(2, 5))
	m.add("nan", kernels.L1Grad{Scale: 1}, with(m.reals(2, 5), nan, 7), m.reals(2, 5), g())
	focalCases(m, g)
}

func focalCases(m *maker, g func() tolerance.Tensor) {
	for _, gamma := range []float64{0, 1, 2, 3, 0.5, 2.5, 9} {
		for _, d := range [][2]int{{1, 1}, {1, 2}, {5, 2}, {3, 7}, {2, 17}} {
			z, labels := m.scaled(3, d[0], d[1]), m.ints(d[1], d[0])
			m.add("", kernels.Focal{Segments: whole, Gamma: gamma, Scale: 0.25}, z, labels)
			if d[1] > 1 || gamma == 0 || gamma >= 1 { // of one class q is 1, and 0 to a negative power infinite
				m.add("", kernels.FocalGrad{Gamma: gamma, Scale: 0.25}, z, labels, g())
			}
		}
		// Certain and right, certain and wrong, and undecided.
		z := fixed([]float64{30, -30, 30, -30, 0, 0, 80, 0, 0, 80})
		z.Type = kernels.Real(5, 2)
		labels := tolerance.Tensor{Type: kernels.Ints(5), V: []float64{0, 1, 1, 1, 0}}
		m.add("certain", kernels.Focal{Segments: whole, Gamma: gamma, Scale: 1}, z, labels)
		m.add("certain", kernels.FocalGrad{Gamma: gamma, Scale: 1}, z, labels, g())
	}
	two := kernels.Segments{Groups: 1, Shards: 2}
	bad := with(m.reals(4, 3), math.NaN(), 7)
	m.add("nan", kernels.Focal{Segments: two, Gamma: 2, Scale: 1}, bad, m.ints(3, 4))
	m.add("nan", kernels.FocalGrad{Gamma: 2, Scale: 1}, bad, m.ints(3, 4), g())
	m.add("nan", kernels.Softmax{}, bad)
	for _, d := range [][]int{{1, 1}, {1, 2}, {4, 2}, {3, 17}} {
		m.add("", kernels.Softmax{}, m.scaled(5, d...))
		m.add("ties", kernels.Softmax{}, m.ties(d...))
	}
	m.add("large", kernels.Softmax{}, m.scaled(1e4, 6, 3))
	m.add("tiny", kernels.Softmax{}, m.scaled(1e-30, 6, 3))
}

func fixedScalar(v float64) tolerance.Tensor {
	return tolerance.Tensor{Type: kernels.Real(), V: []float64{v}}
}
