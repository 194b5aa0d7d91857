//go:build gpu

package cuda

import (
	"gorgonia.org/cu"

	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// pixelSums makes per-channel sums over pixels, in the order of kernels.PixelSum:
// see src/pixel_sum.cu. Sums of shard v stand at v*step.
type pixelSums struct {
	b                         *builder
	samples, pixels, channels int
	seg                       kernels.Segments
	step                      int
	part                      cu.DevicePtr // partial sums: (2, samples, chunks, channels)
}

// sumsOver prepares sums over x (N,...,C). For each sample alone, seg has a shard a
// sample.
func sumsOver(b *builder, x kernels.Shape, seg kernels.Segments, step int) *pixelSums {
	n, c := x[0], x[len(x)-1]
	s := &pixelSums{b: b, samples: n, pixels: x.Len() / n / c, channels: c, seg: seg, step: step}
	s.part = b.temporary(2 * 4 * s.parts())
	return s
}

func eachSample(n int) kernels.Segments { return kernels.Segments{Groups: 1, Shards: n} }

func (s *pixelSums) chunks() int {
	return (s.pixels + kernels.PixelChunk - 1) / kernels.PixelChunk
}

// parts is the number of partial sums of one quantity.
func (s *pixelSums) parts() int { return s.samples * s.chunks() * s.channels }

// layout adds Chunks.
func (s *pixelSums) layout(a *driver.Arguments) *driver.Arguments {
	return a.Struct(s.samples, s.pixels, s.channels, s.chunks())
}

// kernel sums chunks of the given operands.
func (s *pixelSums) kernel(name string, operands ...cu.DevicePtr) *driver.Arguments {
	a := s.b.elements(name, s.parts())
	for _, p := range operands {
		a.Pointer(p)
	}
	return s.layout(a.Pointer(s.part))
}

// add adds the chunks of quantity k and divides.
func (s *pixelSums) add(k int, out cu.DevicePtr, divisor int) {
	a := s.b.elements("add_chunks", s.seg.Shards*s.channels).Pointer(s.part + cu.DevicePtr(4*k*s.parts())).Pointer(out)
	segments(s.layout(a), s.seg, s.samples).Int(s.step).Float(float32(divisor))
}

// count is the number of values behind each sum.
func (s *pixelSums) count() int { return s.samples / s.seg.Shards * s.pixels }

// moments computes mean and biased variance.
func (s *pixelSums) moments(x, mean, variance cu.DevicePtr) {
	s.kernel("chunk_sums", x)
	s.add(0, mean, s.count())
	segments(s.kernel("chunk_squares", x, mean), s.seg, s.samples).Int(s.step)
	s.add(0, variance, s.count())
}

// gradients sums g and g*h chunk by chunk.
func (s *pixelSums) gradients(dy, x, y, mean, variance cu.DevicePtr, act kernels.Act, eps float64) {
	segments(s.kernel("chunk_gradients", dy, x, y, mean, variance), s.seg, s.samples).Int(s.step).Int(int(act)).Float(float32(eps))
}

func biasGrad(b *builder, op kernels.BiasGrad, c call) {
	x := c.in[0]
	s := sumsOver(b, x.Shape, op.Segments, x.Shape[len(x.Shape)-1])
	s.kernel("chunk_sums", x.at)
	s.add(0, c.out[0].at, 1)
}

func globalAvgPool(b *builder, _ kernels.GlobalAvgPool, c call) {
	x := c.in[0]
	s := sumsOver(b, x.Shape, eachSample(x.Shape[0]), x.Shape[3])
	s.kernel("chunk_sums", x.at)
	s.add(0, c.out[0].at, s.pixels)
}

func scaleChannelsGradS(b *builder, _ kernels.ScaleChannelsGradS, c call) {
	x := c.in[1]
	s := sumsOver(b, x.Shape, eachSample(x.Shape[0]), x.Shape[3])
	s.kernel("chunk_products", c.in[0].at, x.at)
	s.add(0, c.out[0].at, 1)
}

func instanceNorm(b *builder, op kernels.InstanceNorm, c call) {
	x, y, mean, variance := c.in[0], c.out[0].at, c.out[1].at, c.out[2].at
	s := sumsOver(b, x.Shape, eachSample(x.Shape[0]), x.Shape[3])
	s.moments(x.at, mean, variance)
	n := x.Shape.Len()
	a := b.elements("instance_norm", n).Pointer(x.at).Pointer(c.operand(1)).Pointer(mean).Pointer(variance).Pointer(y)
	ints(a, n, s.pixels, s.channels, int(op.Act)).Float(float32(op.Eps))
}

func instanceNormGrad(b *builder, op kernels.InstanceNormGrad, c call) {
	dy, x, mean, variance := c.in[0].at, c.in[1], c.in[2].at, c.in[3].at
	s := sumsOver(b, x.Shape, eachSample(x.Shape[0]), x.Shape[3])
	stats := s.samples * s.channels
	sums := b.temporary(2 * 4 * stats)
	s.gradients(dy, x.at, 0, mean, variance, op.Act, op.Eps)
	s.add(0, sums, s.pixels)
	s.add(1, sums+cu.DevicePtr(4*stats), s.pixels)
	n := x.Shape.Len()
	a := b.elements("instance_norm_grad", n).Pointer(dy).Pointer(x.at).Pointer(mean).Pointer(variance).Pointer(sums).Pointer(c.out[0].at)
	ints(a, n, s.samples, s.pixels, s.channels, int(op.Act)).Float(float32(op.Eps))
}

func batchNorm(b *builder, op kernels.BatchNorm, c call) {
	x, stats := c.in[0], c.out[1].at
	channels := x.Shape[3]
	s := sumsOver(b, x.Shape, op.Segments, 2*channels)
	s.moments(x.at, stats, stats+cu.DevicePtr(4*channels))
	n := x.Shape.Len()
	a := b.elements("batch_norm", n).Pointer(x.at).Pointer(c.in[1].at).Pointer(c.in[2].at).Pointer(stats).Pointer(c.operand(3)).Pointer(c.out[0].at)
	segments(ints(a, n, s.pixels, channels), op.Segments, s.samples).Int(int(op.Act)).Float(float32(op.Eps))
}

// batchNormGrad leaves the sums of g*h and g as dgamma and dbeta, which the last
// kernel reads.
func batchNormGrad(b *builder, op kernels.BatchNormGrad, c call) {
	dy, x, gamma, stats, y := c.in[0].at, c.in[1], c.in[2].at, c.in[3].at, c.operand(4)
	channels := x.Shape[3]
	s := sumsOver(b, x.Shape, op.Segments, 2*channels)
	act := op.Act
	s.gradients(dy, x.at, y, stats, stats+cu.DevicePtr(4*channels), act, op.Eps)
	s.step = channels
	s.add(1, c.out[1].at, 1)
	s.add(0, c.out[2].at, 1)
	dres := cu.DevicePtr(0)
	if op.Res {
		dres = c.out[3].at
	}
	n := x.Shape.Len()
	a := b.elements("batch_norm_grad", n)
	for _, p := range []cu.DevicePtr{dy, x.at, gamma, stats, y, c.out[1].at, c.out[2].at, c.out[0].at, dres} {
		a.Pointer(p)
	}
	segments(ints(a, n, s.pixels, channels), op.Segments, s.samples).Int(int(act)).Float(float32(op.Eps)).Float(float32(s.count()))
}

func batchNormInfer(b *builder, op kernels.BatchNormInfer, c call) {
	n := c.out[0].Shape.Len()
	a := b.elements("batch_norm_infer", n)
	for i := range 6 {
		a.Pointer(c.operand(i))
	}
	ints(a.Pointer(c.out[0].at), n, c.in[0].Shape[3], int(op.Act)).Float(float32(op.Eps))
}

func runningStats(b *builder, op kernels.RunningStats, c call) {
	channels := c.in[0].Shape[0]
	a := b.elements("running_stats", channels)
	for _, t := range append(c.in[:3:3], c.out...) {
		a.Pointer(t.at)
	}
	count := float64(op.Count)
	reals(a.Int(channels), op.Momentum, 1-op.Momentum, float64(op.Shards), count/(count-1))
}
