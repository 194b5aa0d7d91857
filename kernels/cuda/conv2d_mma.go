//go:build gpu

package cuda

import (
	"gorgonia.org/cu"

	"g2c/kernels"
	"g2c/kernels/cuda/driver"
	"g2c/kernels/cuda/tiles"
)

// Convolutions of bf16: see src/conv2d_mma.cu.

// product is a convolution as a product, with the tile that serves it.
func (b *builder) product(c call) (tiles.Product, tiles.Tile) {
	types := make([]kernels.Type, len(c.in))
	for i, t := range c.in {
		types[i] = t.Type
	}
	p, err := tiles.Of(c.op, types)
	if err != nil && b.err == nil {
		b.err = err
	}
	return p, tiles.Choose(b.device.capability, p, b.device.tile)
}

// tiled launches a tile over so many products; the arguments are for the caller to fill
// in.
func (b *builder) tiled(p tiles.Product, t tiles.Tile, count int) *driver.Arguments {
	down, across := p.Grid(t)
	return b.grid(t.Kernel(p.Op), driver.Grid{Blocks: [3]int{down, across, count}, Threads: [3]int{t.Threads, 1, 1}, Shared: t.Shared()})
}

func conv2DHalf(b *builder, op kernels.Conv2D, c call) {
	x, w, y := c.in[0].Shape, c.in[1].Shape, c.out[0].Shape
	p, t := b.product(c)
	a := b.tiled(p, t, 1)
	a.Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.operand(2)).Pointer(c.out[0].at)
	conv(b.left(a, t), op.Geometry, x, w, y)
}

// conv2DGradXHalf goes by phases of a stride. Under reflection the gradient by the
// padded image comes first; what meets in a pixel is then added.
func conv2DGradXHalf(b *builder, op kernels.Conv2DGradX, c call) {
	dy, w, dx := c.in[0].Shape, c.in[1].Shape, c.out[0].Shape
	p, t := b.product(c)
	g, image, padded := op.Geometry, tiles.Padded(op, dx), cu.DevicePtr(0)
	if g.Mode == kernels.Reflect {
		padded = b.temporary(2 * image.Len())
		g.PadH, g.PadW = 0, 0
	}
	a := b.tiled(p, t, p.Count)
	a.Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at).Pointer(padded)
	ints(conv(b.left(a, t), g, image, w, dy), op.PadH, op.PadW)
	if g.Mode == kernels.Reflect {
		ints(b.elements("conv2d_grad_x_fold", dx.Len()).Pointer(padded).Pointer(c.out[0].at), dx[0], dx[1], dx[2], dx[3], op.PadH, op.PadW)
	}
}

func conv2DGradWHalf(b *builder, op kernels.Conv2DGradW, c call) {
	x, dy, dw := c.in[0].Shape, c.in[1].Shape, c.out[0].Shape
	p, t := b.product(c)
	count, length := tiles.Slices(b.device.capability, p, t)
	out := c.out[0].at
	if count > 1 {
		out = b.temporary(4 * count * dw.Len())
	}
	a := b.tiled(p, t, p.Count*count)
	a = conv(a.Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(out), op.Geometry, x, dw[1:], dy)
	segments(a, op.Segments, x[0]).Int(length)
	if count > 1 {
		addSlices(b, out, c.out[0], count)
	}
}

// addSlices adds slices of a gradient by weights, in order.
func addSlices(b *builder, slices cu.DevicePtr, dw tensor, count int) {
	n := dw.Shape.Len()
	b.elements("add_slices", n).Pointer(slices).Pointer(dw.at).Int(n).Int(count)
}
