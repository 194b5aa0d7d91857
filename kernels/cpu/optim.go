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
	w, m, v, g, hyper := c.In[0].F, c.In[1].F, c.In[2].F, c.In[3].F, c.In[4].F
	w2, m2, v2 := c.Out[0].F, c.Out[1].F, c.Out[2].F
	beta1, rest1 := scalar(float32(op.Beta1)), scalar(float32(1-op.Beta1))
	beta2, rest2 := scalar(float32(op.Beta2)), scalar(float32(1-op.Beta2))
	eps := scalar(float32(op.Eps))
	return d.eachRun(len(w), func(own *workspace, from, end int) {
		d.pass.adam.flat(own, w[from:end], m[from:end], v[from:end], g[from:end],
			w2[from:end], m2[from:end], v2[from:end], beta1, rest1, beta2, rest2, eps, hyper[:1], hyper[1:])
	})
}

// sgd is, with lr = hyper[0],
//
//	m = Momentum*m + g
//	w = w - lr*m
func (d *Device) sgd(op kernels.SGD, c call) func() {
	momentum := scalar(float32(op.Momentum))
	w, m, g, hyper := c.In[0].F, c.In[1].F, c.In[2].F, c.In[3].F
	w2, m2 := c.Out[0].F, c.Out[1].F
	return d.eachRun(len(w), func(own *workspace, from, end int) {
		d.pass.sgd.flat(own, w[from:end], m[from:end], g[from:end], w2[from:end], m2[from:end], momentum, hyper[:1])
	})
}

// adagrad is, with lr = hyper[0],
//
//	s = s + g*g
//	w = w - lr * (g / (sqrt(s) + Eps))
func (d *Device) adagrad(op kernels.Adagrad, c call) func() {
	eps := float32(op.Eps)
	w, s, g, hyper := c.In[0].F, c.In[1].F, c.In[2].F, c.In[3].F
	w2, s2 := c.Out[0].F, c.Out[1].F
	return d.eachRun(len(w), func(_ *workspace, from, end int) {
		lr := hyper[0]
		for i := from; i < end; i++ {
			sum := s[i] + float32(g[i]*g[i])
			s2[i] = sum
			w2[i] = w[i] - float32(lr*(g[i]/(float32(math.Sqrt(float64(sum)))+eps)))
		}
	})
}

// weightDecay is g = g + Rate*w.
func (d *Device) weightDecay(op kernels.WeightDecay, c call) func() {
	rate := float32(op.Rate)
	g, w, g2 := c.In[0].F, c.In[1].F, c.Out[0].F
	return d.eachRun(len(w), func(_ *workspace, from, end int) {
		for i := from; i < end; i++ {
			g2[i] = g[i] + float32(rate*w[i])
		}
	})
}
