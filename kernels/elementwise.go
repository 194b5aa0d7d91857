package kernels

import "fmt"

// Activation is y = act(x), element by element: max(x,0) for ReLU, x or 0.2x for
// Leaky, and the hyperbolic tangent or the logistic function, rounded from a
// float64 result of internal/fmath.
//
// x of any shape; y like x.
// Source: torch.nn.functional relu, leaky_relu, tanh, sigmoid.
type Activation struct{ Act Act }

// Name implements Op.
func (Activation) Name() string { return "activation" }

// Attrs implements Op.
func (o Activation) Attrs() string { return "act=" + o.Act.String() }

// Infer implements Op: operand x.
func (o Activation) Infer(in []Type) ([]Type, error) {
	if o.Act == None || o.Act > Sigmoid {
		return nil, fmt.Errorf("activation: %v", o.Act)
	}
	return in, wantHalf("activation", o.Halves(len(in)), in, -1)
}

// Halves implements Halvable: tanh and the logistic function end networks, and are
// not worth the loss.
func (o Activation) Halves(n int) []int { return o.Act.halves(n) }

// Cost implements Op.
func (o Activation) Cost(in, out []Type) Cost { return perElement(1, in[0], in, out) }

// Overwrites implements InPlace.
func (Activation) Overwrites() [][2]int { return [][2]int{{0, 0}} }

// ActivationGrad is dx = dy * act'(x), told from y alone: (y > 0), (y > 0 ? 1 :
// 0.2), 1 - y*y or y*(1-y).
//
// dy, y of any one shape; dx like them.
// Source: torch.nn.functional relu, leaky_relu, tanh, sigmoid.
type ActivationGrad struct{ Act Act }

// Name implements Op.
func (ActivationGrad) Name() string { return "activation_grad" }

// Attrs implements Op.
func (o ActivationGrad) Attrs() string { return "act=" + o.Act.String() }

// Infer implements Op: operands dy, y.
func (o ActivationGrad) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("activation_grad", o.Halves(len(in)), in, -1, -1); err != nil {
		return nil, err
	}
	if o.Act == None || o.Act > Sigmoid || !in[0].Equal(in[1]) {
		return nil, fmt.Errorf("activation_grad: %v of %v and %v", o.Act, in[0], in[1])
	}
	return in[:1], nil
}

// Halves implements Halvable.
func (o ActivationGrad) Halves(n int) []int { return o.Act.halves(n) }

// Cost implements Op.
func (o ActivationGrad) Cost(in, out []Type) Cost { return perElement(2, in[0], in, out) }

// Overwrites implements InPlace.
func (ActivationGrad) Overwrites() [][2]int { return [][2]int{{0, 0}} }

// Affine is y = Scale*x + Shift: a product, rounded, then a sum.
//
// x of any shape; y like x. Source: reference, "pixels are [0,1] at the data's
// edge"; loss weights.
type Affine struct{ Scale, Shift float64 }

// Name implements Op.
func (Affine) Name() string { return "affine" }

// Attrs implements Op.
func (o Affine) Attrs() string { return fmt.Sprintf("scale=%g shift=%g", o.Scale, o.Shift) }

// Infer implements Op: operand x.
func (o Affine) Infer(in []Type) ([]Type, error) { return in, want("affine", in, -1) }

// Cost implements Op.
func (o Affine) Cost(in, out []Type) Cost { return perElement(2, in[0], in, out) }

// Overwrites implements InPlace.
func (Affine) Overwrites() [][2]int { return [][2]int{{0, 0}} }

// Add is y = x0 + x1 + ..., element by element, from the left.
//
// Two operands or more of one shape; y like them.
type Add struct{}

// Name implements Op.
func (Add) Name() string { return "add" }

// Attrs implements Op.
func (Add) Attrs() string { return "" }

// Infer implements Op.
func (Add) Infer(in []Type) ([]Type, error) {
	if len(in) < 2 {
		return nil, fmt.Errorf("add: %d operands", len(in))
	}
	for i, t := range in {
		if !t.DType.IsReal() || !t.Equal(in[0]) {
			return nil, fmt.Errorf("add: operand %d is %v beside %v", i, t, in[0])
		}
	}
	return in[:1], nil
}

// Halves implements Halvable.
func (Add) Halves(n int) []int { return every(n) }

// Cost implements Op.
func (Add) Cost(in, out []Type) Cost { return perElement(int64(len(in)-1), out[0], in, out) }

// Overwrites implements InPlace.
func (Add) Overwrites() [][2]int { return [][2]int{{0, 0}} }

// TreeSum adds the shards' partial results by the binary tree over [0, V) split
// in the middle: sum(lo,hi) = sum(lo,mid) + sum(mid,hi), mid = (lo+hi)/2.
//
// With Half every node of the tree is rounded to the nearest bf16, ties to even, leaves
// and root included: so a part of the tree that is computed elsewhere is the same, and
// takes half the bytes to get there.
//
// x: (V,...); y: (...), float32 in both cases.
// Source: spec, "Shards and the tree".
type TreeSum struct{ Half bool }

// Name implements Op.
func (TreeSum) Name() string { return "tree_sum" }

// Attrs implements Op.
func (o TreeSum) Attrs() string {
	if o.Half {
		return "nodes=bf16"
	}
	return ""
}

// Infer implements Op: operand x.
func (TreeSum) Infer(in []Type) ([]Type, error) {
	if err := want("tree_sum", in, -1); err != nil {
		return nil, err
	}
	if len(in[0].Shape) < 1 {
		return nil, fmt.Errorf("tree_sum: operand is a scalar")
	}
	return []Type{{F32, in[0].Shape[1:]}}, nil
}

// Cost implements Op.
func (TreeSum) Cost(in, out []Type) Cost { return perElement(1, in[0], in, out) }

// Copy is y = x.
type Copy struct{}

// Name implements Op.
func (Copy) Name() string { return "copy" }

// Attrs implements Op.
func (Copy) Attrs() string { return "" }

// Infer implements Op: operand x.
func (o Copy) Infer(in []Type) ([]Type, error) {
	return in, wantHalf("copy", o.Halves(len(in)), in, -1)
}

// Halves implements Halvable.
func (Copy) Halves(int) []int { return []int{0} }

// Cost implements Op.
func (Copy) Cost(in, out []Type) Cost { return perElement(0, in[0], in, out) }
