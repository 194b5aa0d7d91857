// Package tiles says which kernel serves which convolution of bf16, and how its sum is
// cut: decisions that are part of a numerics class, and need no GPU to be made.
package tiles

import (
	"fmt"

	"g2c/kernels"
)

// Tile is a kernel of src/conv2d_mma.cu or, by strips, src/conv2d_strip.cu: it makes rows
// by columns of a result.
type Tile struct {
	Name                           string
	Rows, Columns, Threads, Stages int
	// EightsA and EightsB say that it gathers its operands eight channels at a time.
	EightsA, EightsB bool
	// Strips says that the taps of a kernel's row are columns, or rows in a gradient
	// by weights.
	Strips bool
}

// Step is kStep of src/mma.cuh: elements of the depth in a stage.
const Step = 32

// Shared is the memory that the stages take, in bytes.
func (t Tile) Shared() int { return t.Stages * (t.Rows + t.Columns) * Step * 2 }

// Kernel is the kernel's name.
func (t Tile) Kernel(op string) string { return op + "_mma_" + t.Name }

// Product is a convolution as a product of matrices: the size of its result, how many
// of them there are (phases of a stride, shards), the mean length of its sums, and the
// channels that its operands are gathered by.
type Product struct {
	Op                   string
	Rows, Columns, Count int
	Depth                int
	ChannelsA, ChannelsB int
	// Strips is the same by strips, nil if it cannot be done so; Overlap is how many
	// rows of a tile the next one makes again.
	Strips  *Product
	Overlap int
}

// Of is a convolution of given operands as a product.
func Of(op kernels.Op, in []kernels.Type) (Product, error) {
	out, err := op.Infer(in)
	if err != nil {
		return Product{}, err
	}
	a, b, y := in[0].Shape, in[1].Shape, out[0].Shape
	p := Product{Op: op.Name(), Count: 1}
	switch op := op.(type) {
	case kernels.Conv2D:
		r, s := b[1], b[2]
		p.Rows, p.Columns, p.Depth = y[0]*y[1]*y[2], y[3], r*s*b[3]
		p.ChannelsA, p.ChannelsB = a[3], a[3]
		p.byStrips(op.Stride, s, Product{Rows: y[0] * y[1] * (y[2] + s - 1), Columns: s * y[3], Depth: r * b[3], Overlap: s - 1})
	case kernels.Conv2DGradX:
		image, t, r, s := Padded(op, y), op.Stride, b[1], b[2]
		p.Rows, p.Columns, p.Count = image[0]*blocks(image[1], t)*blocks(image[2], t), y[3], t*t
		p.Depth = blocks(r*s*b[0], t*t)
		p.ChannelsA, p.ChannelsB = a[3], y[3]
		p.byStrips(t, s, Product{Rows: image[0] * image[1] * (image[2] + s - 1), Columns: s * y[3], Depth: r * b[0], Overlap: s - 1})
	case kernels.Conv2DGradW:
		p.Rows, p.Columns, p.Count = b[3], op.R*op.S*a[3], op.Shards
		p.Depth = b[0] / op.Shards * b[1] * b[2]
		p.ChannelsA, p.ChannelsB = b[3], a[3]
		p.byStrips(op.Stride, op.S, Product{Rows: op.S * b[3], Columns: op.R * a[3], Depth: b[0] / op.Shards * b[1] * (b[2] + op.S - 1)})
	default:
		return p, fmt.Errorf("tiles: %s is no product", op.Name())
	}
	return p, nil
}

// byStrips adds how a product goes by strips, if it can: a pixel is to be read by each tap
// of a kernel's row, one place apart.
func (p *Product) byStrips(stride, taps int, s Product) {
	if stride != 1 || taps == 1 {
		return
	}
	s.Op, s.Count, s.ChannelsA, s.ChannelsB = p.Op, p.Count, p.ChannelsA, p.ChannelsB
	p.Strips = &s
}

// For is the product as a tile makes it.
func (p Product) For(t Tile) Product {
	if t.Strips && p.Strips != nil {
		return *p.Strips
	}
	return p
}

// Padded is the image whose gradient a gradient by the input makes first: with its
// padding if that is a reflection.
func Padded(op kernels.Conv2DGradX, dx kernels.Shape) kernels.Shape {
	if op.Mode != kernels.Reflect {
		return dx
	}
	return kernels.Shape{dx[0], dx[1] + 2*op.PadH, dx[2] + 2*op.PadW, dx[3]}
}

// Grid is how many tiles go down and across one result.
func (p Product) Grid(t Tile) (down, across int) {
	p = p.For(t)
	return blocks(p.Rows, t.Rows-p.Overlap), blocks(p.Columns, t.Columns)
}

// Candidates are the tiles that can serve a product on a card of a capability (ten
// times the compute capability), in the table's order.
func Candidates(capability int, p Product) []Tile {
	var list []Tile
	for _, r := range of(capability).rules[p.Op] {
		if r.can(p) {
			list = append(list, r.Tile)
		}
	}
	return list
}

// Kernels are the tiles of every operation and architecture, by the kernel's name.
func Kernels() map[string]Tile {
	all := map[string]Tile{}
	for _, a := range table {
		for op, rules := range a.rules {
			for _, r := range rules {
				all[r.Kernel(op)] = r.Tile
			}
		}
	}
	return all
}

// Choose gives the table's tile for a product, or the one that is asked for by name if
// it can serve.
func Choose(capability int, p Product, asked string) Tile {
	for _, t := range Candidates(capability, p) {
		if t.Name == asked {
			return t
		}
	}
	rules := of(capability).rules[p.Op]
	for _, r := range rules {
		if r.can(p) && r.fits(p) {
			return r.Tile
		}
	}
	return rules[len(rules)-1].Tile
}

// leastSlice is the least number of pixels that are worth a slice of a gradient by
// weights.
const leastSlice = 512

// Slices is the number of slices of a gradient by weights, and their length in pixels,
// whole stages. How many shards a launch spans has no say: each has its bits on any
// device.
func Slices(capability int, p Product, t Tile) (count, length int) {
	down, across := p.Grid(t)
	depth := p.For(t).Depth
	count = max(1, min(of(capability).slots/(down*across), depth/leastSlice))
	length = blocks(blocks(depth, count), Step) * Step
	return blocks(depth, length), length
}

// blocks is how many pieces of a size n makes.
func blocks(n, size int) int { return (n + size - 1) / size }
