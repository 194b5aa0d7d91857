package ref

import (
	"math"

	"g2c/internal/fmath"
	"g2c/kernels"
)

// shardSums adds f over the elements of each shard, times scale.
func shardSums(seg kernels.Segments, scale float64, x, out tensor, f func(i int) float64) {
	total := x.Shape()[0]
	per := len(x.F) / total
	clear(out.F)
	for i := range x.F {
		out.F[shardOf(seg, total, i/per)] += f(i)
	}
	for v := range out.F {
		out.F[v] *= scale
	}
}

func mse(op kernels.MSE, in, out []tensor) {
	shardSums(op.Segments, op.Scale, in[0], out[0], func(i int) float64 {
		d := in[0].F[i] - op.Target
		return d * d
	})
}

func mseGrad(op kernels.MSEGrad, in, out []tensor) {
	for i, p := range in[0].F {
		out[0].F[i] = in[1].F[0] * (2 * op.Scale) * (p - op.Target)
	}
}

func bce(op kernels.BCE, in, out []tensor) {
	shardSums(op.Segments, op.Scale, in[0], out[0], func(i int) float64 { return op.Term(in[0].F[i]) })
}

func bceGrad(op kernels.BCEGrad, in, out []tensor) {
	for i, p := range in[0].F {
		out[0].F[i] = in[1].F[0] * op.Scale * (fmath.Sigmoid(p) - op.Target)
	}
}

func l1(op kernels.L1, in, out []tensor) {
	shardSums(op.Segments, op.Scale, in[0], out[0], func(i int) float64 {
		return math.Abs(in[0].F[i] - in[1].F[i])
	})
}

func l1Grad(op kernels.L1Grad, in, out []tensor) {
	for i, a := range in[0].F {
		sign := 0.0
		switch b := in[1].F[i]; {
		case a > b:
			sign = 1
		case a < b:
			sign = -1
		case a != b: // a NaN stays one
			sign = math.NaN()
		}
		out[0].F[i] = in[2].F[0] * op.Scale * sign
	}
}

// logSoftmax gives log p and p of one row of logits.
func logSoftmax(z []float64, logp, p []float64) {
	top := z[0]
	for _, v := range z {
		top = max(top, v)
	}
	sum := 0.0
	for _, v := range z {
		sum += fmath.Exp(v - top)
	}
	log := fmath.Log(sum)
	for k, v := range z {
		logp[k] = v - top - log
		p[k] = fmath.Exp(logp[k])
	}
}

func focal(op kernels.Focal, in, out []tensor) {
	n, k := in[0].Shape()[0], in[0].Shape()[1]
	logp := make([]float64, k)
	clear(out[0].F)
	for i := range n {
		p := out[1].F[i*k:][:k]
		logSoftmax(in[0].F[i*k:][:k], logp, p)
		y := in[1].I[i]
		out[0].F[shardOf(op.Segments, n, i)] -= float64(kernels.Power(1-p[y], op.Gamma) * logp[y])
	}
	for v := range out[0].F {
		out[0].F[v] *= op.Scale
	}
}

func focalGrad(op kernels.FocalGrad, in, out []tensor) {
	n, k := in[0].Shape()[0], in[0].Shape()[1]
	logp, p := make([]float64, k), make([]float64, k)
	for i := range n {
		logSoftmax(in[0].F[i*k:][:k], logp, p)
		y := int(in[1].I[i])
		q := p[y]
		d := -kernels.Power(1-q, op.Gamma)
		if op.Gamma > 0 {
			d += float64(op.Gamma * kernels.Power(1-q, op.Gamma-1) * q * logp[y])
		}
		for c := range k {
			hit := 0.0
			if c == y {
				hit = 1
			}
			out[0].F[i*k+c] = in[2].F[0] * op.Scale * d * (hit - p[c])
		}
	}
}

func softmax(_ kernels.Softmax, in, out []tensor) {
	k := in[0].Shape()[1]
	logp := make([]float64, k)
	for i := 0; i < len(in[0].F); i += k {
		logSoftmax(in[0].F[i:i+k], logp, out[0].F[i:i+k])
	}
}
