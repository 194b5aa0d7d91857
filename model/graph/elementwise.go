package graph

import "g2c/kernels"

// Activate applies an activation.
func (b *Builder) Activate(x *Value, act kernels.Act) *Value {
	rule := func(g Gradient) []*Value {
		return []*Value{b.one(kernels.ActivationGrad{Act: act}, nil, nil, g.D, g.Out(0))}
	}
	return b.one(kernels.Activation{Act: act}, []bool{true}, rule, x)
}

// Affine is scale*x + shift.
func (b *Builder) Affine(x *Value, scale, shift float64) *Value {
	rule := func(g Gradient) []*Value {
		return []*Value{b.one(kernels.Affine{Scale: scale}, nil, nil, g.D)}
	}
	return b.one(kernels.Affine{Scale: scale, Shift: shift}, []bool{true}, rule, x)
}

// Add is the sum of values of one shape.
func (b *Builder) Add(xs ...*Value) *Value {
	if len(xs) == 1 {
		return xs[0]
	}
	diff := make([]bool, len(xs))
	for i := range diff {
		diff[i] = true
	}
	rule := func(g Gradient) []*Value {
		grads := make([]*Value, len(g.In))
		for i := range grads {
			grads[i] = g.D
		}
		return grads
	}
	return b.one(kernels.Add{}, diff, rule, xs...)
}

// TreeSum adds the shards' partials: (V,...) to (...).
func (b *Builder) TreeSum(x *Value) *Value { return b.treeSum(kernels.TreeSum{}, x) }

func (b *Builder) treeSum(k kernels.TreeSum, x *Value) *Value {
	rule := func(g Gradient) []*Value { return []*Value{b.Replicate(g.D)} }
	return b.one(k, []bool{true}, rule, x)
}

// Pixels crops, flips and, where jitter is not nil, jitters 8-bit images.
func (b *Builder) Pixels(pixels, place, jitter *Value, size int) *Value {
	k := kernels.Pixels{Size: size, Jitter: jitter != nil}
	if jitter == nil {
		return b.one(k, nil, nil, pixels, place)
	}
	return b.one(k, nil, nil, pixels, place, jitter)
}
