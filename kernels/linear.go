package kernels

import "fmt"

// Linear is y[n,o] = b[o] + sum over i of x[n,i] * w[o,i].
//
// x: (N,I), w: (O,I), b: (O); y: (N,O). Each y is one chain of fused
// multiply-adds from zero in the order of i; b is added last.
// Source: torch.nn.Linear.
type Linear struct{}

// Name implements Op.
func (Linear) Name() string { return "linear" }

// Attrs implements Op.
func (Linear) Attrs() string { return "" }

// Infer implements Op: operands x, w, b.
func (Linear) Infer(in []Type) ([]Type, error) {
	if err := want("linear", in, 2, 2, 1); err != nil {
		return nil, err
	}
	x, w := in[0].Shape, in[1].Shape
	if err := wantShape("linear", "w", in[1], w[0], x[1]); err != nil {
		return nil, err
	}
	if err := wantShape("linear", "b", in[2], w[0]); err != nil {
		return nil, err
	}
	return []Type{Real(x[0], w[0])}, nil
}

// Cost implements Op.
func (Linear) Cost(in, out []Type) Cost {
	return perElement(2*int64(in[0].Shape[1]), out[0], in, out)
}

// LinearGradX is dx[n,i] = sum over o of dy[n,o] * w[o,i].
//
// dy: (N,O), w: (O,I); dx: (N,I). One chain of fused multiply-adds in the order
// of o.
// Source: torch.nn.Linear.
type LinearGradX struct{}

// Name implements Op.
func (LinearGradX) Name() string { return "linear_grad_x" }

// Attrs implements Op.
func (LinearGradX) Attrs() string { return "" }

// Infer implements Op: operands dy, w.
func (LinearGradX) Infer(in []Type) ([]Type, error) {
	if err := want("linear_grad_x", in, 2, 2); err != nil {
		return nil, err
	}
	if in[0].Shape[1] != in[1].Shape[0] {
		return nil, fmt.Errorf("linear_grad_x: dy %v and w %v differ", in[0], in[1])
	}
	return []Type{Real(in[0].Shape[0], in[1].Shape[1])}, nil
}

// Cost implements Op.
func (LinearGradX) Cost(in, out []Type) Cost {
	return perElement(2*int64(in[0].Shape[1]), out[0], in, out)
}

// LinearGradW is dw[v,o,i] = sum over the samples n of shard v of
// x[n,i] * dy[n,o].
//
// x: (N,I), dy: (N,O); dw: (V,O,I). One chain of fused multiply-adds in the
// order of Segments.
// Source: torch.nn.Linear.
type LinearGradW struct{ Segments }

// Name implements Op.
func (LinearGradW) Name() string { return "linear_grad_w" }

// Attrs implements Op.
func (o LinearGradW) Attrs() string { return o.Segments.String() }

// Infer implements Op: operands x, dy.
func (o LinearGradW) Infer(in []Type) ([]Type, error) {
	if err := want("linear_grad_w", in, 2, 2); err != nil {
		return nil, err
	}
	x, dy := in[0].Shape, in[1].Shape
	if x[0] != dy[0] {
		return nil, fmt.Errorf("linear_grad_w: x %v and dy %v differ", in[0], in[1])
	}
	if err := o.check(x[0]); err != nil {
		return nil, fmt.Errorf("linear_grad_w: %w", err)
	}
	return []Type{Real(o.Shards, dy[1], x[1])}, nil
}

// Cost implements Op.
func (o LinearGradW) Cost(in, out []Type) Cost {
	return perElement(2*int64(in[0].Shape[1]), in[1], in, out)
}
