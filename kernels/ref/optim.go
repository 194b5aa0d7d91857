package ref

import (
	"math"

	"g2c/kernels"
)

func adam(op kernels.Adam, in, out []tensor) {
	a, b := in[4].F[0], in[4].F[1]
	for i, g := range in[3].F {
		m := float64(op.Beta1*in[1].F[i]) + float64((1-op.Beta1)*g)
		v := float64(op.Beta2*in[2].F[i]) + float64((1-op.Beta2)*g*g)
		out[0].F[i] = in[0].F[i] - float64(a*m)/(math.Sqrt(v)/b+op.Eps)
		out[1].F[i], out[2].F[i] = m, v
	}
}

func sgd(op kernels.SGD, in, out []tensor) {
	for i, g := range in[2].F {
		m := float64(op.Momentum*in[1].F[i]) + g
		out[0].F[i] = in[0].F[i] - float64(in[3].F[0]*m)
		out[1].F[i] = m
	}
}

func adagrad(op kernels.Adagrad, in, out []tensor) {
	for i, g := range in[2].F {
		s := in[1].F[i] + float64(g*g)
		out[0].F[i] = in[0].F[i] - float64(in[3].F[0]*(g/(math.Sqrt(s)+op.Eps)))
		out[1].F[i] = s
	}
}

func weightDecay(op kernels.WeightDecay, in, out []tensor) {
	for i, w := range in[1].F {
		out[0].F[i] = in[0].F[i] + float64(op.Rate*w)
	}
}
