package main

import (
	"fmt"
	"strings"

	"g2c/kernels"
	"g2c/kernels/cuda/tiles"
)

// card is what NVIDIA's data sheets say of one: dense bf16 products, memory, and how
// many multiprocessors at which clock.
type card struct {
	name         string
	capability   int
	flops, bytes float64 // a second
	processors   int
	clock        float64
	synchronous  float64 // share of the products' peak that mma.sync is taken to reach
}

// What no data sheet says is taken as follows. The A100's peak is that of mma.sync.
// Kernels of that kind end at about 400 TFLOP/s on an H100, which needs wgmma for
// more. The second cache gives 5,120 bytes a clock, as the A100's white paper says.
var cards = []card{
	{"H100 SXM", 90, 989e12, 3.35e12, 132, 1.83e9, 400.0 / 989},
	{"A100 SXM 40 GB", 80, 312e12, 1.555e12, 108, 1.41e9, 1},
}

const cacheBytes = 5120

// layer is a convolution of the networks at 256×256.
type layer struct {
	name                            string
	size, channels, filters, kernel int
	stride, pad                     int
	mode                            kernels.PadMode
	turned                          bool // its forward pass is the gradient by the input
}

const batch = 8

var layers = []layer{
	{"generator, 7×7 3→64, reflect", 256, 3, 64, 7, 1, 3, kernels.Reflect, false},
	{"generator, 3×3 64→128, stride 2", 256, 64, 128, 3, 2, 1, kernels.Zero, false},
	{"residual block, 3×3 256→256, reflect", 64, 256, 256, 3, 1, 1, kernels.Reflect, false},
	{"generator, transposed 4×4 256→128, stride 2", 128, 128, 256, 4, 2, 1, kernels.Zero, true},
	{"generator, 7×7 64→3, reflect", 256, 64, 3, 7, 1, 3, kernels.Reflect, false},
	{"discriminator, 4×4 64→128, stride 2", 128, 64, 128, 4, 2, 1, kernels.Zero, false},
	{"discriminator, 4×4 512→1", 31, 512, 1, 4, 1, 1, kernels.Zero, false},
}

// passes are a layer's three operations, forward first.
func (l layer) passes() ([]kernels.Op, [][]kernels.Type) {
	g := kernels.Geometry{Stride: l.stride, PadH: l.pad, PadW: l.pad, Mode: l.mode}
	p, q := g.Out(l.size, l.size, l.kernel, l.kernel)
	x, w, y := kernels.Half(batch, l.size, l.size, l.channels), kernels.Half(l.filters, l.kernel, l.kernel, l.channels), kernels.Half(batch, p, q, l.filters)
	ops := []kernels.Op{kernels.Conv2D{Geometry: g}, kernels.Conv2DGradX{Geometry: g, H: l.size, W: l.size},
		kernels.Conv2DGradW{Geometry: g, Segments: kernels.Segments{Groups: 1, Shards: 1}, R: l.kernel, S: l.kernel}}
	in := [][]kernels.Type{{x, w}, {y, w}, {x, y}}
	if l.turned {
		ops[0], ops[1], in[0], in[1] = ops[1], ops[0], in[1], in[0]
	}
	return ops, in
}

// bound is the least time for the work: the roofline.
func (c card) bound(work kernels.Cost) float64 {
	return max(float64(work.FLOPs)/c.flops, float64(work.Bytes)/c.bytes)
}

// expected is the time that a tile's shape allows: whole tiles on whole multiprocessors
// at the rate of mma.sync, what they load through the second cache, and memory.
func (c card) expected(p tiles.Product, t tiles.Tile, work kernels.Cost) float64 {
	down, across := p.Grid(t)
	blocks, depth := down*across*p.Count, p.For(t).Depth
	if strings.HasSuffix(p.Op, "grad_w") {
		count, length := tiles.Slices(c.capability, p, t)
		blocks, depth = blocks*count, length
	}
	deep := (depth + tiles.Step - 1) / tiles.Step * tiles.Step
	turns := (blocks + c.processors - 1) / c.processors // of one multiprocessor
	flops := 2 * float64(t.Rows*t.Columns) * float64(deep) * float64(turns*c.processors)
	loads := 2 * float64(t.Rows+t.Columns) * float64(deep) * float64(blocks)
	return max(flops/(c.flops*c.synchronous), loads/(cacheBytes*c.clock), float64(work.Bytes)/c.bytes)
}

// renderLayers is the table of what is expected.
func renderLayers() string {
	var b strings.Builder
	fmt.Fprintf(&b, `
## What is expected of the convolutions of bf16

Expected, not measured: nothing here has run on a card. Batches of %d images of 256×256; bytes are those of operands and results, once. The bound is the
roofline of the data sheets; the share of it is what the shape of the tiles allows: whole tiles on whole multiprocessors, what they load through the
second cache, and memory. It counts neither instructions of loaders, which weigh where channels come one by one (odd), nor latency and launches. Numbers taken:
`, batch)
	for _, c := range cards {
		fmt.Fprintf(&b, "\n- %s: %.0f TFLOP/s, of which mma.sync is taken to reach %.0f %%; %.2f TB/s; %d multiprocessors at %.2f GHz; %d bytes a clock from the second cache.", c.name, c.flops/1e12, 100*c.synchronous, c.bytes/1e12, c.processors, c.clock/1e9, cacheBytes)
	}
	b.WriteString("\n\n| layer | pass | GFLOP | MB | FLOP a byte |")
	for _, c := range cards {
		fmt.Fprintf(&b, " %s: tile | bound, µs | share |", c.name)
	}
	b.WriteString("\n|---|---|---|---|---|" + strings.Repeat("---|---|---|", len(cards)) + "\n")
	for _, l := range layers {
		ops, in := l.passes()
		for i, op := range ops {
			b.WriteString(row(l.name, [3]string{"forward", "by input", "by weights"}[i], op, in[i]))
		}
	}
	return b.String()
}

func row(layer, pass string, op kernels.Op, in []kernels.Type) string {
	p, err := tiles.Of(op, in)
	if err != nil {
		panic(err) // the list above is wrong
	}
	out, err := op.Infer(in)
	if err != nil {
		panic(err)
	}
	work := op.Cost(in, out)
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %s | %.1f | %.1f | %.0f |", layer, pass, float64(work.FLOPs)/1e9, float64(work.Bytes)/1e6, float64(work.FLOPs)/float64(work.Bytes))
	for _, c := range cards {
		t := tiles.Choose(c.capability, p, "")
		fmt.Fprintf(&b, " %s | %.0f | %.0f %% |", t.Name, 1e6*c.bound(work), 100*c.bound(work)/c.expected(p, t, work))
	}
	return b.String() + "\n"
}
