package kernels

import (
	"fmt"
	"slices"
)

// Concat puts tensors side by side along an axis: torch.cat. All operands agree
// on the other axes.
type Concat struct{ Axis int }

// Name implements Op.
func (Concat) Name() string { return "concat" }

// Attrs implements Op.
func (o Concat) Attrs() string { return fmt.Sprintf("axis=%d", o.Axis) }

// Infer implements Op: one operand or more.
func (o Concat) Infer(in []Type) ([]Type, error) {
	if len(in) == 0 {
		return nil, fmt.Errorf("concat: no operands")
	}
	out := slices.Clone(in[0].Shape)
	if o.Axis < 0 || o.Axis >= len(out) {
		return nil, fmt.Errorf("concat: axis %d of %v", o.Axis, in[0])
	}
	out[o.Axis] = 0
	for i, t := range in {
		if !t.DType.IsReal() || t.DType != in[0].DType || len(t.Shape) != len(out) {
			return nil, fmt.Errorf("concat: operand %d is %v beside %v", i, t, in[0])
		}
		rest := slices.Clone(t.Shape)
		rest[o.Axis] = in[0].Shape[o.Axis]
		if !rest.Equal(in[0].Shape) {
			return nil, fmt.Errorf("concat: operand %d is %v beside %v", i, t, in[0])
		}
		out[o.Axis] += t.Shape[o.Axis]
	}
	return []Type{{in[0].DType, out}}, nil
}

// Halves implements Halvable.
func (Concat) Halves(n int) []int { return every(n) }

// Cost implements Op.
func (o Concat) Cost(in, out []Type) Cost { return perElement(0, out[0], in, out) }

// Slice takes positions From to To of an axis: torch.narrow. It is the gradient
// of Concat by one operand.
type Slice struct{ Axis, From, To int }

// Name implements Op.
func (Slice) Name() string { return "slice" }

// Attrs implements Op.
func (o Slice) Attrs() string { return fmt.Sprintf("axis=%d from=%d to=%d", o.Axis, o.From, o.To) }

// Infer implements Op: operand x.
func (o Slice) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("slice", o.Halves(len(in)), in, -1); err != nil {
		return nil, err
	}
	s := slices.Clone(in[0].Shape)
	if o.Axis < 0 || o.Axis >= len(s) || o.From < 0 || o.To <= o.From || o.To > s[o.Axis] {
		return nil, fmt.Errorf("slice: %s of %v", o.Attrs(), in[0])
	}
	s[o.Axis] = o.To - o.From
	return []Type{{in[0].DType, s}}, nil
}

// Halves implements Halvable.
func (Slice) Halves(int) []int { return []int{0} }

// Cost implements Op.
func (o Slice) Cost(in, out []Type) Cost { return perElement(0, out[0], out, out) }

// SliceGrad puts dy at positions From and on of an axis of length Len, with
// zeros elsewhere: the gradient of Slice.
type SliceGrad struct{ Axis, From, Len int }

// Name implements Op.
func (SliceGrad) Name() string { return "slice_grad" }

// Attrs implements Op.
func (o SliceGrad) Attrs() string {
	return fmt.Sprintf("axis=%d from=%d len=%d", o.Axis, o.From, o.Len)
}

// Infer implements Op: operand dy.
func (o SliceGrad) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("slice_grad", o.Halves(len(in)), in, -1); err != nil {
		return nil, err
	}
	s := slices.Clone(in[0].Shape)
	if o.Axis < 0 || o.Axis >= len(s) || o.From < 0 || o.From+s[o.Axis] > o.Len {
		return nil, fmt.Errorf("slice_grad: %s of %v", o.Attrs(), in[0])
	}
	s[o.Axis] = o.Len
	return []Type{{in[0].DType, s}}, nil
}

// Halves implements Halvable.
func (SliceGrad) Halves(int) []int { return []int{0} }

// Cost implements Op.
func (o SliceGrad) Cost(in, out []Type) Cost { return perElement(0, out[0], in, out) }
