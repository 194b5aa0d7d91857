package tolerance

import (
	"math"

	"g2c/kernels"
)

// spread is what a channel's mean, variance and normalised values may be off by.
type spread struct {
	mean, variance float64 // ref's
	offMean        float64
	offVariance    float64
	rstd           float64
	relRstd        float64
}

// newSpread takes the number of values behind the statistics, ref's statistics
// and the mean of the absolute values.
func newSpread(n int, mean, variance, absMean, eps float64) spread {
	s := spread{mean: mean, variance: variance, rstd: 1 / math.Sqrt(variance+eps)}
	s.offMean = walk(n)*absMean + float64(n)*tiny
	// Around a mean that is off by d, the mean square is d² larger.
	s.offVariance = walk(n)*variance + 2*s.offMean*s.offMean + float64(n)*tiny
	s.relRstd = s.offVariance/(2*(variance+eps)) + 4*unit
	return s
}

// off is how far (x-mean)*rstd may be off.
func (s spread) off(x float64) float64 {
	d := math.Abs(x - s.mean)
	return s.rstd*(s.offMean+4*unit*(d+s.offMean)) + d*s.rstd*s.relRstd + tiny
}

// over calls f with the index of each element of x in shard v and channel c.
func over(x kernels.Shape, seg kernels.Segments, v, c int, f func(i int)) {
	per := x[1] * x[2] * x[3]
	for g := range seg.Groups {
		first := seg.First(x[0], g, v)
		for n := first; n < first+seg.Per(x[0]); n++ {
			for i := n*per + c; i < (n+1)*per; i += x[3] {
				f(i)
			}
		}
	}
}

// samples is the arrangement in which every sample is a shard of its own.
func samples(x kernels.Shape) kernels.Segments { return kernels.Segments{Groups: 1, Shards: x[0]} }

func absMean(x Tensor, seg kernels.Segments, v, c int) (mean float64, n int) {
	over(x.Type.Shape, seg, v, c, func(i int) {
		mean += math.Abs(x.V[i])
		n++
	})
	return mean / float64(n), n
}

func instanceNorm(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.InstanceNorm)
	x, s := in[0], in[0].Type.Shape
	tol := [][]float64{make([]float64, len(x.V)), make([]float64, s[0]*s[3]), make([]float64, s[0]*s[3])}
	for n := range s[0] {
		for c := range s[3] {
			k := n*s[3] + c
			abs, count := absMean(x, samples(s), n, c)
			sp := newSpread(count, out[1].V[k], out[2].V[k], abs, op.Eps)
			tol[1][k], tol[2][k] = sp.offMean, sp.offVariance
			over(s, samples(s), n, c, func(i int) {
				tol[0][i] = sp.off(x.V[i]) + 4*unit*math.Abs(out[0].V[i])
				if len(in) == 2 {
					tol[0][i] += 4 * unit * math.Abs(in[1].V[i])
				}
			})
		}
	}
	return tol, nil
}

// gradient fills the tolerance of dx for one channel of one shard. g is the
// gradient behind the activation, scale the factor before rstd. It gives the sums
// of |g| and |g*h|.
func gradient(tol, x []float64, each func(func(int)), g func(i int) float64, mean, rstd, scale float64) (sumG, sumGH float64, n int) {
	each(func(i int) {
		sumG += math.Abs(g(i))
		sumGH += math.Abs(g(i) * (x[i] - mean) * rstd)
		n++
	})
	count := float64(n)
	each(func(i int) {
		h := math.Abs(x[i]-mean) * rstd
		m := math.Abs(g(i)) + sumG/count + h*sumGH/count
		tol[i] = walk(n)*math.Abs(scale)*rstd*m + tiny*(1+math.Abs(scale)*rstd)*(1+h)
	})
	return sumG, sumGH, n
}

func instanceNormGrad(o kernels.Op, in, _ []Tensor) ([][]float64, error) {
	op := o.(kernels.InstanceNormGrad)
	dy, x, s := in[0], in[1], in[1].Type.Shape
	tol := make([]float64, len(x.V))
	for n := range s[0] {
		for c := range s[3] {
			each := func(f func(int)) { over(s, samples(s), n, c, f) }
			rstd := 1 / math.Sqrt(in[3].V[n*s[3]+c]+op.Eps)
			// |g| <= |dy|: both slopes are at most one.
			gradient(tol, x.V, each, func(i int) float64 { return dy.V[i] }, in[2].V[n*s[3]+c], rstd, 1)
		}
	}
	return [][]float64{tol}, nil
}

func batchNorm(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.BatchNorm)
	x, s, ch := in[0], in[0].Type.Shape, in[0].Type.Shape[3]
	tol := [][]float64{make([]float64, len(x.V)), make([]float64, len(out[1].V))}
	for v := range op.Shards {
		for c := range ch {
			m, q := v*2*ch+c, (v*2+1)*ch+c
			abs, count := absMean(x, op.Segments, v, c)
			sp := newSpread(count, out[1].V[m], out[1].V[q], abs, op.Eps)
			tol[1][m], tol[1][q] = sp.offMean, sp.offVariance
			gamma, beta := math.Abs(in[1].V[c]), math.Abs(in[2].V[c])
			over(s, op.Segments, v, c, func(i int) {
				h := math.Abs(x.V[i]-sp.mean) * sp.rstd
				tol[0][i] = gamma*sp.off(x.V[i]) + 8*unit*(gamma*h+beta) + tiny
				if len(in) == 4 {
					tol[0][i] += 8 * unit * math.Abs(in[3].V[i])
				}
			})
		}
	}
	return tol, nil
}

func batchNormGrad(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.BatchNormGrad)
	dy, x, s, ch := in[0], in[1], in[1].Type.Shape, in[1].Type.Shape[3]
	tol := make([][]float64, len(out))
	for k := range out {
		tol[k] = make([]float64, len(out[k].V))
	}
	for v := range op.Shards {
		for c := range ch {
			each := func(f func(int)) { over(s, op.Segments, v, c, f) }
			rstd := 1 / math.Sqrt(in[3].V[(v*2+1)*ch+c]+op.Eps)
			sumG, sumGH, n := gradient(tol[0], x.V, each, func(i int) float64 { return dy.V[i] }, in[3].V[v*2*ch+c], rstd, in[2].V[c])
			tol[1][v*ch+c] = walk(n)*sumGH + float64(n)*tiny*(1+rstd)
			tol[2][v*ch+c] = walk(n)*sumG + float64(n)*tiny
		}
	}
	if op.Res {
		for i, d := range dy.V {
			tol[3][i] = 2*unit*math.Abs(d) + tiny
		}
	}
	return tol, nil
}

func batchNormInfer(o kernels.Op, in, out []Tensor) ([][]float64, error) {
	op := o.(kernels.BatchNormInfer)
	x, ch := in[0], in[0].Type.Shape[3]
	return [][]float64{each(x, func(i int) float64 {
		c := i % ch
		rstd := 1 / math.Sqrt(in[4].V[c]+op.Eps)
		m := math.Abs(in[1].V[c])*(math.Abs(x.V[i])+math.Abs(in[3].V[c]))*rstd + math.Abs(in[2].V[c])
		if len(in) == 6 {
			m += math.Abs(in[5].V[i])
		}
		return 8*unit*m + tiny*(1+rstd)
	})}, nil
}
