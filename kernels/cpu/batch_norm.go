package cpu

import "g2c/kernels"

// batchNorm is, over the samples and pixels of each shard,
//
//	m = mean(x); v = mean((x-m)^2)
//	y = act(gamma * (x-m) / sqrt(v+eps) + beta + res)
func (d *Device) batchNorm(op kernels.BatchNorm, c call) func() {
	x, y, stats := c.In[0], c.Out[0].F, c.Out[1].F
	s := x.Shape()
	n := d.newNormalizer(c, s, shards(op.Segments, s[0]), op.Act, op.Eps)
	mean := func(set int) []float32 { return n.of(stats, 2*set) }
	statistics := n.statistics(c, x.F, mean, func(set int) []float32 { return n.of(stats, 2*set+1) })
	a := affineOperands{x: x.F, y: y, gamma: c.In[1].F, beta: c.In[2].F}
	if len(c.In) == 4 {
		a.res = c.In[3].F
	}
	apply := n.eachPixelRun(func(w *workspace, set, pixels, at int) {
		a.apply(n, w, pixels, at, mean(set), n.of(n.rstd, set))
	})
	return n.inWindows(statistics, apply)
}

// affineOperands are the tensors of batch norm's second half; res may be nil.
type affineOperands struct{ x, y, gamma, beta, res []float32 }

// apply is y = act(gamma*((x-m)*rstd) + beta + res) for pixels.
func (a *affineOperands) apply(n *normalizer, w *workspace, pixels, at int, m, rstd []float32) {
	ch, p := n.channels, &n.dev.pass
	if a.res == nil {
		p.affine.run(w, pixels, ch, a.x[at:], a.y[at:], m, rstd, a.gamma, a.beta, n.below, unit)
		return
	}
	p.affineAdd.run(w, pixels, ch, a.x[at:], a.res[at:], a.y[at:], m, rstd, a.gamma, a.beta, n.below, unit)
}

// batchNormGrad is, with h = (x-m)*rstd and g = dy where y > 0,
//
//	dgamma = sum(g*h); dbeta = sum(g); dres = g
//	dx = gamma * rstd * (g - mean(g) - h * mean(g*h))
func (d *Device) batchNormGrad(op kernels.BatchNormGrad, c call) func() {
	dy, x, gamma, stats := c.In[0], c.In[1], c.In[2], c.In[3].F
	s := x.Shape()
	n := d.newNormalizer(c, s, shards(op.Segments, s[0]), op.Act, op.Eps)
	o := gradOperands{dy: dy.F, x: x.F, dx: c.Out[0].F, scale: gamma.F}
	if op.Act != kernels.None {
		o.y = c.In[4].F
	}
	gradient := n.inWindows(n.gradient(c, o,
		func(set int) []float32 { return n.of(stats, 2*set) },
		func(set int, g, gh []float32) {
			copy(n.of(c.Out[1].F, set), gh)
			copy(n.of(c.Out[2].F, set), g)
		}))
	residual := func() {}
	if op.Res {
		dres := c.Out[3].F
		residual = d.eachRun(len(dres), func(w *workspace, from, end int) {
			if o.y == nil {
				copy(dres[from:end], o.dy[from:end])
				return
			}
			d.pass.activateBack.flat(w, o.dy[from:end], o.y[from:end], dres[from:end], n.below, unit)
		})
	}
	return func() {
		n.invertAll(func(set int) []float32 { return n.of(stats, 2*set+1) })
		residual()
		gradient()
	}
}

// batchNormInfer is y = act(gamma * (x-mean) / sqrt(var+eps) + beta + res).
func (d *Device) batchNormInfer(op kernels.BatchNormInfer, c call) func() {
	x, mean, variance := c.In[0], c.In[3].F, c.In[4].F
	s := x.Shape()
	n := d.newNormalizer(c, s, [][]int{count(0, s[0], 1)}, op.Act, op.Eps)
	a := affineOperands{x: x.F, y: c.Out[0].F, gamma: c.In[1].F, beta: c.In[2].F}
	if len(c.In) == 6 {
		a.res = c.In[5].F
	}
	apply := n.inWindows(n.eachPixelRun(func(w *workspace, _, pixels, at int) { a.apply(n, w, pixels, at, mean, n.rstd) }))
	return func() {
		n.invert(n.rstd, variance)
		apply()
	}
}

// runningStats is, in place and with n = Count,
//
//	mean = (1-momentum)*mean + momentum * sums[0]/V
//	var  = (1-momentum)*var  + momentum * sums[1]/V * n/(n-1)
func (d *Device) runningStats(op kernels.RunningStats, c call) func() {
	mean, variance, sums := c.In[0].F, c.In[1].F, c.In[2].F
	keep, take := float32(1-op.Momentum), float32(op.Momentum)
	shards, correct := float32(op.Shards), float32(float64(op.Count)/float64(op.Count-1))
	return func() {
		for i := range mean {
			m := sums[i] / shards
			v := sums[len(mean)+i] / shards * correct
			c.Out[0].F[i] = float32(keep*mean[i]) + float32(take*m)
			c.Out[1].F[i] = float32(keep*variance[i]) + float32(take*v)
		}
	}
}
