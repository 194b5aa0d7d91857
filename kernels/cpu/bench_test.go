package cpu

import (
	"fmt"
	"testing"

	"g2c/kernels"
	"g2c/kernels/host"
)

// benchShape is a convolution of the networks.
type benchShape struct {
	name             string
	size, c, k, taps int
	g                kernels.Geometry
}

var (
	same3 = kernels.Geometry{Stride: 1, PadH: 1, PadW: 1, Mode: kernels.Reflect}
	half3 = kernels.Geometry{Stride: 2, PadH: 1, PadW: 1}
	same7 = kernels.Geometry{Stride: 1, PadH: 3, PadW: 3, Mode: kernels.Reflect}
	half4 = kernels.Geometry{Stride: 2, PadH: 1, PadW: 1}
)

var benchShapes = []benchShape{
	{"res256/16", 16, 256, 256, 3, same3},
	{"res256/32", 32, 256, 256, 3, same3},
	{"res256/64", 64, 256, 256, 3, same3},
	{"res64/16", 16, 64, 64, 3, same3},
	{"res64/32", 32, 64, 64, 3, same3},
	{"res64/64", 64, 64, 64, 3, same3},
	{"down64-128/64", 64, 64, 128, 3, half3},
	{"first3-64/64", 64, 3, 64, 7, same7},
	{"last64-3/64", 64, 64, 3, 7, same7},
	{"first3-16/64", 64, 3, 16, 7, same7},
	{"last16-3/64", 64, 16, 3, 7, same7},
	{"patch16-32/32", 32, 16, 32, 4, half4},
	{"unit256/5", 5, 256, 256, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}},
	{"unit256/3", 3, 256, 256, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}},
	{"unit256/2", 2, 256, 256, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}},
	{"up32-64/16", 32, 32, 64, 4, half4},
	{"patch1/16", 16, 256, 1, 4, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}},
}

// BenchmarkConv times the three passes of a convolution; the input gradient of a
// strided one is the forward pass of a transposed one.
func BenchmarkConv(b *testing.B) {
	for _, s := range benchShapes {
		for _, n := range []int{1, 8, 16} {
			x, w := real(n, s.size, s.size, s.c), real(s.k, s.taps, s.taps, s.c)
			p, q := s.g.Out(s.size, s.size, s.taps, s.taps)
			y := real(n, p, q, s.k)
			seg := kernels.Segments{Groups: 1, Shards: 1}
			for _, t := range []trial{
				{op: kernels.Conv2D{Geometry: s.g}, in: []kernels.Type{x, w, real(s.k)}},
				{op: kernels.Conv2DGradX{Geometry: s.g, H: s.size, W: s.size}, in: []kernels.Type{y, w}},
				{op: kernels.Conv2DGradW{Geometry: s.g, Segments: seg, R: s.taps, S: s.taps}, in: []kernels.Type{x, y}},
			} {
				b.Run(fmt.Sprintf("%s/n%d/%s", s.name, n, t.op.Name()), func(b *testing.B) { benchTrial(b, t) })
			}
		}
	}
}

// benchTrial reports the rate of a trial by the contract's own count of work.
func benchTrial(b *testing.B, t trial) {
	d := open(b, Options{})
	e := t.load(b, d, operandsFor(t, 1))
	cost := e.Program().Cost()
	for b.Loop() {
		if err := e.Run(); err != nil {
			b.Fatal(err)
		}
	}
	perSecond := float64(b.N) / b.Elapsed().Seconds() / 1e9
	b.ReportMetric(float64(cost.FLOPs)*perSecond, "GFLOP/s")
	b.ReportMetric(float64(cost.Bytes)*perSecond, "GB/s")
}

// BenchmarkMicro times the micro-kernels on packed operands in cache, on one
// core: the ceiling of everything above.
func BenchmarkMicro(b *testing.B) {
	for _, isa := range isas() {
		for _, k := range microKernels(isa) {
			const depth = 256
			left := host.AlignedFloats[float32](depth * k.rows)
			right := host.AlignedFloats[float32](depth * k.columns)
			out := host.AlignedFloats[float32](k.rows * k.columns)
			rows, results := make([]*float32, k.rows), make([]*float32, k.rows)
			for r := range rows {
				rows[r], results[r] = &left[r*depth], &out[r*k.columns]
			}
			rate := func(b *testing.B) {
				flops := float64(2*depth*k.rows*k.columns) * float64(b.N)
				b.ReportMetric(flops/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			}
			b.Run(fmt.Sprintf("%s/dot%d", isa, k.columns), func(b *testing.B) {
				for b.Loop() {
					k.dot(1, &rows[0], depth, &right[0], nil, &results[0], 0)
				}
				rate(b)
			})
			b.Run(fmt.Sprintf("%s/outer%d", isa, k.columns), func(b *testing.B) {
				runs := []*float32{&right[0]}
				for b.Loop() {
					k.outer(1, &runs[0], depth, int64(4*k.columns), &left[0], int64(4*k.rows), &results[0], 0)
				}
				rate(b)
			})
		}
	}
}

// BenchmarkPass times operations that memory, not arithmetic, should bound.
func BenchmarkPass(b *testing.B) {
	for _, n := range []int{1, 8} {
		x, v := real(n, 64, 64, 64), real(n, 64)
		w := real(1 << 20)
		for _, t := range []trial{
			{op: kernels.InstanceNorm{Act: kernels.ReLU, Eps: 1e-5}, in: []kernels.Type{x}},
			{op: kernels.InstanceNormGrad{Act: kernels.ReLU, Eps: 1e-5}, in: []kernels.Type{x, x, v, v}},
			{op: kernels.BatchNorm{Segments: one, Act: kernels.ReLU, Eps: 1e-5}, in: []kernels.Type{x, real(64), real(64)}},
			{op: kernels.Add{}, in: []kernels.Type{x, x}},
			{op: kernels.Activation{Act: kernels.Leaky}, in: []kernels.Type{x}},
			{op: kernels.ActivationGrad{Act: kernels.Leaky}, in: []kernels.Type{x, x}},
			{op: kernels.BiasGrad{Segments: one}, in: []kernels.Type{x}},
			{op: kernels.Activation{Act: kernels.Tanh}, in: []kernels.Type{real(n, 64, 64, 3)}},
			{op: kernels.L1{Segments: one, Scale: 1}, in: []kernels.Type{real(n, 64, 64, 3), real(n, 64, 64, 3)}},
			{op: kernels.Adam{Beta1: 0.5, Beta2: 0.999, Eps: 1e-8}, in: []kernels.Type{w, w, w, w, real(2)}},
		} {
			b.Run(fmt.Sprintf("n%d/%s", n, t.op.Name()), func(b *testing.B) { benchTrial(b, t) })
		}
	}
}
