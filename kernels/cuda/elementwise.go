//go:build gpu

package cuda

import (
	"gorgonia.org/cu"

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
	a := b.elements
	name := "activation"
	if op.Act <= kernels.Leaky {
		a, name = b.each, "rectify"
	}
	a(name, n).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(n).Int(int(op.Act))
}

func activationGrad(b *builder, op kernels.ActivationGrad, c call) {
	n := c.out[0].Shape.Len()
	a := b.elements
	name := "activation_grad"
	if op.Act <= kernels.Leaky {
		a, name = b.each, "rectify_grad"
	}
	a(name, n).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at).Int(n).Int(int(op.Act))
}

func affine(b *builder, op kernels.Affine, c call) {
	n := c.out[0].Shape.Len()
	reals(b.elements("affine", n).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(n), op.Scale, op.Shift)
}

// add sums eight operands at a time; more go on from the result.
func add(b *builder, _ kernels.Add, c call) {
	const most = 8 // Terms of src/elementwise.cu
	n := c.out[0].Shape.Len()
	at := []cu.DevicePtr{c.in[0].at}
	for rest := c.in[1:]; len(rest) > 0; {
		k := min(most-1, len(rest))
		for _, t := range rest[:k] {
			at = append(at, t.at)
		}
		b.each("add", n).Pointers(most, at...).Pointer(c.out[0].at).Int(n)
		at, rest = []cu.DevicePtr{c.out[0].at}, rest[k:]
	}
}

func cast(b *builder, op kernels.Cast, c call) {
	n := c.out[0].Shape.Len()
	name := "widen"
	if op.To == kernels.BF16 {
		name = "narrow"
	}
	v := b.width(n)
	if v > 1 {
		name += "_x8"
	}
	b.elements(name, n/v).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(n)
}

func treeSum(b *builder, op kernels.TreeSum, c call) {
	n := c.out[0].Shape.Len()
	name := "tree_sum"
	if op.Half {
		name = "tree_sum_half"
	}
	b.elements(name, n).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(n).Int(c.in[0].Shape[0])
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
	reals(a.Pointer(b.guard).Int(n), op.Beta1, 1-op.Beta1, op.Beta2, 1-op.Beta2, op.Eps)
}

func sgd(b *builder, op kernels.SGD, c call) {
	n := c.out[0].Shape.Len()
	a := b.elements("sgd", n)
	for _, t := range append(c.in[:4:4], c.out...) {
		a.Pointer(t.at)
	}
	reals(a.Pointer(b.guard).Int(n), op.Momentum)
}

func adagrad(b *builder, op kernels.Adagrad, c call) {
	n := c.out[0].Shape.Len()
	a := b.elements("adagrad", n)
	for _, t := range append(c.in[:4:4], c.out...) {
		a.Pointer(t.at)
	}
	reals(a.Pointer(b.guard).Int(n), op.Eps)
}

func weightDecay(b *builder, op kernels.WeightDecay, c call) {
	n := c.out[0].Shape.Len()
	a := b.elements("weight_decay", n)
	for _, t := range append(c.in[:2:2], c.out...) {
		a.Pointer(t.at)
	}
	reals(a.Pointer(b.guard).Int(n), op.Rate)
}

func pixels(b *builder, op kernels.Pixels, c call) {
	s := c.in[0].Shape
	ints(b.elements("pixels", s[0]*op.Size*op.Size).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.operand(2)).Pointer(c.out[0].at), s[0], s[1], op.Size)
}
