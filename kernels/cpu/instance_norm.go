package cpu

import "g2c/kernels"

// instanceNorm is, for each sample and channel,
//
//	m = mean(x); v = mean((x-m)^2)
//	y = act((x-m) / sqrt(v+eps)) + res
func (d *Device) instanceNorm(op kernels.InstanceNorm, c call) func() {
	x, y, mean, variance := c.In[0], c.Out[0].F, c.Out[1].F, c.Out[2].F
	s := x.Shape()
	n := d.newNormalizer(c, s, singles(s[0]), op.Act, op.Eps)
	statistics := n.statistics(c, x.F,
		func(set int) []float32 { return n.of(mean, set) },
		func(set int) []float32 { return n.of(variance, set) })
	var res []float32
	if len(c.In) == 2 {
		res = c.In[1].F
	}
	apply := n.eachPixelRun(func(w *workspace, set, pixels, at int) {
		m, rstd := n.of(mean, set), n.of(n.rstd, set)
		if res == nil {
			d.pass.standardize.run(w, pixels, n.channels, x.F[at:], y[at:], m, rstd, n.below, unit)
			return
		}
		d.pass.standardizeAdd.run(w, pixels, n.channels, x.F[at:], res[at:], y[at:], m, rstd, n.below, unit)
	})
	return n.inWindows(statistics, apply)
}

// instanceNormGrad is, with h = (x-m)*rstd and g = dy * act'(h),
//
//	dx = rstd * (g - mean(g) - h * mean(g*h))
func (d *Device) instanceNormGrad(op kernels.InstanceNormGrad, c call) func() {
	dy, x, mean, variance, dx := c.In[0], c.In[1], c.In[2].F, c.In[3].F, c.Out[0]
	s := x.Shape()
	n := d.newNormalizer(c, s, singles(s[0]), op.Act, op.Eps)
	gradient := n.inWindows(n.gradient(c, gradOperands{dy: dy.F, x: x.F, dx: dx.F},
		func(set int) []float32 { return n.of(mean, set) }, func(int, []float32, []float32) {}))
	return func() {
		n.invertAll(func(set int) []float32 { return n.of(variance, set) })
		gradient()
	}
}
