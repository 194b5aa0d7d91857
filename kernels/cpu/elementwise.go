package cpu

import (
	"g2c/internal/fmath"
	"g2c/kernels"
)

// The lengths of the pieces that elementwise work is cut into: what takes a
// nanosecond or less an element, and what takes tens.
const (
	elementsAtOnce     = 1 << 13
	slowElementsAtOnce = 1 << 9
)

// eachRun makes a function that calls f for pieces of [0, n), on all members.
func (d *Device) eachRun(n int, f func(w *workspace, from, end int)) func() {
	return d.eachPiece(n, elementsAtOnce, f)
}

// eachPiece is eachRun with pieces of a length.
func (d *Device) eachPiece(n, length int, f func(w *workspace, from, end int)) func() {
	task := func(member, item int) {
		from := item * length
		f(&d.members[member], from, min(from+length, n))
	}
	items := (n + length - 1) / length
	return func() { d.team.run(items, task) }
}

// eachRow makes a function that calls f for every row of [0, n), on all members.
func (d *Device) eachRow(n int, f func(w *workspace, row int)) func() {
	task := func(member, item int) { f(&d.members[member], item) }
	return func() { d.team.run(n, task) }
}

// activation is y = act(x).
func (d *Device) activation(op kernels.Activation, c call) func() {
	x, y := c.In[0].F, c.Out[0].F
	switch op.Act {
	case kernels.Tanh:
		return d.through(fmath.Tanh, y, x)
	case kernels.Sigmoid:
		return d.through(fmath.Sigmoid, y, x)
	}
	below := below(op.Act)
	return d.eachRun(len(x), func(w *workspace, from, end int) {
		d.pass.activate.flat(w, x[from:end], y[from:end], below, unit)
	})
}

// through is y = f(x), computed in float64.
func (d *Device) through(f func(float64) float64, y, x []float32) func() {
	return d.eachPiece(len(x), slowElementsAtOnce, func(_ *workspace, from, end int) {
		to := y[from:end]
		for i, v := range x[from:end] {
			to[i] = float32(f(float64(v)))
		}
	})
}

// unit is an activation's slope above zero.
var unit = scalar(1)

// below is an activation's slope below zero.
func below(a kernels.Act) []float32 {
	switch a {
	case kernels.ReLU:
		return scalar(0)
	case kernels.Leaky:
		return scalar(kernels.LeakySlope)
	}
	return unit
}

// activationGrad is dx = dy * act'(x), told from y.
func (d *Device) activationGrad(op kernels.ActivationGrad, c call) func() {
	dy, y, dx := c.In[0].F, c.In[1].F, c.Out[0].F
	below := below(op.Act)
	return d.eachRun(len(y), func(w *workspace, from, end int) {
		dy, y, dx := dy[from:end], y[from:end], dx[from:end]
		switch op.Act {
		case kernels.Tanh:
			for i, v := range y {
				dx[i] = dy[i] * (1 - float32(v*v))
			}
		case kernels.Sigmoid:
			for i, v := range y {
				dx[i] = dy[i] * float32(v*(1-v))
			}
		default:
			d.pass.activateBack.flat(w, dy, y, dx, below, unit)
		}
	})
}

// affine is y = Scale*x + Shift.
func (d *Device) affine(op kernels.Affine, c call) func() {
	x, y := c.In[0].F, c.Out[0].F
	scale, shift := float32(op.Scale), float32(op.Shift)
	return d.eachRun(len(x), func(_ *workspace, from, end int) {
		to := y[from:end]
		for i, v := range x[from:end] {
			to[i] = float32(scale*v) + shift
		}
	})
}

// add is y = x0 + x1 + ..., from the left.
func (d *Device) add(_ kernels.Add, c call) func() {
	y := c.Out[0].F
	return d.eachRun(len(y), func(w *workspace, from, end int) {
		to := y[from:end]
		d.pass.plus.flat(w, c.In[0].F[from:end], c.In[1].F[from:end], to)
		for _, x := range c.In[2:] {
			d.pass.plus.flat(w, to, x.F[from:end], to)
		}
	})
}

// treeSum adds shards by the binary tree over [0, V) split in the middle.
func (d *Device) treeSum(op kernels.TreeSum, c call) func() {
	x, y := c.In[0].F, c.Out[0].F
	v := c.In[0].Shape()[0]
	if op.Half {
		return d.eachRun(len(y), func(_ *workspace, from, end int) {
			for i := from; i < end; i++ {
				y[i] = treeAddHalf(x, i, len(y), 0, v)
			}
		})
	}
	return d.eachRun(len(y), func(_ *workspace, from, end int) {
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

// treeAddHalf rounds every node to bf16.
func treeAddHalf(x []float32, i, stride, lo, hi int) float32 {
	if hi-lo == 1 {
		return kernels.ToBF16(x[lo*stride+i])
	}
	mid := (lo + hi) / 2
	return kernels.ToBF16(treeAddHalf(x, i, stride, lo, mid) + treeAddHalf(x, i, stride, mid, hi))
}

// copy is y = x.
func (d *Device) copy(_ kernels.Copy, c call) func() {
	x, y := c.In[0].F, c.Out[0].F
	return d.eachRun(len(x), func(_ *workspace, from, end int) { copy(y[from:end], x[from:end]) })
}
