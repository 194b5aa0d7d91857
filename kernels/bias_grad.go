package kernels

import "fmt"

// BiasGrad is the gradient by a bias, one per shard:
//
//	db[v,k] = sum over the samples n of shard v, and all pixels, of dy[n,...,k]
//
// dy: (N,...,K), any rank from 2; db: (V,K). Sums: see PixelSum.
// Source: the bias of torch.nn.Conv2d and torch.nn.Linear.
type BiasGrad struct{ Segments }

// Name implements Op.
func (BiasGrad) Name() string { return "bias_grad" }

// Attrs implements Op.
func (o BiasGrad) Attrs() string { return o.Segments.String() }

// Infer implements Op: operand dy.
func (o BiasGrad) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("bias_grad", o.Halves(len(in)), in, -1); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if len(s) < 2 {
		return nil, fmt.Errorf("bias_grad: dy is %v, want rank 2 or more", in[0])
	}
	if err := o.check(s[0]); err != nil {
		return nil, fmt.Errorf("bias_grad: %w", err)
	}
	return []Type{Real(o.Shards, s[len(s)-1])}, nil
}

// Halves implements Halvable.
func (BiasGrad) Halves(int) []int { return []int{0} }

// Cost implements Op.
func (o BiasGrad) Cost(in, out []Type) Cost { return perElement(1, in[0], in, out) }
