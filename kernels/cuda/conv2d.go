//go:build gpu

package cuda

import (
	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// tile is a tile of src/conv2d.cu. Which one serves a shape, and into how many slices a
// gradient by weights is cut, is part of the numerics class.
type tile struct {
	name          string
	rows, columns int
}

var (
	large = tile{"128x128", 128, 128}
	small = tile{"64x64", 64, 64}
	slim  = tile{"256x16", 256, 16}
)

// grid is how many tiles cover a result.
func (t tile) grid(rows, columns int) (down, across int) {
	return blocks(rows, t.rows), blocks(columns, t.columns)
}

// manyBlocks is how many blocks of the large tile are worth their coarseness: two for each
// multiprocessor of a large card.
const manyBlocks = 256

// tileFor chooses the tile for so many products of one size, whose operands have so many
// channels. Sums have one order in all.
func (b *builder) tileFor(rows, columns, count, channelsA, channelsB int) tile {
	if columns <= slim.columns {
		return slim
	}
	down, across := large.grid(rows, columns)
	if inFours(channelsA, channelsB) && (down*across*count >= manyBlocks || b.device.tile == large.name) {
		return large
	}
	return small
}

// inFours says whether the large tile can gather both operands.
func inFours(channelsA, channelsB int) bool { return channelsA%4 == 0 && channelsB%4 == 0 }

// launch is the name of a kernel whose operands have so many channels, and its grid.
func (t tile) launch(name string, rows, columns, count, channelsA, channelsB int) (string, driver.Grid) {
	name += "_" + t.name
	switch {
	case inFours(channelsA, channelsB):
		name += "_ab"
	case channelsA%4 == 0:
		name += "_a"
	}
	down, across := t.grid(rows, columns)
	g := threads(down, across)
	g.Blocks[2] = count
	return name, g
}

// conv adds Conv of src/conv2d.cu.
func conv(a *driver.Arguments, g kernels.Geometry, x, w, y kernels.Shape) *driver.Arguments {
	reflect := 0
	if g.Mode == kernels.Reflect {
		reflect = 1
	}
	return a.Struct(x[0], x[1], x[2], x[3], y[1], y[2], y[3], w[1], w[2], g.Stride, g.PadH, g.PadW, reflect)
}

func conv2D(b *builder, op kernels.Conv2D, c call) {
	if b.half {
		conv2DHalf(b, op, c)
		return
	}
	x, w, y := c.in[0].Shape, c.in[1].Shape, c.out[0].Shape
	rows := y[0] * y[1] * y[2]
	name, g := b.tileFor(rows, y[3], 1, x[3], x[3]).launch("conv2d", rows, y[3], 1, x[3], x[3])
	a := b.grid(name, g)
	conv(a.Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.operand(2)).Pointer(c.out[0].at), op.Geometry, x, w, y)
}

// conv2DGradX goes by phases of a stride, each with the taps that reach it, but under
// reflection.
func conv2DGradX(b *builder, op kernels.Conv2DGradX, c call) {
	if b.half {
		conv2DGradXHalf(b, op, c)
		return
	}
	dy, w, dx := c.in[0].Shape, c.in[1].Shape, c.out[0].Shape
	name, t := "conv2d_grad_x", op.Stride
	if op.Mode == kernels.Reflect {
		name, t = "conv2d_grad_x_mirrored", 1
	}
	rows := dx[0] * blocks(dx[1], t) * blocks(dx[2], t)
	name, g := b.tileFor(rows, dx[3], t*t, dy[3], dx[3]).launch(name, rows, dx[3], t*t, dy[3], dx[3])
	a := b.grid(name, g)
	conv(a.Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at), op.Geometry, dx, w, dy)
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
	t := small // a shard's gradient has few tiles: its slices make up for that
	if columns <= slim.columns {
		t = slim
	} else if inFours(dy[3], x[3]) && (dy[3] >= large.rows || b.device.tile == large.name) {
		t = large
	}
	down, across := t.grid(dy[3], columns)
	count, length := slices(down*across, x[0]/op.Shards*dy[1]*dy[2])
	out := c.out[0].at
	if count > 1 {
		out = b.temporary(4 * count * dw.Len())
	}
	name, g := t.launch("conv2d_grad_w", dy[3], columns, op.Shards*count, dy[3], x[3])
	a := b.grid(name, g)
	a = conv(a.Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(out), op.Geometry, x, dw[1:], dy)
	segments(a, op.Segments, x[0]).Int(length)
	if count > 1 {
		addSlices(b, out, c.out[0], count)
	}
}
