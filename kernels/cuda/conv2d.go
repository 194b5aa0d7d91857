//go:build gpu

package cuda

import (
	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// Tiles of src/conv2d.cu: 64 rows by 64 columns, or 256 by 16 where there are few
// columns. Which one serves a shape, and into how many slices a gradient by weights is
// cut, is part of the numerics class: change both together.
const (
	slimColumns = 16
	wideRows    = 64
	wideColumns = 64
	slimRows    = 256
)

// tile chooses the kernel for a product with so many columns.
func tile(name string, rows, columns int) (string, [2]int) {
	if columns <= slimColumns {
		return name + "_slim", [2]int{blocks(rows, slimRows), blocks(columns, slimColumns)}
	}
	return name + "_wide", [2]int{blocks(rows, wideRows), blocks(columns, wideColumns)}
}

// conv adds Conv of src/conv2d.cu.
func conv(a *driver.Arguments, g kernels.Geometry, x, w, y kernels.Shape) *driver.Arguments {
	reflect := 0
	if g.Mode == kernels.Reflect {
		reflect = 1
	}
	return a.Struct(x[0], x[1], x[2], x[3], y[1], y[2], y[3], w[1], w[2], g.Stride, g.PadH, g.PadW, reflect)
}

// vectors says whether channels can be read four at a time.
func vectors(name string, channels int) string {
	if channels%4 == 0 {
		return name + "4"
	}
	return name
}

func conv2D(b *builder, op kernels.Conv2D, c call) {
	if b.half {
		conv2DHalf(b, op, c)
		return
	}
	x, w, y := c.in[0].Shape, c.in[1].Shape, c.out[0].Shape
	name, g := tile("conv2d", y[0]*y[1]*y[2], y[3])
	a := b.grid(vectors(name, x[3]), driver.Grid{Blocks: [3]int{g[0], g[1], 1}, Threads: [3]int{blockThreads, 1, 1}})
	conv(a.Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.operand(2)).Pointer(c.out[0].at), op.Geometry, x, w, y)
}

func conv2DGradX(b *builder, op kernels.Conv2DGradX, c call) {
	if b.half {
		conv2DGradXHalf(b, op, c)
		return
	}
	dy, w, dx := c.in[0].Shape, c.in[1].Shape, c.out[0].Shape
	name, g := tile("conv2d_grad_x", dx[0]*dx[1]*dx[2], dx[3])
	a := b.grid(vectors(name, dy[3]), driver.Grid{Blocks: [3]int{g[0], g[1], 1}, Threads: [3]int{blockThreads, 1, 1}})
	conv(a.Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(0).Pointer(c.out[0].at), op.Geometry, dx, w, dy)
}

// A gradient by weights has few tiles and long sums. It is cut into slices of pixels
// until a shard alone has blocks enough for a large card, or slices are short. How many
// shards a launch spans has no say: each has its bits wherever it is computed.
const (
	enoughBlocks = 512
	leastSlice   = 256
)

// slices is the number of slices of a sum over pixels, and their length.
func slices(tiles, pixels int) (count, length int) {
	count = max(1, min(blocks(enoughBlocks, tiles), pixels/leastSlice))
	length = blocks(pixels, count)
	return blocks(pixels, length), length
}

func conv2DGradW(b *builder, op kernels.Conv2DGradW, c call) {
	if b.half {
		conv2DGradWHalf(b, op, c)
		return
	}
	x, dy, dw := c.in[0].Shape, c.in[1].Shape, c.out[0].Shape
	columns := op.R * op.S * x[3]
	name, g := tile("conv2d_grad_w", dy[3], columns)
	count, length := slices(g[0]*g[1], x[0]/op.Shards*dy[1]*dy[2])
	out := c.out[0].at
	if count > 1 {
		out = b.temporary(4 * count * dw.Len())
	}
	a := b.grid(name, driver.Grid{Blocks: [3]int{g[0], g[1], op.Shards * count}, Threads: [3]int{blockThreads, 1, 1}})
	a = conv(a.Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(out), op.Geometry, x, dw[1:], dy)
	segments(a, op.Segments, x[0]).Int(length)
	if count > 1 {
		addSlices(b, out, c.out[0], count)
	}
}
