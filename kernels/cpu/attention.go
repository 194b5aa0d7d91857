package cpu

import "g2c/kernels"

// scaleChannels is y[n,h,w,c] = x[n,h,w,c] * s[n,c].
func (d *Device) scaleChannels(_ kernels.ScaleChannels, c call) func() {
	x, s, y := c.In[0], c.In[1], c.Out[0]
	shape := x.Shape()
	row, ch := shape[2]*shape[3], shape[3]
	return d.eachRow(shape[0]*shape[1], func(_ *workspace, i int) {
		scale := s.F[i/shape[1]*ch:][:ch]
		for at := i * row; at < (i+1)*row; at += ch {
			to, from := y.F[at:][:ch], x.F[at:][:ch]
			for k, f := range scale {
				to[k] = from[k] * f
			}
		}
	})
}

// scaleChannelsGradS is ds[n,c] = sum over h,w of dy[n,h,w,c] * x[n,h,w,c].
func (d *Device) scaleChannelsGradS(_ kernels.ScaleChannelsGradS, c call) func() {
	dy, x, ds := c.In[0].F, c.In[1].F, c.Out[0].F
	s := c.In[1].Shape()
	ch := s[3]
	sum := &pixelSum{
		dev: d, sets: singles(s[0]), samples: s[0], pixels: s[1] * s[2], channels: ch, terms: 1, scratch: c.Scratch,
		finish: func(set int, totals []float32) { copy(ds[set*ch:][:ch], totals) },
	}
	sum.add = func(w *workspace, sums []float32, _, n, from, end int) {
		at := (n*sum.pixels + from) * ch
		d.pass.addProducts.run(w, end-from, ch, dy[at:], x[at:], sums)
	}
	return sum.prepare().run
}

// gatherBranches is y[n, b*C+c] = x[b*N+n, c].
func (d *Device) gatherBranches(op kernels.GatherBranches, c call) func() {
	x, y := c.In[0].F, c.Out[0].F
	return branches(c.In[0].Shape(), op.Branches, func(scattered, gathered, n int) {
		copy(y[gathered:][:n], x[scattered:])
	})
}

// scatterBranches is x[b*N+n, c] = y[n, b*C+c].
func (d *Device) scatterBranches(op kernels.ScatterBranches, c call) func() {
	y, x := c.In[0].F, c.Out[0].F
	return branches(c.Out[0].Shape(), op.Branches, func(scattered, gathered, n int) {
		copy(x[scattered:][:n], y[gathered:])
	})
}

// branches pairs the n features of each sample and branch in both orders, for
// a scattered tensor of shape s.
func branches(s kernels.Shape, branches int, f func(scattered, gathered, n int)) func() {
	samples, ch := s[0]/branches, s[1]
	return func() {
		for b := range branches {
			for n := range samples {
				f((b*samples+n)*ch, (n*branches+b)*ch, ch)
			}
		}
	}
}
