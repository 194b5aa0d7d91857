package cpu

import (
	"math"

	"g2c/internal/fmath"
	"g2c/kernels"
)

// elementsAtOnce is the length of the pieces that elementwise work is cut into.
const elementsAtOnce = 1 << 13

// eachRun makes a function that calls f for pieces of [0, n), on all members.
func (d *Device) eachRun(n int, f func(from, end int)) func() {
	task := func(_, item int) {
		from := item * elementsAtOnce
		f(from, min(from+elementsAtOnce, n))
	}
	items := (n + elementsAtOnce - 1) / elementsAtOnce
	return func() { d.team.run(items, task) }
}

// eachRow makes a function that calls f for every row of [0, n), on all members.
func (d *Device) eachRow(n int, f func(row int)) func() {
	task := func(_, item int) { f(item) }
	return func() { d.team.run(n, task) }
}

// activation is y = act(x).
func (d *Device) activation(op kernels.Activation, c call) func() {
	x, y := c.In[0].F, c.Out[0].F
	f := activations[op.Act]
	return d.eachRun(len(x), func(from, end int) { f(y[from:end], x[from:end]) })
}

var activations = [...]func(y, x []float32){
	kernels.ReLU:    relu,
	kernels.Leaky:   leaky,
	kernels.Tanh:    func(y, x []float32) { through(fmath.Tanh, y, x) },
	kernels.Sigmoid: func(y, x []float32) { through(fmath.Sigmoid, y, x) },
}

func through(f func(float64) float64, y, x []float32) {
	for i, v := range x {
		y[i] = float32(f(float64(v)))
	}
}

// relu is y = max(x, 0); a NaN stays one.
func relu(y, x []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = max(v, 0)
	}
}

// leaky is y = x > 0 ? x : LeakySlope*x.
func leaky(y, x []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = v * slope(v, leakyBits)
	}
}

// The bits of the slopes that an activation may have.
const oneBits = 0x3f800000

var leakyBits = math.Float32bits(kernels.LeakySlope)

// slopeBits are the bits of an activation's slope below zero.
func slopeBits(a kernels.Act) uint32 {
	switch a {
	case kernels.ReLU:
		return 0
	case kernels.Leaky:
		return leakyBits
	}
	return oneBits
}

// slope is 1 where v > 0 and else the number of the bits below. Integers make it
// a conditional move: signs are as good as random.
func slope(v float32, below uint32) float32 {
	if v > 0 {
		below = oneBits
	}
	return math.Float32frombits(below)
}

// activationGrad is dx = dy * act'(x), told from y.
func (d *Device) activationGrad(op kernels.ActivationGrad, c call) func() {
	dy, y, dx := c.In[0].F, c.In[1].F, c.Out[0].F
	f := activationGrads[op.Act]
	return d.eachRun(len(y), func(from, end int) { f(dx[from:end], dy[from:end], y[from:end]) })
}

var activationGrads = [...]func(dx, dy, y []float32){
	kernels.ReLU:  func(dx, dy, y []float32) { slopeGrad(dx, dy, y, 0) },
	kernels.Leaky: func(dx, dy, y []float32) { slopeGrad(dx, dy, y, leakyBits) },
	kernels.Tanh: func(dx, dy, y []float32) {
		for i, v := range y {
			dx[i] = dy[i] * (1 - float32(v*v))
		}
	},
	kernels.Sigmoid: func(dx, dy, y []float32) {
		for i, v := range y {
			dx[i] = dy[i] * float32(v*(1-v))
		}
	},
}

func slopeGrad(dx, dy, y []float32, below uint32) {
	dx, dy = dx[:len(y)], dy[:len(y)]
	for i, v := range y {
		dx[i] = dy[i] * slope(v, below)
	}
}

// affine is y = Scale*x + Shift.
func (d *Device) affine(op kernels.Affine, c call) func() {
	x, y := c.In[0].F, c.Out[0].F
	scale, shift := float32(op.Scale), float32(op.Shift)
	return d.eachRun(len(x), func(from, end int) {
		to := y[from:end]
		for i, v := range x[from:end] {
			to[i] = float32(scale*v) + shift
		}
	})
}

// add is y = x0 + x1 + ..., from the left.
func (d *Device) add(_ kernels.Add, c call) func() {
	y := c.Out[0].F
	return d.eachRun(len(y), func(from, end int) {
		to := y[from:end]
		a, b := c.In[0].F[from:end], c.In[1].F[from:end]
		for i := range to {
			to[i] = a[i] + b[i]
		}
		for _, x := range c.In[2:] {
			addTo(to, x.F[from:end])
		}
	})
}

// treeSum adds shards by the binary tree over [0, V) split in the middle.
func (d *Device) treeSum(_ kernels.TreeSum, c call) func() {
	x, y := c.In[0].F, c.Out[0].F
	v := c.In[0].Shape()[0]
	return d.eachRun(len(y), func(from, end int) {
		for i := from; i < end; i++ {
			y[i] = treeAdd(x, i, len(y), 0, v)
		}
	})
}

func treeAdd(x []float32, i, stride, lo, hi int) float32 {
	if hi-lo == 1 {
		return x[lo*stride+i]
	}
	mid := (lo + hi) / 2
	return treeAdd(x, i, stride, lo, mid) + treeAdd(x, i, stride, mid, hi)
}

// copy is y = x.
func (d *Device) copy(_ kernels.Copy, c call) func() {
	x, y := c.In[0].F, c.Out[0].F
	return d.eachRun(len(x), func(from, end int) { copy(y[from:end], x[from:end]) })
}
