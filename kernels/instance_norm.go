package kernels

import (
	"fmt"
	"strconv"
)

// Act is an activation that a normalisation may carry, or that stands alone.
type Act uint8

// The activations. Leaky has slope 0.2 below zero, as in the PatchGAN.
const (
	None Act = iota
	ReLU
	Leaky
	Tanh
	Sigmoid
)

// LeakySlope is the slope of Leaky below zero.
const LeakySlope = 0.2

// String implements fmt.Stringer.
func (a Act) String() string {
	switch a {
	case None:
		return "none"
	case ReLU:
		return "relu"
	case Leaky:
		return "leaky"
	case Tanh:
		return "tanh"
	case Sigmoid:
		return "sigmoid"
	}
	return "act" + strconv.Itoa(int(a))
}

// InstanceNorm is
//
//	for n, c: m = mean(x[n,:,:,c]); v = mean((x[n,:,:,c]-m)^2)     // biased
//	          y[n,h,w,c] = act((x[n,h,w,c]-m) / sqrt(v+eps)) + res[n,h,w,c]
//
// x: (N,H,W,C); res: like x, or absent; y like x; mean, var: (N,C), kept for the
// backward pass. act is None, ReLU or Leaky. The two passes sum as PixelSum says;
// 1/sqrt(v+eps) is a square root and a division, both correctly rounded, and the
// quotient is a product with it.
// Source: Ulyanov et al. 2016, eq. 1; torch.nn.InstanceNorm2d(affine=False).
type InstanceNorm struct {
	Act Act
	Eps float64
}

// Name implements Op.
func (InstanceNorm) Name() string { return "instance_norm" }

// Attrs implements Op.
func (o InstanceNorm) Attrs() string { return fmt.Sprintf("act=%v eps=%g", o.Act, o.Eps) }

// Infer implements Op: operands x and optionally res; results y, mean, var.
func (o InstanceNorm) Infer(in []Type) ([]Type, error) {
	ranks := []int{4, 4}
	if err := wantHalf("instance_norm", o.Halves(len(in)), in, ranks[:min(max(len(in), 1), 2)]...); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if len(in) == 2 {
		if err := wantShape("instance_norm", "res", in[1], x...); err != nil {
			return nil, err
		}
	}
	if o.Act > Leaky {
		return nil, fmt.Errorf("instance_norm: activation %v is not carried", o.Act)
	}
	return []Type{in[0], Real(x[0], x[3]), Real(x[0], x[3])}, nil
}

// Halves implements Halvable.
func (InstanceNorm) Halves(int) []int { return []int{0, 1} }

// Cost implements Op.
func (o InstanceNorm) Cost(in, out []Type) Cost { return perElement(8, in[0], in, out) }

// InstanceNormGrad is the gradient of InstanceNorm by x, with h = (x-m)*rstd,
// g = dy * act'(h), P = H*W and rstd = 1/sqrt(v+eps):
//
//	dx = rstd * (g - mean(g) - h * mean(g*h))          // means over the pixels of n, c
//
// dy, x: (N,H,W,C); mean, var: (N,C); dx like x. The gradient by res is dy.
// Sums: PixelSum.
// Source: torch.nn.InstanceNorm2d(affine=False).
type InstanceNormGrad struct {
	Act Act
	Eps float64
}

// Name implements Op.
func (InstanceNormGrad) Name() string { return "instance_norm_grad" }

// Attrs implements Op.
func (o InstanceNormGrad) Attrs() string { return InstanceNorm(o).Attrs() }

// Infer implements Op: operands dy, x, mean, var; result dx.
func (o InstanceNormGrad) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("instance_norm_grad", o.Halves(len(in)), in, 4, 4, 2, 2); err != nil {
		return nil, err
	}
	x := in[1].Shape
	if err := wantShape("instance_norm_grad", "dy", in[0], x...); err != nil {
		return nil, err
	}
	for i, name := range []string{"mean", "var"} {
		if err := wantShape("instance_norm_grad", name, in[2+i], x[0], x[3]); err != nil {
			return nil, err
		}
	}
	return []Type{in[1]}, nil
}

// Halves implements Halvable.
func (InstanceNormGrad) Halves(int) []int { return []int{0, 1} }

// Cost implements Op.
func (o InstanceNormGrad) Cost(in, out []Type) Cost { return perElement(12, in[1], in, out) }

// Overwrites implements InPlace: dx may stand where dy stood, for the sums are
// complete before the first dx is written.
func (InstanceNormGrad) Overwrites() [][2]int { return [][2]int{{0, 0}} }
