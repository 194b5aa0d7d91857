//go:build gpu

package cuda

import "g2c/kernels"

// move copies blocks of len elements: see src/strided.cu.
func (b *builder) move(x, y tensor, outer, length, xStep, xFrom, yStep, yFrom int) {
	ints(b.elements("move", outer*length).Pointer(x.at).Pointer(y.at), outer, length, xStep, xFrom, yStep, yFrom)
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
	step := op.Len * inner
	ints(b.elements("slice_grad", outer*step).Pointer(c.in[0].at).Pointer(c.out[0].at), outer, c.in[0].Shape[op.Axis]*inner, step, op.From*inner)
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
	n := s.Len()
	ints(b.elements("scale_channels", n).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at), n, s[1]*s[2], s[3])
}

func globalAvgPoolGrad(b *builder, op kernels.GlobalAvgPoolGrad, c call) {
	s := c.out[0].Shape
	n := s.Len()
	ints(b.elements("global_avg_pool_grad", n).Pointer(c.in[0].at).Pointer(c.out[0].at), n, op.H*op.W, s[3])
}
