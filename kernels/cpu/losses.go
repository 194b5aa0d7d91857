package cpu

import (
	"math"

	"g2c/internal/fmath"
	"g2c/kernels"
)

// laneSum adds a term over the elements of each shard as kernels.Lanes says:
// l[v] = scale * sum.
func (d *Device) laneSum(c call, seg kernels.Segments, scale float64, term func(lanes *[kernels.Lanes]float64, from, end int)) func() {
	x, l := c.In[0], c.Out[0].F
	samples := x.Shape()[0]
	per := len(x.F) / samples
	lanes := make([][kernels.Lanes]float64, samples)
	sums := make([]float64, samples)
	sets := shards(seg, samples)
	each := d.eachRow(samples, func(_ *workspace, n int) {
		clear(lanes[n][:])
		term(&lanes[n], n*per, (n+1)*per)
		sums[n] = 0
		for _, v := range lanes[n] {
			sums[n] += v
		}
	})
	return func() {
		each()
		for v, set := range sets {
			total := 0.0
			for _, n := range set {
				total += sums[n]
			}
			l[v] = float32(scale * total)
		}
	}
}

// mse is l[v] = Scale * sum over the elements p of shard v of (p - Target)^2.
func (d *Device) mse(op kernels.MSE, c call) func() {
	p := c.In[0].F
	return d.laneSum(c, op.Segments, op.Scale, func(lanes *[kernels.Lanes]float64, from, end int) {
		for i, v := range p[from:end] {
			e := float64(v) - op.Target
			lanes[i%kernels.Lanes] += float64(e * e)
		}
	})
}

// mseGrad is dp = g * (2*Scale) * (p - Target).
func (d *Device) mseGrad(op kernels.MSEGrad, c call) func() {
	p, g, dp := c.In[0].F, c.In[1].F, c.Out[0].F
	scale, target := float32(2*op.Scale), float32(op.Target)
	return d.eachRun(len(p), func(_ *workspace, from, end int) {
		f := g[0] * scale
		to := dp[from:end]
		for i, v := range p[from:end] {
			to[i] = f * (v - target)
		}
	})
}

// bce is l[v] = Scale * sum over the elements p of shard v of
// max(p, 0) - Target*p + log(1 + exp(-|p|)).
func (d *Device) bce(op kernels.BCE, c call) func() {
	p := c.In[0].F
	return d.laneSum(c, op.Segments, op.Scale, func(lanes *[kernels.Lanes]float64, from, end int) {
		for i, v := range p[from:end] {
			lanes[i%kernels.Lanes] += op.Term(float64(v))
		}
	})
}

// bceGrad is dp = g * Scale * (sigmoid(p) - Target).
func (d *Device) bceGrad(op kernels.BCEGrad, c call) func() {
	p, g, dp := c.In[0].F, c.In[1].F, c.Out[0].F
	scale := float32(op.Scale)
	return d.eachRun(len(p), func(_ *workspace, from, end int) {
		f := g[0] * scale
		to := dp[from:end]
		for i, v := range p[from:end] {
			to[i] = f * float32(fmath.Sigmoid(float64(v))-op.Target)
		}
	})
}

// l1 is l[v] = Scale * sum over the elements of shard v of |a - b|.
func (d *Device) l1(op kernels.L1, c call) func() {
	a, b := c.In[0].F, c.In[1].F
	return d.laneSum(c, op.Segments, op.Scale, func(lanes *[kernels.Lanes]float64, from, end int) {
		other := b[from:end]
		for i, v := range a[from:end] {
			lanes[i%kernels.Lanes] += math.Abs(float64(v) - float64(other[i]))
		}
	})
}

// l1Grad is da = g * Scale * sign(a - b), with sign(0) = 0; a NaN stays one.
func (d *Device) l1Grad(op kernels.L1Grad, c call) func() {
	a, b, g, da := c.In[0].F, c.In[1].F, c.In[2].F, c.Out[0].F
	scale := float32(op.Scale)
	return d.eachRun(len(a), func(_ *workspace, from, end int) {
		f := g[0] * scale
		for i := from; i < end; i++ {
			da[i] = f * sign(a[i], b[i])
		}
	})
}

// sign is the sign of a - b.
func sign(a, b float32) float32 {
	switch {
	case a > b:
		return 1
	case a < b:
		return -1
	case a == b:
		return 0
	}
	return a - b
}

// logits is a view of the rows of a classifier's output, with room for one row's
// probabilities.
type logits struct {
	z       []float32
	n, k    int
	logp, p []float64
}

func newLogits(z tensor) *logits {
	s := z.Shape()
	return &logits{z: z.F, n: s[0], k: s[1], logp: make([]float64, s[1]), p: make([]float64, s[1])}
}

// softmax computes log p and p of a row.
func (l *logits) softmax(row int) {
	z := l.z[row*l.k:][:l.k]
	top := float64(z[0])
	for _, v := range z {
		top = max(top, float64(v))
	}
	sum := 0.0
	for _, v := range z {
		sum += fmath.Exp(float64(v) - top)
	}
	log := fmath.Log(sum)
	for k, v := range z {
		l.logp[k] = float64(v) - top - log
		l.p[k] = fmath.Exp(l.logp[k])
	}
}

// focal is, with p = softmax(logits[n]) and q = p[labels[n]],
//
//	l[v] = Scale * sum over the samples n of shard v of -(1-q)^Gamma * log q
func (d *Device) focal(op kernels.Focal, c call) func() {
	z, labels, l, p := newLogits(c.In[0]), c.In[1].I, c.Out[0].F, c.Out[1].F
	sets := shards(op.Segments, z.n)
	return func() {
		for v, set := range sets {
			total := 0.0
			for _, n := range set {
				z.softmax(n)
				for k, q := range z.p {
					p[n*z.k+k] = float32(q)
				}
				y := labels[n]
				total -= float64(kernels.Power(1-z.p[y], op.Gamma) * z.logp[y])
			}
			l[v] = float32(op.Scale * total)
		}
	}
}

// focalGrad is dz[n,k] = g * Scale * d * (1{k=y} - p[k]), with
//
//	d = Gamma * (1-q)^(Gamma-1) * q * log q - (1-q)^Gamma
func (d *Device) focalGrad(op kernels.FocalGrad, c call) func() {
	z, labels, g, dz := newLogits(c.In[0]), c.In[1].I, c.In[2].F, c.Out[0].F
	return func() {
		for n := range z.n {
			z.softmax(n)
			y := int(labels[n])
			q := z.p[y]
			f := -kernels.Power(1-q, op.Gamma)
			if op.Gamma > 0 {
				f += float64(op.Gamma * kernels.Power(1-q, op.Gamma-1) * q * z.logp[y])
			}
			f *= float64(g[0]) * op.Scale
			for k, p := range z.p {
				hit := 0.0
				if k == y {
					hit = 1
				}
				dz[n*z.k+k] = float32(f * (hit - p))
			}
		}
	}
}

// softmax is p[n,k] = exp(z[n,k]) / sum over j of exp(z[n,j]).
func (d *Device) softmax(_ kernels.Softmax, c call) func() {
	z, p := newLogits(c.In[0]), c.Out[0].F
	return func() {
		for n := range z.n {
			z.softmax(n)
			for k, q := range z.p {
				p[n*z.k+k] = float32(q)
			}
		}
	}
}
