package kernels

import (
	"fmt"
	"math"

	"g2c/internal/fmath"
)

// MSE is the LSGAN loss, per shard:
//
//	l[v] = Scale * sum over the elements p of shard v of (p - Target)^2
//
// p: (N,...); l: (V). Scale holds the loss weight and one over the number of
// elements of the global batch. Sums: Lanes.
// Source: Mao et al. 2017; torch.nn.functional.mse_loss.
type MSE struct {
	Segments
	Target, Scale float64
}

// Name implements Op.
func (MSE) Name() string { return "mse" }

// Attrs implements Op.
func (o MSE) Attrs() string {
	return fmt.Sprintf("target=%g scale=%g %v", o.Target, o.Scale, o.Segments)
}

// Infer implements Op: operand p.
func (o MSE) Infer(in []Type) ([]Type, error) {
	if err := want("mse", in, -1); err != nil {
		return nil, err
	}
	return o.partials("mse", in[0])
}

// partials is the type of one value per shard of a tensor of samples.
func (s Segments) partials(op string, t Type) ([]Type, error) {
	if len(t.Shape) < 1 {
		return nil, fmt.Errorf("%s: operand is a scalar", op)
	}
	if err := s.check(t.Shape[0]); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return []Type{Real(s.Shards)}, nil
}

// Cost implements Op.
func (o MSE) Cost(in, out []Type) Cost { return perElement(3, in[0], in, out) }

// MSEGrad is dp = g * (2*Scale) * (p - Target). p: (N,...), g: scalar; dp like p.
// Source: torch.nn.functional.mse_loss.
type MSEGrad struct{ Target, Scale float64 }

// Name implements Op.
func (MSEGrad) Name() string { return "mse_grad" }

// Attrs implements Op.
func (o MSEGrad) Attrs() string { return fmt.Sprintf("target=%g scale=%g", o.Target, o.Scale) }

// Infer implements Op: operands p, g.
func (o MSEGrad) Infer(in []Type) ([]Type, error) {
	if err := want("mse_grad", in, -1, 0); err != nil {
		return nil, err
	}
	return in[:1], nil
}

// Cost implements Op.
func (o MSEGrad) Cost(in, out []Type) Cost { return perElement(2, in[0], in, out) }

// Overwrites implements InPlace.
func (MSEGrad) Overwrites() [][2]int { return [][2]int{{0, 0}} }

// BCE is the binary cross-entropy of logits, the loss of the original GAN, per shard:
//
//	l[v] = Scale * sum over the elements p of shard v of
//	       max(p, 0) - Target*p + log(1 + exp(-|p|))
//
// p: (N,...); l: (V). Scale as in MSE. Each term in float64 (internal/fmath), step by
// step as written; sums: Lanes.
// Source: Goodfellow et al. 2014; torch.nn.functional.binary_cross_entropy_with_logits.
type BCE struct {
	Segments
	Target, Scale float64
}

// Name implements Op.
func (BCE) Name() string { return "bce" }

// Attrs implements Op.
func (o BCE) Attrs() string {
	return fmt.Sprintf("target=%g scale=%g %v", o.Target, o.Scale, o.Segments)
}

// Infer implements Op: operand p.
func (o BCE) Infer(in []Type) ([]Type, error) {
	if err := want("bce", in, -1); err != nil {
		return nil, err
	}
	return o.partials("bce", in[0])
}

// Cost implements Op.
func (o BCE) Cost(in, out []Type) Cost { return perElement(6, in[0], in, out) }

// Term is the loss of one logit, part of BCE's contract.
func (o BCE) Term(p float64) float64 {
	return max(p, 0) - float64(o.Target*p) + fmath.Log(1+fmath.Exp(-math.Abs(p)))
}

// BCEGrad is dp = g * Scale * (sigmoid(p) - Target), the difference in float64 and then
// rounded. p: (N,...), g: scalar; dp like p.
// Source: torch.nn.functional.binary_cross_entropy_with_logits.
type BCEGrad struct{ Target, Scale float64 }

// Name implements Op.
func (BCEGrad) Name() string { return "bce_grad" }

// Attrs implements Op.
func (o BCEGrad) Attrs() string { return fmt.Sprintf("target=%g scale=%g", o.Target, o.Scale) }

// Infer implements Op: operands p, g.
func (o BCEGrad) Infer(in []Type) ([]Type, error) {
	if err := want("bce_grad", in, -1, 0); err != nil {
		return nil, err
	}
	return in[:1], nil
}

// Cost implements Op.
func (o BCEGrad) Cost(in, out []Type) Cost { return perElement(4, in[0], in, out) }

// Overwrites implements InPlace.
func (BCEGrad) Overwrites() [][2]int { return [][2]int{{0, 0}} }

// L1 is the mean absolute difference, per shard:
//
//	l[v] = Scale * sum over the elements of shard v of |a - b|
//
// a, b: (N,...); l: (V). Scale as in MSE. Sums: Lanes.
// Source: Zhu et al. 2017, cycle and identity losses; torch.nn.functional.l1_loss.
type L1 struct {
	Segments
	Scale float64
}

// Name implements Op.
func (L1) Name() string { return "l1" }

// Attrs implements Op.
func (o L1) Attrs() string { return fmt.Sprintf("scale=%g %v", o.Scale, o.Segments) }

// Infer implements Op: operands a, b.
func (o L1) Infer(in []Type) ([]Type, error) {
	if err := want("l1", in, -1, -1); err != nil {
		return nil, err
	}
	if !in[0].Equal(in[1]) {
		return nil, fmt.Errorf("l1: %v beside %v", in[0], in[1])
	}
	return o.partials("l1", in[0])
}

// Cost implements Op.
func (o L1) Cost(in, out []Type) Cost { return perElement(3, in[0], in, out) }

// L1Grad is da = g * Scale * sign(a - b), with sign(0) = 0. a, b: (N,...), g:
// scalar; da like a. The gradient by b is not defined here: b is data.
// Source: torch.nn.functional.l1_loss.
type L1Grad struct{ Scale float64 }

// Name implements Op.
func (L1Grad) Name() string { return "l1_grad" }

// Attrs implements Op.
func (o L1Grad) Attrs() string { return fmt.Sprintf("scale=%g", o.Scale) }

// Infer implements Op: operands a, b, g.
func (o L1Grad) Infer(in []Type) ([]Type, error) {
	if err := want("l1_grad", in, -1, -1, 0); err != nil {
		return nil, err
	}
	if !in[0].Equal(in[1]) {
		return nil, fmt.Errorf("l1_grad: %v beside %v", in[0], in[1])
	}
	return in[:1], nil
}

// Cost implements Op.
func (o L1Grad) Cost(in, out []Type) Cost { return perElement(2, in[0], in, out) }

// Overwrites implements InPlace.
func (L1Grad) Overwrites() [][2]int { return [][2]int{{0, 0}} }

// Focal is the focal loss over classes, per shard, with p = softmax(logits[n])
// and q = p[labels[n]]:
//
//	l[v] = Scale * sum over the samples n of shard v of -(1-q)^Gamma * log q
//
// logits: (N,K) reals, labels: (N) integers in [0,K); results l: (V) and
// p: (N,K). Computed in float64 (internal/fmath) from a shifted logarithm of the
// sum of exponentials; samples add in order. The power is Power's.
// Source: Lin et al. 2017, eq. 4, without alpha; paper, "focal loss".
type Focal struct {
	Segments
	Gamma float64
	Scale float64
}

// Name implements Op.
func (Focal) Name() string { return "focal" }

// Attrs implements Op.
func (o Focal) Attrs() string {
	return fmt.Sprintf("gamma=%g scale=%g %v", o.Gamma, o.Scale, o.Segments)
}

// Infer implements Op: operands logits, labels; results l, p.
func (o Focal) Infer(in []Type) ([]Type, error) {
	if err := wantLogits("focal", in); err != nil {
		return nil, err
	}
	if !(o.Gamma >= 0) || math.IsInf(o.Gamma, 1) {
		return nil, fmt.Errorf("focal: gamma %g", o.Gamma)
	}
	out, err := o.partials("focal", in[0])
	return append(out, in[0]), err
}

func wantLogits(op string, in []Type) error {
	if len(in) < 2 || in[1].DType != I32 {
		return fmt.Errorf("%s: operands %v, want logits and labels", op, in)
	}
	if err := want(op, in[:1], 2); err != nil {
		return err
	}
	return wantShape(op, "labels", in[1], in[0].Shape[0])
}

// Cost implements Op.
func (o Focal) Cost(in, out []Type) Cost { return perElement(8, in[0], in, out) }

// FocalGrad is the gradient of Focal by the logits z, with q the probability of
// the label y and 1{} the indicator:
//
//	dz[n,k] = g * Scale * d * (1{k=y} - p[k])
//	d = Gamma * (1-q)^(Gamma-1) * q * log q - (1-q)^Gamma
//
// logits: (N,K), labels: (N), g: scalar; dz like logits. Computed in float64 as
// Focal is.
// Source: Lin et al. 2017, appendix B.
type FocalGrad struct {
	Gamma float64
	Scale float64
}

// Name implements Op.
func (FocalGrad) Name() string { return "focal_grad" }

// Attrs implements Op.
func (o FocalGrad) Attrs() string { return fmt.Sprintf("gamma=%g scale=%g", o.Gamma, o.Scale) }

// Infer implements Op: operands logits, labels, g.
func (o FocalGrad) Infer(in []Type) ([]Type, error) {
	if len(in) != 3 {
		return nil, fmt.Errorf("focal_grad: %d operands, want 3", len(in))
	}
	if err := wantLogits("focal_grad", in[:2]); err != nil {
		return nil, err
	}
	if err := want("focal_grad", in[2:], 0); err != nil {
		return nil, err
	}
	return in[:1], nil
}

// Cost implements Op.
func (o FocalGrad) Cost(in, out []Type) Cost { return perElement(8, in[0], in, out) }

// Power is x^gamma for x in [0,1], part of Focal's contract: a product for the
// integers from 0 to 8, exp(gamma * log x) otherwise, and 0 where x is. A gamma
// below zero occurs in FocalGrad alone, where 0 is the limit of the term.
func Power(x, gamma float64) float64 {
	if gamma == math.Trunc(gamma) && gamma <= 8 {
		r := 1.0
		for range int(gamma) {
			r *= x
		}
		return r
	}
	if x <= 0 {
		return 0
	}
	return fmath.Exp(gamma * fmath.Log(x))
}

// Softmax is p[n,k] = exp(z[n,k]) / sum over j of exp(z[n,j]), in float64 after
// subtracting the row's maximum. z: (N,K); p like z.
// Source: torch.nn.functional.softmax.
type Softmax struct{}

// Name implements Op.
func (Softmax) Name() string { return "softmax" }

// Attrs implements Op.
func (Softmax) Attrs() string { return "" }

// Infer implements Op: operand z.
func (Softmax) Infer(in []Type) ([]Type, error) { return in, want("softmax", in, 2) }

// Cost implements Op.
func (Softmax) Cost(in, out []Type) Cost { return perElement(4, in[0], in, out) }
