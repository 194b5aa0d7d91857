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
	below    []float32 // the activation's slope below zero
	rstd     []float32 // by set, 1/sqrt(var+eps)
	windows  []window  // what goes through all steps before the next begins
}

// windowFloats bounds a window: it should stay in the second cache, or near it,
// from one step to the next.
const windowFloats = 1 << 17

func (d *Device) newNormalizer(c call, s kernels.Shape, sets [][]int, act kernels.Act, eps float64) *normalizer {
	n := &normalizer{
		dev: d, sets: sets, setOf: make([]int, s[0]), samples: s[0], pixels: s[1] * s[2], channels: s[3],
		eps: float32(eps), below: below(act), rstd: c.Scratch.Keep(len(sets) * s[3]),
	}
	for v, set := range sets {
		for _, i := range set {
			n.setOf[i] = v
		}
	}
	n.cut()
	return n
}

// cut makes windows of samples where each is a set; shards need all of theirs.
func (n *normalizer) cut() {
	if len(n.sets) < n.samples {
		n.windows = []window{{samples: n.samples, sets: len(n.sets)}}
		return
	}
	many := max(1, windowFloats/(n.pixels*n.channels))
	for i := 0; i < n.samples; i += many {
		count := min(many, n.samples-i)
		n.windows = append(n.windows, window{i, count, i, count})
	}
}

// inWindows makes a function that does steps window by window.
func (n *normalizer) inWindows(steps ...func(w window)) func() {
	return func() {
		for _, w := range n.windows {
			for _, step := range steps {
				step(w)
			}
		}
	}
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
func (n *normalizer) statistics(c call, x []float32, mean, variance func(set int) []float32) func(w window) {
	first := n.sum(c, 1)
	first.add = func(w *workspace, sums []float32, _, sample, from, end int) {
		n.dev.pass.addPixels.run(w, end-from, n.channels, x[n.at(sample, from):], sums)
	}
	first.finish = func(set int, totals []float32) { divide(mean(set), totals, n.count(set)) }
	second := n.sum(c, 1)
	second.add = func(w *workspace, sums []float32, set, sample, from, end int) {
		n.dev.pass.addSquares.run(w, end-from, n.channels, x[n.at(sample, from):], mean(set), sums)
	}
	second.finish = func(set int, totals []float32) {
		divide(variance(set), totals, n.count(set))
		n.invert(n.of(n.rstd, set), variance(set))
	}
	first.prepare()
	second.prepare()
	return func(w window) {
		first.runOver(w)
		second.runOver(w)
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

// at is the offset of a pixel of a sample.
func (n *normalizer) at(sample, pixel int) int { return (sample*n.pixels + pixel) * n.channels }

// eachPixelRun makes a function that calls f for runs of pixels, the same chunks
// as those of sums.
func (n *normalizer) eachPixelRun(f func(w *workspace, set, pixels, at int)) func(w window) {
	chunks := (n.pixels + kernels.PixelChunk - 1) / kernels.PixelChunk
	first := 0
	task := func(member, i int) {
		sample, from := first+i/chunks, i%chunks*kernels.PixelChunk
		f(&n.dev.members[member], n.setOf[sample], min(kernels.PixelChunk, n.pixels-from), n.at(sample, from))
	}
	return func(w window) {
		first = w.sample
		n.dev.team.run(w.samples*chunks, task)
	}
}

// gradient makes a function that computes the gradient of a normalisation by x,
// with h = (x-m)*rstd, g = dy where a slope is 1, and means over a set:
//
//	dx = scale * rstd * (g - mean(g) - h * mean(g*h))
//
// The slope is told from y, or, where it is nil, from h; scale is by channel, or
// nil for 1. total takes the sums of g and of g*h of a set.
func (n *normalizer) gradient(c call, o gradOperands, mean func(set int) []float32, total func(set int, g, gh []float32)) func(w window) {
	ch := n.channels
	factor := c.Scratch.Keep(len(n.sets) * ch)
	means := c.Scratch.Keep(2 * len(n.sets) * ch)
	s := n.sum(c, 2)
	s.add = func(w *workspace, sums []float32, set, sample, from, end int) {
		o.addTerms(n, w, end-from, n.at(sample, from), mean(set), n.of(n.rstd, set), sums)
	}
	s.finish = func(set int, totals []float32) {
		divide(means[2*set*ch:][:2*ch], totals, n.count(set))
		total(set, totals[:ch], totals[ch:])
		f := n.of(factor, set)
		for i, r := range n.of(n.rstd, set) {
			f[i] = r
			if o.scale != nil {
				f[i] = o.scale[i] * r
			}
		}
	}
	s.prepare()
	apply := n.eachPixelRun(func(w *workspace, set, pixels, at int) {
		columns := normColumns{mean(set), n.of(n.rstd, set), n.of(factor, set), means[2*set*ch:], means[(2*set+1)*ch:]}
		o.apply(n, w, pixels, at, &columns)
	})
	return func(w window) {
		s.runOver(w)
		apply(w)
	}
}

// gradOperands are the tensors of a normalisation's gradient.
type gradOperands struct {
	dy, x, y, dx []float32
	scale        []float32
}

// normColumns are the values by channel that a gradient is made of.
type normColumns struct{ mean, rstd, factor, g, gh []float32 }

// addTerms adds g and g*h of pixels to sums.
func (o *gradOperands) addTerms(n *normalizer, w *workspace, pixels, at int, mean, rstd, sums []float32) {
	ch, p := n.channels, &n.dev.pass
	if o.y == nil {
		p.gradTerms.run(w, pixels, ch, o.dy[at:], o.x[at:], mean, rstd, sums[:ch], sums[ch:], n.below, unit)
		return
	}
	p.gradTermsBy.run(w, pixels, ch, o.dy[at:], o.x[at:], o.y[at:], mean, rstd, sums[:ch], sums[ch:], n.below, unit)
}

// apply writes dx of pixels.
func (o *gradOperands) apply(n *normalizer, w *workspace, pixels, at int, c *normColumns) {
	ch, p := n.channels, &n.dev.pass
	if o.y == nil {
		p.gradApply.run(w, pixels, ch, o.dy[at:], o.x[at:], o.dx[at:], c.mean, c.rstd, c.factor, c.g, c.gh, n.below, unit)
		return
	}
	p.gradApplyBy.run(w, pixels, ch, o.dy[at:], o.x[at:], o.y[at:], o.dx[at:], c.mean, c.rstd, c.factor, c.g, c.gh, n.below, unit)
}
