package cpu

import "g2c/kernels"

// biasGrad is
//
//	db[v,k] = sum over the samples n of shard v, and all pixels, of dy[n,...,k]
func (d *Device) biasGrad(op kernels.BiasGrad, c call) func() {
	dy, db := c.In[0], c.Out[0]
	s := dy.Shape()
	k := s[len(s)-1]
	return d.sumPixels(c, shards(op.Segments, s[0]), s, func(set int, totals []float32) {
		copy(db.F[set*k:][:k], totals)
	})
}

// sumPixels sums the first operand, of shape s, over sets of samples.
func (d *Device) sumPixels(c call, sets [][]int, s kernels.Shape, finish func(set int, totals []float32)) func() {
	x, ch := c.In[0].F, s[len(s)-1]
	sum := &pixelSum{
		dev: d, sets: sets, samples: s[0], pixels: s[1 : len(s)-1].Len(), channels: ch, terms: 1,
		scratch: c.Scratch, finish: finish,
	}
	sum.add = func(w *workspace, sums []float32, _, n, from, end int) {
		d.pass.addPixels.run(w, end-from, ch, x[(n*sum.pixels+from)*ch:], sums)
	}
	return sum.prepare().run
}
