package tolerance

import (
	"math"

	"g2c/kernels"
)

// squareReach is how far apart, along an axis, two results or two pixels can lie
// that share a square of a fast convolution.
const squareReach = 5

// squares widens the rule of a convolution for backends that compute 3×3
// convolutions of stride 1 by squares (Winograd): the rounding errors of a square
// depend on the largest operands that meet in it, not on those of one result
// alone. The magnitude is the operation on absolute values where every pixel is
// the largest near it, and every tap the largest of its kernel.
func squares(g func(op kernels.Op) kernels.Geometry, narrow rule) rule {
	return func(op kernels.Op, in, out []Tensor) ([][]float64, error) {
		tol, err := narrow(op, in, out)
		weights := in[1].Type.Shape // or those that the gradient is by
		_, byWeights := op.(kernels.Conv2DGradW)
		if byWeights {
			weights = out[0].Type.Shape[1:]
		}
		if err != nil || g(op).Stride != 1 || weights[1] != 3 || weights[2] != 3 {
			return tol, err
		}
		spread := absolute(in)
		spread[0] = near(spread[0])
		if byWeights {
			spread[1] = near(spread[1])
		} else {
			spread[1] = evenTaps(spread[1])
		}
		m, err := apply(op, spread)
		if err != nil {
			return nil, err
		}
		for i, v := range m[0].V {
			tol[0][i] += 8 * unit * v
		}
		return tol, nil
	}
}

// near replaces each pixel by the largest within reach, by channel.
func near(t Tensor) Tensor {
	s := t.Type.Shape
	return slide(slide(t, s[2], s[3]), s[1], s[2]*s[3])
}

// slide takes the largest within reach along an axis of n, step elements apart.
func slide(t Tensor, n, step int) Tensor {
	v := make([]float64, len(t.V))
	for i := range v {
		at := i / step % n
		for d := max(-squareReach, -at); d <= min(squareReach, n-1-at); d++ {
			v[i] = larger(v[i], t.V[i+d*step])
		}
	}
	return Tensor{t.Type, v}
}

// evenTaps replaces each tap of (K,R,S,C) by the largest of its kernel.
func evenTaps(t Tensor) Tensor {
	s := t.Type.Shape
	taps, c := s[1]*s[2], s[3]
	v := make([]float64, len(t.V))
	for i := range v {
		first := i/(taps*c)*taps*c + i%c
		for r := range taps {
			v[i] = larger(v[i], t.V[first+r*c])
		}
	}
	return Tensor{t.Type, v}
}

// larger is the larger of two values, where the second is a finite number.
func larger(v, x float64) float64 {
	if x > v && !math.IsInf(x, 0) {
		return x
	}
	return v
}

// folded widens the rule of a gradient by a reflected image for bf16, where a class
// may round the padded image's gradient before it adds what meets in a pixel.
func folded(narrow rule) rule {
	return func(op kernels.Op, in, out []Tensor) ([][]float64, error) {
		tol, err := narrow(op, in, out)
		if err != nil || op.(kernels.Conv2DGradX).Mode != kernels.Reflect || out[0].Type.DType != kernels.BF16 {
			return tol, err
		}
		m, err := apply(op, absolute(in))
		if err != nil {
			return nil, err
		}
		for i, v := range m[0].V {
			tol[0][i] += half * v
		}
		return tol, nil
	}
}
