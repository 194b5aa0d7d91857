package cpu

import (
	"math"

	"g2c/kernels"
)

// adam is, with a = hyper[0] and b = hyper[1],
//
//	m = Beta1*m + (1-Beta1)*g
//	v = Beta2*v + ((1-Beta2)*g)*g
//	w = w - a * m / (sqrt(v)/b + Eps)
func (d *Device) adam(op kernels.Adam, c call) func() {
	f := adamFactors{float32(op.Beta1), float32(1 - op.Beta1), float32(op.Beta2), float32(1 - op.Beta2), float32(op.Eps)}
	w, m, v, g, hyper := c.In[0].F, c.In[1].F, c.In[2].F, c.In[3].F, c.In[4].F
	w2, m2, v2 := c.Out[0].F, c.Out[1].F, c.Out[2].F
	return d.eachRun(len(w), func(from, end int) {
		moments(m2[from:end], v2[from:end], m[from:end], v[from:end], g[from:end], f)
		descend(w2[from:end], w[from:end], m2[from:end], v2[from:end], hyper[0], hyper[1], f.eps)
	})
}

type adamFactors struct{ beta1, rest1, beta2, rest2, eps float32 }

// moments updates Adam's running moments.
func moments(m2, v2, m, v, g []float32, f adamFactors) {
	m2, v2, m, v = m2[:len(g)], v2[:len(g)], m[:len(g)], v[:len(g)]
	for i, x := range g {
		m2[i] = float32(f.beta1*m[i]) + float32(f.rest1*x)
		v2[i] = float32(f.beta2*v[i]) + float32(float32(f.rest2*x)*x)
	}
}

// descend takes Adam's step.
func descend(w2, w, m, v []float32, a, b, eps float32) {
	w2, m, v = w2[:len(w)], m[:len(w)], v[:len(w)]
	for i, x := range w {
		root := float32(math.Sqrt(float64(v[i])))
		w2[i] = x - float32(a*m[i])/(root/b+eps)
	}
}

// sgd is, with lr = hyper[0],
//
//	m = Momentum*m + g
//	w = w - lr*m
func (d *Device) sgd(op kernels.SGD, c call) func() {
	momentum := float32(op.Momentum)
	w, m, g, hyper := c.In[0].F, c.In[1].F, c.In[2].F, c.In[3].F
	w2, m2 := c.Out[0].F, c.Out[1].F
	return d.eachRun(len(w), func(from, end int) {
		lr := hyper[0]
		for i := from; i < end; i++ {
			v := float32(momentum*m[i]) + g[i]
			w2[i] = w[i] - float32(lr*v)
			m2[i] = v
		}
	})
}
