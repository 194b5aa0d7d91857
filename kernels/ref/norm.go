package ref

import (
	"math"

	"g2c/kernels"
)

// act applies an activation that a normalisation may carry.
func act(a kernels.Act, v float64) float64 {
	switch {
	case a == kernels.ReLU && v <= 0: // a NaN stays one
		return 0
	case a == kernels.Leaky && !(v > 0):
		return kernels.LeakySlope * v
	}
	return v
}

// slope is the derivative of act where its result, or argument, is v.
func slope(a kernels.Act, v float64) float64 {
	switch {
	case a == kernels.ReLU && !(v > 0):
		return 0
	case a == kernels.Leaky && !(v > 0):
		return kernels.LeakySlope
	}
	return 1
}

// moments gives the mean and biased variance of each channel over the pixels
// that member accepts.
func moments(x tensor, c int, member func(n int) bool) (mean, variance float64) {
	s := x.Shape()
	per := s[1] * s[2] * s[3]
	count := 0
	for i := c; i < len(x.F); i += s[3] {
		if member(i / per) {
			mean += x.F[i]
			count++
		}
	}
	mean /= float64(count)
	for i := c; i < len(x.F); i += s[3] {
		if member(i / per) {
			d := x.F[i] - mean
			variance += float64(d * d)
		}
	}
	return mean, variance / float64(count)
}

func instanceNorm(op kernels.InstanceNorm, in, out []tensor) {
	x, y, mean, variance := in[0], out[0], out[1], out[2]
	s := x.Shape()
	per := s[1] * s[2] * s[3]
	for n := range s[0] {
		for c := range s[3] {
			m, v := moments(x, c, func(k int) bool { return k == n })
			mean.F[n*s[3]+c], variance.F[n*s[3]+c] = m, v
			rstd := 1 / math.Sqrt(v+op.Eps)
			for i := n*per + c; i < (n+1)*per; i += s[3] {
				r := act(op.Act, (x.F[i]-m)*rstd)
				if len(in) == 2 {
					r += in[1].F[i]
				}
				y.F[i] = r
			}
		}
	}
}

// normGrad writes the gradient of a normalisation by x for one channel over the
// elements listed by each, where g is the gradient behind the activation.
func normGrad(each func(f func(i int)), x, dx []float64, g func(i int) float64, mean, rstd, scale float64) (sumG, sumGH float64) {
	count := 0.0
	each(func(i int) {
		sumG += g(i)
		sumGH += float64(g(i) * ((x[i] - mean) * rstd))
		count++
	})
	each(func(i int) {
		h := (x[i] - mean) * rstd
		dx[i] = float64(scale*rstd) * (g(i) - sumG/count - float64(h*sumGH/count))
	})
	return sumG, sumGH
}

func instanceNormGrad(op kernels.InstanceNormGrad, in, out []tensor) {
	dy, x, mean, variance, dx := in[0], in[1], in[2], in[3], out[0]
	s := x.Shape()
	per := s[1] * s[2] * s[3]
	for n := range s[0] {
		for c := range s[3] {
			m := mean.F[n*s[3]+c]
			rstd := 1 / math.Sqrt(variance.F[n*s[3]+c]+op.Eps)
			each := func(f func(int)) {
				for i := n*per + c; i < (n+1)*per; i += s[3] {
					f(i)
				}
			}
			grad := make(map[int]float64, per/s[3])
			each(func(i int) { grad[i] = float64(dy.F[i] * slope(op.Act, (x.F[i]-m)*rstd)) })
			normGrad(each, x.F, dx.F, func(i int) float64 { return grad[i] }, m, rstd, 1)
		}
	}
}

// eachOf lists the elements of channel c in shard v.
func eachOf(s kernels.Shape, seg kernels.Segments, v, c int) func(f func(int)) {
	per := s[1] * s[2] * s[3]
	return func(f func(int)) {
		for n := range s[0] {
			if shardOf(seg, s[0], n) != v {
				continue
			}
			for i := n*per + c; i < (n+1)*per; i += s[3] {
				f(i)
			}
		}
	}
}

func batchNorm(op kernels.BatchNorm, in, out []tensor) {
	x, gamma, beta, y, stats := in[0], in[1], in[2], out[0], out[1]
	s := x.Shape()
	for v := range op.Shards {
		for c := range s[3] {
			m, variance := moments(x, c, func(n int) bool { return shardOf(op.Segments, s[0], n) == v })
			stats.F[(v*2)*s[3]+c], stats.F[(v*2+1)*s[3]+c] = m, variance
			rstd := 1 / math.Sqrt(variance+op.Eps)
			eachOf(s, op.Segments, v, c)(func(i int) {
				r := float64(gamma.F[c]*((x.F[i]-m)*rstd)) + beta.F[c]
				if len(in) == 4 {
					r += in[3].F[i]
				}
				y.F[i] = act(op.Act, r)
			})
		}
	}
}

func batchNormGrad(op kernels.BatchNormGrad, in, out []tensor) {
	dy, x, gamma, stats := in[0], in[1], in[2], in[3]
	dx, dgamma, dbeta := out[0], out[1], out[2]
	s := x.Shape()
	g := func(i int) float64 {
		if op.Act == kernels.None {
			return dy.F[i]
		}
		return float64(dy.F[i] * slope(op.Act, in[4].F[i]))
	}
	for v := range op.Shards {
		for c := range s[3] {
			m := stats.F[(v*2)*s[3]+c]
			rstd := 1 / math.Sqrt(stats.F[(v*2+1)*s[3]+c]+op.Eps)
			sumG, sumGH := normGrad(eachOf(s, op.Segments, v, c), x.F, dx.F, g, m, rstd, gamma.F[c])
			dgamma.F[v*s[3]+c], dbeta.F[v*s[3]+c] = sumGH, sumG
		}
	}
	if op.Res {
		for i := range out[3].F {
			out[3].F[i] = g(i)
		}
	}
}

func batchNormInfer(op kernels.BatchNormInfer, in, out []tensor) {
	x, gamma, beta, mean, variance, y := in[0], in[1], in[2], in[3], in[4], out[0]
	ch := x.Shape()[3]
	for i := range x.F {
		c := i % ch
		r := float64(gamma.F[c]*((x.F[i]-mean.F[c])/math.Sqrt(variance.F[c]+op.Eps))) + beta.F[c]
		if len(in) == 6 {
			r += in[5].F[i]
		}
		y.F[i] = act(op.Act, r)
	}
}

func runningStats(op kernels.RunningStats, in, out []tensor) {
	n := float64(op.Count)
	c := len(in[0].F)
	for i := range c {
		m := in[2].F[i] / float64(op.Shards)
		v := in[2].F[c+i] / float64(op.Shards) * n / (n - 1)
		out[0].F[i] = float64((1-op.Momentum)*in[0].F[i]) + float64(op.Momentum*m)
		out[1].F[i] = float64((1-op.Momentum)*in[1].F[i]) + float64(op.Momentum*v)
	}
}
