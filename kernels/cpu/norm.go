package cpu

import (
	"math"

	"g2c/kernels"
)

// normalizer is what instance and batch norm share: statistics of each channel
// over sets of samples, which are single samples or shards.
type normalizer struct {
	dev      *Device
	sets     [][]int
	setOf    []int
	samples  int
	pixels   int
	channels int
	eps      float32
	below    uint32    // bits of the activation's slope below zero
	rstd     []float32 // by set, 1/sqrt(var+eps)
}

func (d *Device) newNormalizer(c call, s kernels.Shape, sets [][]int, act kernels.Act, eps float64) *normalizer {
	n := &normalizer{
		dev: d, sets: sets, setOf: make([]int, s[0]), samples: s[0], pixels: s[1] * s[2], channels: s[3],
		eps: float32(eps), below: slopeBits(act), rstd: c.Scratch.Keep(len(sets) * s[3]),
	}
	for v, set := range sets {
		for _, i := range set {
			n.setOf[i] = v
		}
	}
	return n
}

// count is the number of values of a channel in a set.
func (n *normalizer) count(set int) float32 { return float32(len(n.sets[set]) * n.pixels) }

// of is a set's part of values by set and channel.
func (n *normalizer) of(values []float32, set int) []float32 {
	return values[set*n.channels:][:n.channels]
}

// sum makes a pixelSum over the normalizer's sets.
func (n *normalizer) sum(c call, terms int) *pixelSum {
	return &pixelSum{
		dev: n.dev, sets: n.sets, samples: n.samples, pixels: n.pixels, channels: n.channels, terms: terms,
		scratch: c.Scratch,
	}
}

// statistics makes a function that computes the mean and biased variance of each
// channel of x; mean and variance give their places for a set.
func (n *normalizer) statistics(c call, x []float32, mean, variance func(set int) []float32) func() {
	first := n.sum(c, 1)
	first.add = func(sums []float32, _, sample, from, end int) {
		for p := sample*n.pixels + from; p < sample*n.pixels+end; p++ {
			addTo(sums, x[p*n.channels:])
		}
	}
	first.finish = func(set int, totals []float32) { divide(mean(set), totals, n.count(set)) }
	second := n.sum(c, 1)
	second.add = func(sums []float32, set, sample, from, end int) {
		m := mean(set)
		for p := sample*n.pixels + from; p < sample*n.pixels+end; p++ {
			addSquares(sums, x[p*n.channels:], m)
		}
	}
	second.finish = func(set int, totals []float32) {
		divide(variance(set), totals, n.count(set))
		n.invert(n.of(n.rstd, set), variance(set))
	}
	first.prepare()
	second.prepare()
	return func() {
		first.run()
		second.run()
	}
}

// divide is to = from / by.
func divide(to, from []float32, by float32) {
	for i, v := range from {
		to[i] = v / by
	}
}

// invert is rstd = 1/sqrt(var+eps).
func (n *normalizer) invert(rstd, variance []float32) {
	for i, v := range variance {
		rstd[i] = 1 / float32(math.Sqrt(float64(v+n.eps)))
	}
}

// invertAll does so for every set.
func (n *normalizer) invertAll(variance func(set int) []float32) {
	for set := range n.sets {
		n.invert(n.of(n.rstd, set), variance(set))
	}
}

// addSquares is sums += (x-m)^2.
func addSquares(sums, x, m []float32) {
	x, m = x[:len(sums)], m[:len(sums)]
	for i := range sums {
		v := x[i] - m[i]
		sums[i] += float32(v * v)
	}
}

// eachPixelRun makes a function that calls f for runs of pixels, the same chunks
// as those of sums.
func (n *normalizer) eachPixelRun(f func(set, from, end int)) func() {
	chunks := (n.pixels + kernels.PixelChunk - 1) / kernels.PixelChunk
	return n.dev.eachRow(n.samples*chunks, func(i int) {
		sample, from := i/chunks, i%chunks*kernels.PixelChunk
		end := min(from+kernels.PixelChunk, n.pixels)
		f(n.setOf[sample], sample*n.pixels+from, sample*n.pixels+end)
	})
}

// gradient makes a function that computes the gradient of a normalisation by x,
// with h = (x-m)*rstd, g = dy where a slope is 1, and means over a set:
//
//	dx = scale * rstd * (g - mean(g) - h * mean(g*h))
//
// The slope is told from y, or, where it is nil, from h; scale is by channel, or
// nil for 1. total takes the sums of g and of g*h of a set.
func (n *normalizer) gradient(c call, o gradOperands, mean func(set int) []float32, total func(set int, g, gh []float32)) func() {
	ch := n.channels
	means := c.Scratch.Keep(2 * len(n.sets) * ch)
	s := n.sum(c, 2)
	s.add = func(sums []float32, set, sample, from, end int) {
		m, rstd := mean(set), n.of(n.rstd, set)
		for p := sample*n.pixels + from; p < sample*n.pixels+end; p++ {
			o.addTerms(sums[:ch], sums[ch:], m, rstd, p*ch, n.below)
		}
	}
	s.finish = func(set int, totals []float32) {
		divide(means[2*set*ch:][:2*ch], totals, n.count(set))
		total(set, totals[:ch], totals[ch:])
	}
	s.prepare()
	apply := n.eachPixelRun(func(set, from, end int) {
		m, rstd := mean(set), n.of(n.rstd, set)
		g, gh := means[2*set*ch:][:ch], means[(2*set+1)*ch:][:ch]
		for p := from; p < end; p++ {
			o.apply(m, rstd, g, gh, p*ch, n.below)
		}
	})
	return func() {
		s.run()
		apply()
	}
}

// gradOperands are the tensors of a normalisation's gradient.
type gradOperands struct {
	dy, x, y, dx []float32
	scale        []float32
}

// slopes are the values whose sign decides the slope at a pixel: nil for h.
func (o *gradOperands) slopes(at, ch int) []float32 {
	if o.y == nil {
		return nil
	}
	return o.y[at:][:ch]
}

// addTerms adds g and g*h of a pixel's channels.
func (o *gradOperands) addTerms(sumG, sumGH, m, rstd []float32, at int, below uint32) {
	n := len(sumG)
	sumGH, m, rstd = sumGH[:n], m[:n], rstd[:n]
	dy, x, y := o.dy[at:][:n], o.x[at:][:n], o.slopes(at, n)
	for i := range sumG {
		h := float32(x[i]-m[i]) * rstd[i]
		v := h
		if y != nil {
			v = y[i]
		}
		g := float32(dy[i] * slope(v, below))
		sumG[i] += g
		sumGH[i] += float32(g * h)
	}
}

// apply writes dx of a pixel's channels.
func (o *gradOperands) apply(m, rstd, g, gh []float32, at int, below uint32) {
	n := len(m)
	rstd, g, gh = rstd[:n], g[:n], gh[:n]
	dy, x, y, dx := o.dy[at:][:n], o.x[at:][:n], o.slopes(at, n), o.dx[at:][:n]
	for i := range dx {
		h := float32(x[i]-m[i]) * rstd[i]
		v := h
		if y != nil {
			v = y[i]
		}
		f := rstd[i]
		if o.scale != nil {
			f = o.scale[i] * f
		}
		dx[i] = f * (float32(dy[i]*slope(v, below)) - g[i] - float32(h*gh[i]))
	}
}
