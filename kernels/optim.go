package kernels

import "fmt"

// Adam is, for every element, with a = hyper[0] = lr / (1 - beta1^t) and
// b = hyper[1] = sqrt(1 - beta2^t), both computed in float64 by the caller:
//
//	m = Beta1*m + (1-Beta1)*g
//	v = Beta2*v + ((1-Beta2)*g)*g
//	w = w - a * m / (sqrt(v)/b + Eps)
//
// w, m, v, g: any one shape; hyper: (2). Results w, m, v stand where the operands
// stood. Every operation rounds; nothing is fused.
// Source: Kingma & Ba 2015; torch.optim.Adam.
type Adam struct{ Beta1, Beta2, Eps float64 }

// Name implements Op.
func (Adam) Name() string { return "adam" }

// Attrs implements Op.
func (o Adam) Attrs() string {
	return fmt.Sprintf("beta1=%g beta2=%g eps=%g", o.Beta1, o.Beta2, o.Eps)
}

// Infer implements Op: operands w, m, v, g, hyper; results w, m, v.
func (o Adam) Infer(in []Type) ([]Type, error) {
	if err := want("adam", in, -1, -1, -1, -1, 1); err != nil {
		return nil, err
	}
	for i, t := range in[:4] {
		if !t.Equal(in[0]) {
			return nil, fmt.Errorf("adam: operand %d is %v beside %v", i, t, in[0])
		}
	}
	return in[:3], wantShape("adam", "hyper", in[4], 2)
}

// Cost implements Op.
func (o Adam) Cost(in, out []Type) Cost { return perElement(12, in[0], in, out) }

// Overwrites implements InPlace: the results are the operands.
func (Adam) Overwrites() [][2]int { return [][2]int{{0, 0}, {1, 1}, {2, 2}} }

// SGD is, for every element, with lr = hyper[0]:
//
//	m = Momentum*m + g
//	w = w - lr*m
//
// w, m, g: any one shape; hyper: (1). Results w, m stand where the operands
// stood. Every operation rounds; nothing is fused.
// Source: torch.optim.SGD(momentum=...), whose first step equals m = 0.
type SGD struct{ Momentum float64 }

// Name implements Op.
func (SGD) Name() string { return "sgd" }

// Attrs implements Op.
func (o SGD) Attrs() string { return fmt.Sprintf("momentum=%g", o.Momentum) }

// Infer implements Op: operands w, m, g, hyper; results w, m.
func (o SGD) Infer(in []Type) ([]Type, error) {
	if err := want("sgd", in, -1, -1, -1, 1); err != nil {
		return nil, err
	}
	for i, t := range in[:3] {
		if !t.Equal(in[0]) {
			return nil, fmt.Errorf("sgd: operand %d is %v beside %v", i, t, in[0])
		}
	}
	return in[:2], wantShape("sgd", "hyper", in[3], 1)
}

// Cost implements Op.
func (o SGD) Cost(in, out []Type) Cost { return perElement(4, in[0], in, out) }

// Overwrites implements InPlace: the results are the operands.
func (SGD) Overwrites() [][2]int { return [][2]int{{0, 0}, {1, 1}} }

// Adagrad is, for every element, with lr = hyper[0]:
//
//	s = s + g*g
//	w = w - lr * (g / (sqrt(s) + Eps))
//
// w, s, g: any one shape; hyper: (1). Results w, s stand where the operands
// stood. Every operation rounds; nothing is fused.
// Source: Duchi et al. 2011; torch.optim.Adagrad with lr_decay=0, eps 1e-10.
type Adagrad struct{ Eps float64 }

// Name implements Op.
func (Adagrad) Name() string { return "adagrad" }

// Attrs implements Op.
func (o Adagrad) Attrs() string { return fmt.Sprintf("eps=%g", o.Eps) }

// Infer implements Op: operands w, s, g, hyper; results w, s.
func (o Adagrad) Infer(in []Type) ([]Type, error) {
	if err := want("adagrad", in, -1, -1, -1, 1); err != nil {
		return nil, err
	}
	for i, t := range in[:3] {
		if !t.Equal(in[0]) {
			return nil, fmt.Errorf("adagrad: operand %d is %v beside %v", i, t, in[0])
		}
	}
	return in[:2], wantShape("adagrad", "hyper", in[3], 1)
}

// Cost implements Op.
func (o Adagrad) Cost(in, out []Type) Cost { return perElement(7, in[0], in, out) }

// Overwrites implements InPlace: the results are the operands.
func (Adagrad) Overwrites() [][2]int { return [][2]int{{0, 0}, {1, 1}} }

// WeightDecay is g = g + Rate*w, for every element: a product, rounded, then a sum. It
// stands before an optimizer, whose gradients it makes those of a loss with
// Rate/2 * the sum of w*w beside it.
//
// g, w: any one shape; the result g stands where the operand stood.
// Source: weight_decay of torch.optim.SGD and Adagrad; Caffe's weight_decay, L2.
type WeightDecay struct{ Rate float64 }

// Name implements Op.
func (WeightDecay) Name() string { return "weight_decay" }

// Attrs implements Op.
func (o WeightDecay) Attrs() string { return fmt.Sprintf("rate=%g", o.Rate) }

// Infer implements Op: operands g, w; result g.
func (o WeightDecay) Infer(in []Type) ([]Type, error) {
	if err := want("weight_decay", in, -1, -1); err != nil {
		return nil, err
	}
	if !in[1].Equal(in[0]) {
		return nil, fmt.Errorf("weight_decay: w is %v beside %v", in[1], in[0])
	}
	return in[:1], nil
}

// Cost implements Op.
func (o WeightDecay) Cost(in, out []Type) Cost { return perElement(2, in[0], in, out) }

// Overwrites implements InPlace: the result is the operand.
func (WeightDecay) Overwrites() [][2]int { return [][2]int{{0, 0}} }
