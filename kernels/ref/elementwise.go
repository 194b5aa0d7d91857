package ref

import (
	"g2c/internal/fmath"
	"g2c/kernels"
)

func activation(op kernels.Activation, in, out []tensor) {
	for i, v := range in[0].F {
		switch op.Act {
		case kernels.Tanh:
			out[0].F[i] = fmath.Tanh(v)
		case kernels.Sigmoid:
			out[0].F[i] = fmath.Sigmoid(v)
		default:
			out[0].F[i] = act(op.Act, v)
		}
	}
}

func activationGrad(op kernels.ActivationGrad, in, out []tensor) {
	for i, d := range in[0].F {
		y := in[1].F[i]
		switch op.Act {
		case kernels.Tanh:
			out[0].F[i] = d * (1 - float64(y*y))
		case kernels.Sigmoid:
			out[0].F[i] = d * (y * (1 - y))
		default:
			out[0].F[i] = d * slope(op.Act, y)
		}
	}
}

func affine(op kernels.Affine, in, out []tensor) {
	for i, v := range in[0].F {
		out[0].F[i] = float64(op.Scale*v) + op.Shift
	}
}

func add(_ kernels.Add, in, out []tensor) {
	for i := range out[0].F {
		sum := in[0].F[i]
		for _, x := range in[1:] {
			sum += x.F[i]
		}
		out[0].F[i] = sum
	}
}

func treeSum(op kernels.TreeSum, in, out []tensor) {
	n := len(out[0].F)
	node := func(v float64) float64 { return v }
	if op.Half {
		node = kernels.RoundBF16
	}
	for i := range n {
		var sum func(lo, hi int) float64
		sum = func(lo, hi int) float64 {
			if hi-lo == 1 {
				return node(in[0].F[lo*n+i])
			}
			mid := (lo + hi) / 2
			return node(sum(lo, mid) + sum(mid, hi))
		}
		out[0].F[i] = sum(0, in[0].Shape()[0])
	}
}

// The device rounds what is bf16.
func cast(_ kernels.Cast, in, out []tensor) { copy(out[0].F, in[0].F) }

func copyOp(_ kernels.Copy, in, out []tensor) { copy(out[0].F, in[0].F) }
