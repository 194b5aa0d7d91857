package tolerance

import (
	"math"

	"g2c/kernels"
)

func affine(o kernels.Op, in, _ []Tensor) ([][]float64, error) {
	op := o.(kernels.Affine)
	return [][]float64{each(in[0], func(i int) float64 {
		return 4*unit*(math.Abs(op.Scale*in[0].V[i])+math.Abs(op.Shift)) + tiny
	})}, nil
}

// activationGrad: 1 - y*y and y*(1-y) cancel where the function saturates.
func activationGrad(o kernels.Op, in, _ []Tensor) ([][]float64, error) {
	op := o.(kernels.ActivationGrad)
	return [][]float64{each(in[0], func(i int) float64 {
		d, y := math.Abs(in[0].V[i]), math.Abs(in[1].V[i])
		switch op.Act {
		case kernels.Tanh:
			return 4*unit*d*(1+y*y) + tiny
		case kernels.Sigmoid:
			return 4*unit*d*y*(1+y) + tiny
		}
		return 2*unit*d + tiny
	})}, nil
}

// wide is the error of arithmetic in float64 on exact operands before the result
// is rounded: the loss over classes works so, and its terms cancel.
const wide = 0x1p-44

// largest is the largest absolute value, 1 at least; a NaN is passed over.
func largest(v []float64) float64 {
	top := 1.0
	for _, x := range v {
		if a := math.Abs(x); a > top {
			top = a
		}
	}
	return top
}

// bce: a logit and its product with the target cancel.
func bce(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.BCE)
	n := len(in[0].V) / op.Shards
	top := largest(in[0].V)
	return [][]float64{each(out[0], func(i int) float64 {
		return 8*unit*math.Abs(out[0].V[i]) + wide*top*math.Abs(op.Scale)*float64(n) + tiny
	})}, nil
}

func focal(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.Focal)
	n := len(in[1].V) / op.Shards
	top := largest(in[0].V)
	return [][]float64{
		each(out[0], func(i int) float64 {
			return 8*unit*math.Abs(out[0].V[i]) + wide*top*math.Abs(op.Scale)*float64(n)*(1+op.Gamma) + tiny
		}),
		each(out[1], func(i int) float64 { return (8*unit+wide*top)*out[1].V[i] + tiny }),
	}, nil
}

func focalGrad(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.FocalGrad)
	top := largest(in[0].V)
	return [][]float64{each(out[0], func(i int) float64 {
		return 8*unit*math.Abs(out[0].V[i]) + wide*top*math.Abs(in[2].V[0]*op.Scale)*(1+op.Gamma) + tiny
	})}, nil
}

func adam(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.Adam)
	w, m, g := in[0].V, in[1].V, in[3].V
	a, b := in[4].V[0], in[4].V[1]
	moment := func(i int) float64 { return math.Abs(op.Beta1*m[i]) + math.Abs((1-op.Beta1)*g[i]) }
	return [][]float64{
		each(out[0], func(i int) float64 {
			// A square that underflows is lost, and with it part of the divisor.
			v := out[2].V[i]
			low := math.Sqrt(math.Max(v-4*tiny, 0))/b + op.Eps
			lost := math.Abs(out[1].V[i]) * (1/low - 1/(math.Sqrt(v+4*tiny)/b+op.Eps))
			return 4*unit*math.Abs(w[i]) + math.Abs(a)*(12*unit*moment(i)/(math.Sqrt(v)/b+op.Eps)+lost+2*tiny/low) + tiny
		}),
		each(out[1], func(i int) float64 { return 4*unit*moment(i) + 2*tiny }),
		each(out[2], func(i int) float64 { return 4*unit*math.Abs(out[2].V[i]) + 3*tiny }),
	}, nil
}

func sgd(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.SGD)
	w, m, g, lr := in[0].V, in[1].V, in[2].V, math.Abs(in[3].V[0])
	moment := func(i int) float64 { return math.Abs(op.Momentum*m[i]) + math.Abs(g[i]) }
	return [][]float64{
		each(out[0], func(i int) float64 { return 4*unit*(math.Abs(w[i])+lr*moment(i)) + tiny*(2+lr) }),
		each(out[1], func(i int) float64 { return 4*unit*moment(i) + 2*tiny }),
	}, nil
}

// adagrad: what is lost of the sum of squares, where one underflows or cancels, is lost of
// the divisor.
func adagrad(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.Adagrad)
	w, g, lr := in[0].V, in[2].V, math.Abs(in[3].V[0])
	off := func(i int) float64 { return 4*unit*(math.Abs(in[1].V[i])+g[i]*g[i]) + 4*tiny }
	return [][]float64{
		each(out[0], func(i int) float64 {
			s := out[1].V[i]
			low := math.Sqrt(math.Max(s-off(i), 0)) + op.Eps
			lost := math.Abs(g[i]) * (1/low - 1/(math.Sqrt(s+off(i))+op.Eps))
			return 4*unit*math.Abs(w[i]) + lr*(12*unit*math.Abs(g[i])/low+lost+2*tiny) + tiny
		}),
		each(out[1], off),
	}, nil
}

func weightDecay(o kernels.Op, in, _ []Tensor) ([][]float64, error) {
	op := o.(kernels.WeightDecay)
	return [][]float64{each(in[0], func(i int) float64 {
		return 4*unit*(math.Abs(in[0].V[i])+math.Abs(op.Rate*in[1].V[i])) + 2*tiny
	})}, nil
}

// pixels: the saturation stretches what the earlier lines round.
func pixels(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.Pixels)
	per := len(out[0].V) / in[0].Type.Shape[0]
	return [][]float64{each(out[0], func(i int) float64 {
		if !op.Jitter {
			return 2 * unit
		}
		return 8 * unit * (1 + 2*math.Abs(in[2].V[i/per*2+1]))
	})}, nil
}
