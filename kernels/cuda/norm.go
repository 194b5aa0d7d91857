//go:build gpu

package cuda

import (
	"gorgonia.org/cu"

	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// The blocks of src/pixel_sum.cu: pixels of a thread, and channels of a block that adds
// pieces.
const (
	pixelsDeep = 16
	addedWide  = 8
)

// plane makes per-channel sums and moments over pixels: Plane of src/pixel_sum.cu.
type plane struct {
	b                         *builder
	samples, pixels, channels int
	across, pieces            int
	seg                       kernels.Segments
	part                      cu.DevicePtr // partial sums: (2, samples, pieces, channels)
}

// planeOf prepares sums over x (N,...,C). For each sample alone, seg has a shard a sample.
func planeOf(b *builder, x kernels.Shape, seg kernels.Segments) *plane {
	n, c := x[0], x[len(x)-1]
	p := &plane{b: b, samples: n, pixels: x.Len() / n / c, channels: c, seg: seg, across: 1}
	const widest = 32
	for p.across < widest && p.across < c/b.width(c) {
		p.across *= 2
	}
	p.pieces = blocks(p.pixels, blockThreads/p.across*pixelsDeep)
	p.part = b.temporary(2 * 4 * n * p.pieces * c)
	return p
}

func eachSample(n int) kernels.Segments { return kernels.Segments{Groups: 1, Shards: n} }

// layout adds Plane.
func (p *plane) layout(a *driver.Arguments) *driver.Arguments {
	return a.Struct(p.samples, p.pixels, p.channels, p.across, p.pieces)
}

// kernel goes over the pieces of the given operands.
func (p *plane) kernel(name string, operands ...cu.DevicePtr) *driver.Arguments {
	g := threads(p.pieces, blocks(p.channels/p.b.width(p.channels), p.across))
	g.Blocks[2] = p.samples
	a := p.b.grid(p.b.wide(name, p.channels), g)
	for _, o := range operands {
		a.Pointer(o)
	}
	return p.layout(a.Pointer(p.part))
}

// adding launches a kernel that adds the pieces of each shard.
func (p *plane) adding(name string) *driver.Arguments {
	return p.b.grid(name, threads(blocks(p.channels, addedWide), p.seg.Shards)).Pointer(p.part)
}

// sums adds the pieces of one quantity and divides.
func (p *plane) sums(out cu.DevicePtr, divisor int) {
	p.both(out, 0, spread{}, divisor)
}

// spread is where a variance is read, at [shard*step + channel], and 1/sqrt(variance+eps)
// written.
type spread struct {
	variance, rstd cu.DevicePtr
	step           int
	eps            float64
}

// both adds the pieces of two quantities and divides; it also inverts the spread.
func (p *plane) both(first, second cu.DevicePtr, s spread, divisor int) {
	a := p.adding("add_pieces").Pointer(first).Pointer(second).Pointer(s.variance).Pointer(s.rstd)
	segments(p.layout(a), p.seg, p.samples).Int(s.step).Float(float32(divisor)).Float(float32(s.eps))
}

// count is the number of values behind each sum.
func (p *plane) count() int { return p.samples / p.seg.Shards * p.pixels }

// perShard reserves scratch for a value a shard and channel.
func (p *plane) perShard() cu.DevicePtr { return p.b.temporary(4 * p.seg.Shards * p.channels) }

// moments computes mean and biased variance, at [shard*step + channel], and gives where
// 1/sqrt(variance+eps) is.
func (p *plane) moments(x, mean, variance cu.DevicePtr, step int, eps float64) (rstd cu.DevicePtr) {
	rstd = p.perShard()
	if p.b.moments != 0 {
		p.leftBy(p.b.moments)
		x = 0 // their means are relative to 0
	} else {
		segments(p.kernel("piece_moments", x), p.seg, p.samples)
	}
	a := p.adding(p.b.typed("add_moments")).Pointer(x).Pointer(mean).Pointer(variance).Pointer(rstd)
	segments(p.layout(a), p.seg, p.samples).Int(step).Float(float32(eps))
	return rstd
}

// gradients sums g and g*h piece by piece.
func (p *plane) gradients(dy, x, y, mean, variance cu.DevicePtr, step int, act kernels.Act, eps float64) {
	segments(p.kernel("piece_gradients", dy, x, y, mean, variance), p.seg, p.samples).Int(step).Int(int(act)).Float(float32(eps))
}

func biasGrad(b *builder, op kernels.BiasGrad, c call) {
	p := planeOf(b, c.in[0].Shape, op.Segments)
	p.kernel("piece_sums", c.in[0].at)
	p.sums(c.out[0].at, 1)
}

func globalAvgPool(b *builder, _ kernels.GlobalAvgPool, c call) {
	x := c.in[0]
	p := planeOf(b, x.Shape, eachSample(x.Shape[0]))
	p.kernel("piece_sums", x.at)
	p.sums(c.out[0].at, p.pixels)
}

func scaleChannelsGradS(b *builder, _ kernels.ScaleChannelsGradS, c call) {
	x := c.in[1]
	p := planeOf(b, x.Shape, eachSample(x.Shape[0]))
	p.kernel("piece_products", c.in[0].at, x.at)
	p.sums(c.out[0].at, 1)
}

func instanceNorm(b *builder, op kernels.InstanceNorm, c call) {
	x, y, mean, variance := c.in[0], c.out[0].at, c.out[1].at, c.out[2].at
	p := planeOf(b, x.Shape, eachSample(x.Shape[0]))
	rstd := p.moments(x.at, mean, variance, p.channels, op.Eps)
	a := b.spots("instance_norm", x.Shape).Pointer(x.at).Pointer(c.operand(1)).Pointer(mean).Pointer(rstd).Pointer(y)
	ints(a, p.pixels, p.channels, int(op.Act))
}

func instanceNormGrad(b *builder, op kernels.InstanceNormGrad, c call) {
	dy, x, mean, variance := c.in[0].at, c.in[1], c.in[2].at, c.in[3].at
	p := planeOf(b, x.Shape, eachSample(x.Shape[0]))
	rstd, meanG, meanGH := p.perShard(), p.perShard(), p.perShard()
	p.gradients(dy, x.at, 0, mean, variance, p.channels, op.Act, op.Eps)
	p.both(meanG, meanGH, spread{variance, rstd, p.channels, op.Eps}, p.pixels)
	a := b.spots("instance_norm_grad", x.Shape)
	for _, at := range []cu.DevicePtr{dy, x.at, mean, rstd, meanG, meanGH, c.out[0].at} {
		a.Pointer(at)
	}
	ints(a, p.pixels, p.channels, int(op.Act))
}

func batchNorm(b *builder, op kernels.BatchNorm, c call) {
	x, stats := c.in[0], c.out[1].at
	p := planeOf(b, x.Shape, op.Segments)
	rstd := p.moments(x.at, stats, stats+cu.DevicePtr(4*p.channels), 2*p.channels, op.Eps)
	a := b.spots("batch_norm", x.Shape)
	for _, at := range []cu.DevicePtr{x.at, c.in[1].at, c.in[2].at, stats, rstd, c.operand(3), c.out[0].at} {
		a.Pointer(at)
	}
	segments(ints(a, p.pixels, p.channels), op.Segments, p.samples).Int(int(op.Act))
}

// batchNormGrad leaves the sums of g and g*h as dbeta and dgamma, which the last kernel
// reads.
func batchNormGrad(b *builder, op kernels.BatchNormGrad, c call) {
	dy, x, stats, y := c.in[0].at, c.in[1], c.in[3].at, c.operand(4)
	p := planeOf(b, x.Shape, op.Segments)
	variance, rstd, step := stats+cu.DevicePtr(4*p.channels), p.perShard(), 2*p.channels
	p.gradients(dy, x.at, y, stats, variance, step, op.Act, op.Eps)
	p.both(c.out[2].at, c.out[1].at, spread{variance, rstd, step, op.Eps}, 1)
	dres := cu.DevicePtr(0)
	if op.Res {
		dres = c.out[3].at
	}
	a := b.spots("batch_norm_grad", x.Shape)
	for _, at := range []cu.DevicePtr{dy, x.at, c.in[2].at, stats, rstd, y, c.out[1].at, c.out[2].at, c.out[0].at, dres} {
		a.Pointer(at)
	}
	segments(ints(a, p.pixels, p.channels), op.Segments, p.samples).Int(int(op.Act)).Float(float32(1 / float64(p.count())))
}

func batchNormInfer(b *builder, op kernels.BatchNormInfer, c call) {
	x := c.in[0].Shape
	a := b.spots("batch_norm_infer", x)
	for i := range 6 {
		a.Pointer(c.operand(i))
	}
	ints(a.Pointer(c.out[0].at), x[1]*x[2], x[3], int(op.Act)).Float(float32(op.Eps))
}

func runningStats(b *builder, op kernels.RunningStats, c call) {
	channels := c.in[0].Shape[0]
	a := b.elements("running_stats", channels)
	for _, t := range append(c.in[:3:3], c.out...) {
		a.Pointer(t.at)
	}
	count := float64(op.Count)
	reals(a.Pointer(b.guard).Int(channels), op.Momentum, 1-op.Momentum, float64(op.Shards), count/(count-1))
}
