package kernelstest

import (
	"math"

	"g2c/kernels"
	"g2c/kernels/tolerance"
)

func optimCases(m *maker) {
	for _, d := range [][]int{{1}, {7}, {16}, {17}, {65}, {1000}, {3, 5}} {
		adamCase(m, "", m.reals(d...), m.scaled(0.1, d...), m.scaled(0.01, d...), m.scaled(0.1, d...))
		sgdCase(m, "", m.reals(d...), m.scaled(0.1, d...), m.scaled(0.1, d...))
		adagradCase(m, "", m.reals(d...), m.scaled(0.1, d...), m.scaled(0.1, d...))
		decayCase(m, "", m.scaled(0.1, d...), m.reals(d...))
	}
	// The first step: no moments yet.
	adamCase(m, "first", m.reals(37), m.constant(0, 37), m.constant(0, 37), m.reals(37))
	sgdCase(m, "first", m.reals(37), m.constant(0, 37), m.reals(37))
	adagradCase(m, "first", m.reals(37), m.constant(0, 37), m.reals(37))
	adagradCase(m, "still", m.reals(37), m.constant(0, 37), m.constant(0, 37)) // 0 over eps alone
	for _, f := range m.hostile() {
		decayCase(m, f.name, f.draw(37), f.draw(37))
		if f.name == "large" {
			continue // squares leave float32, and the contract does not save them
		}
		adamCase(m, f.name, m.reals(37), m.scaled(0.1, 37), m.scaled(0.01, 37), f.draw(37))
		sgdCase(m, f.name, m.reals(37), m.scaled(0.1, 37), f.draw(37))
		adagradCase(m, f.name, m.reals(37), m.scaled(0.1, 37), f.draw(37))
	}
	adamCase(m, "large", m.reals(37), m.reals(37), m.reals(37), m.scaled(1e8, 37))
	bad := func() tolerance.Tensor { return with(m.reals(37), math.NaN(), 0, 36) }
	adamCase(m, "nan", m.reals(37), m.reals(37), m.reals(37), bad())
	sgdCase(m, "nan", m.reals(37), m.reals(37), bad())
	adagradCase(m, "nan", m.reals(37), m.reals(37), bad())
	decayCase(m, "nan", bad(), m.reals(37))
	decayCase(m, "nan", m.reals(37), bad())
}

// adamCase takes v of any sign and uses its absolute value.
func adamCase(m *maker, note string, w, moment, v, g tolerance.Tensor) {
	for i := range v.V {
		v.V[i] = math.Abs(v.V[i])
	}
	for _, hyper := range [][]float64{{2e-4 / (1 - 0.5), math.Sqrt(1 - 0.999)}, {2e-4, 1}} {
		m.add(note, kernels.Adam{Beta1: 0.5, Beta2: 0.999, Eps: 1e-8}, w, moment, v, g, fixed(hyper)).stands = true
	}
}

func sgdCase(m *maker, note string, w, moment, g tolerance.Tensor) {
	for _, momentum := range []float64{0, 0.5, 0.9} {
		m.add(note, kernels.SGD{Momentum: momentum}, w, moment, g, fixed([]float64{0.01})).stands = true
	}
}

// adagradCase takes sums of squares of any sign and uses their absolute values.
func adagradCase(m *maker, note string, w, squares, g tolerance.Tensor) {
	for i := range squares.V {
		squares.V[i] = math.Abs(squares.V[i])
	}
	m.add(note, kernels.Adagrad{Eps: 1e-10}, w, squares, g, fixed([]float64{0.01})).stands = true
}

func decayCase(m *maker, note string, g, w tolerance.Tensor) {
	m.add(note, kernels.WeightDecay{Rate: 0.004}, g, w).stands = true
}
