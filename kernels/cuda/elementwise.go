//go:build gpu

package cuda

import (
	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// reals adds float32 arguments.
func reals(a *driver.Arguments, v ...float64) *driver.Arguments {
	for _, x := range v {
		a.Float(float32(x))
	}
	return a
}

// ints adds int arguments.
func ints(a *driver.Arguments, v ...int) *driver.Arguments {
	for _, x := range v {
		a.Int(x)
	}
	return a
}

// segments adds Segments of src/common.cuh over an axis of n samples.
func segments(a *driver.Arguments, s kernels.Segments, n int) *driver.Arguments {
	return a.Struct(s.Groups, s.Shards, s.Per(n))
}

func activation(b *builder, op kernels.Activation, c call) {
	n := c.out[0].Shape.Len()
	b.elements("activation", n).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(n).Int(int(op.Act))
}

func activationGrad(b *builder, op kernels.ActivationGrad, c call) {
	n := c.out[0].Shape.Len()
	b.elements("activation_grad", n).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at).Int(n).Int(int(op.Act))
}

func affine(b *builder, op kernels.Affine, c call) {
	n := c.out[0].Shape.Len()
	reals(b.elements("affine", n).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(n), op.Scale, op.Shift)
}

// add sums four operands at a time; more go on from the result.
func add(b *builder, _ kernels.Add, c call) {
	const most = 4
	n := c.out[0].Shape.Len()
	at := []tensor{c.in[0]}
	for rest := c.in[1:]; len(rest) > 0; {
		k := min(most-1, len(rest))
		terms := append(at, rest[:k]...)
		a := b.elements("add", n)
		for i := range most {
			a.Pointer(call{in: terms}.operand(i))
		}
		a.Pointer(c.out[0].at).Int(n)
		at, rest = []tensor{c.out[0]}, rest[k:]
	}
}

func treeSum(b *builder, _ kernels.TreeSum, c call) {
	n := c.out[0].Shape.Len()
	b.elements("tree_sum", n).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(n).Int(c.in[0].Shape[0])
}

func copyOp(b *builder, _ kernels.Copy, c call) {
	b.move(c.in[0], c.out[0], 1, c.out[0].Shape.Len(), 0, 0, 0, 0)
}

func adam(b *builder, op kernels.Adam, c call) {
	n := c.out[0].Shape.Len()
	a := b.elements("adam", n)
	for _, t := range append(c.in[:5:5], c.out...) {
		a.Pointer(t.at)
	}
	reals(a.Int(n), op.Beta1, 1-op.Beta1, op.Beta2, 1-op.Beta2, op.Eps)
}

func sgd(b *builder, op kernels.SGD, c call) {
	n := c.out[0].Shape.Len()
	a := b.elements("sgd", n)
	for _, t := range append(c.in[:4:4], c.out...) {
		a.Pointer(t.at)
	}
	reals(a.Int(n), op.Momentum)
}

func pixels(b *builder, op kernels.Pixels, c call) {
	s := c.in[0].Shape
	ints(b.elements("pixels", s[0]*op.Size*op.Size).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.operand(2)).Pointer(c.out[0].at), s[0], s[1], op.Size)
}
