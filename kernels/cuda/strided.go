//go:build gpu

package cuda

import (
	"fmt"

	"g2c/kernels"
)

// word is the largest word, in bytes, that elements of a type fill where their number is
// a multiple of each of the counts, and how many elements it is.
func word(d kernels.DType, counts ...int) (bytes, elements int) {
	size := int(layout.Bytes(kernels.Type{DType: d, Shape: kernels.Shape{1}}))
	const largest = 16
	for _, n := range counts {
		if n*size%largest != 0 {
			return size, 1
		}
	}
	return largest, largest / size
}

// move copies blocks of so many elements: see src/strided.cu.
func (b *builder) move(x, y tensor, outer, length, xStep, xFrom, yStep, yFrom int) {
	bytes, v := word(x.DType, length, xStep, xFrom, yStep, yFrom)
	a := b.elements(fmt.Sprintf("move_%d", bytes), outer*length/v)
	ints(a.Pointer(x.at).Pointer(y.at), outer, length/v, xStep/v, xFrom/v, yStep/v, yFrom/v)
}

// around splits a shape at an axis: the product before it, and that behind it.
func around(s kernels.Shape, axis int) (outer, inner int) { return s[:axis].Len(), s[axis+1:].Len() }

func concat(b *builder, op kernels.Concat, c call) {
	outer, inner := around(c.out[0].Shape, op.Axis)
	step, at := c.out[0].Shape[op.Axis]*inner, 0
	for _, x := range c.in {
		length := x.Shape[op.Axis] * inner
		b.move(x, c.out[0], outer, length, length, 0, step, at)
		at += length
	}
}

func slice(b *builder, op kernels.Slice, c call) {
	outer, inner := around(c.in[0].Shape, op.Axis)
	length := (op.To - op.From) * inner
	b.move(c.in[0], c.out[0], outer, length, c.in[0].Shape[op.Axis]*inner, op.From*inner, length, 0)
}

func sliceGrad(b *builder, op kernels.SliceGrad, c call) {
	outer, inner := around(c.out[0].Shape, op.Axis)
	step, length, from := op.Len*inner, c.in[0].Shape[op.Axis]*inner, op.From*inner
	bytes, v := word(c.in[0].DType, step, length, from)
	a := b.elements(fmt.Sprintf("slice_grad_%d", bytes), outer*step/v)
	ints(a.Pointer(c.in[0].at).Pointer(c.out[0].at), outer, length/v, step/v, from/v)
}

func gatherBranches(b *builder, op kernels.GatherBranches, c call) {
	n, width := c.out[0].Shape[0], c.in[0].Shape[1]
	for k := range op.Branches {
		b.move(c.in[0], c.out[0], n, width, width, k*n*width, op.Branches*width, k*width)
	}
}

func scatterBranches(b *builder, op kernels.ScatterBranches, c call) {
	n, width := c.in[0].Shape[0], c.out[0].Shape[1]
	for k := range op.Branches {
		b.move(c.in[0], c.out[0], n, width, op.Branches*width, k*width, width, k*n*width)
	}
}

func scaleChannels(b *builder, _ kernels.ScaleChannels, c call) {
	s := c.in[0].Shape
	ints(b.spots("scale_channels", s).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at), s[1]*s[2], s[3])
}

func globalAvgPoolGrad(b *builder, _ kernels.GlobalAvgPoolGrad, c call) {
	s := c.out[0].Shape
	ints(b.spots("global_avg_pool_grad", s).Pointer(c.in[0].at).Pointer(c.out[0].at), s[1]*s[2], s[3])
}
