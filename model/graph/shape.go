package graph

import "g2c/kernels"

// MaxPool is max pooling.
func (b *Builder) MaxPool(x *Value, w kernels.Window) *Value {
	rule := func(g Gradient) []*Value {
		s := g.In[0].Shape()
		return []*Value{b.one(kernels.MaxPoolGrad{Window: w, H: s[1], W: s[2]}, nil, nil, g.D, g.Out(1))}
	}
	return b.Apply(kernels.MaxPool{Window: w}, []bool{true}, rule, x)[0]
}

// AvgPool is average pooling.
func (b *Builder) AvgPool(x *Value, w kernels.Window) *Value {
	rule := func(g Gradient) []*Value {
		s := g.In[0].Shape()
		return []*Value{b.one(kernels.AvgPoolGrad{Window: w, H: s[1], W: s[2]}, nil, nil, g.D)}
	}
	return b.one(kernels.AvgPool{Window: w}, []bool{true}, rule, x)
}

// GlobalAvgPool is the mean over all pixels: (N,H,W,C) to (N,C).
func (b *Builder) GlobalAvgPool(x *Value) *Value {
	rule := func(g Gradient) []*Value {
		s := g.In[0].Shape()
		return []*Value{b.one(kernels.GlobalAvgPoolGrad{H: s[1], W: s[2]}, nil, nil, g.D)}
	}
	return b.one(kernels.GlobalAvgPool{}, []bool{true}, rule, x)
}

// ScaleChannels scales each channel of x by s: (N,C).
func (b *Builder) ScaleChannels(x, s *Value) *Value {
	rule := func(g Gradient) []*Value {
		return []*Value{
			b.one(kernels.ScaleChannels{}, nil, nil, g.D, g.In[1]),
			b.one(kernels.ScaleChannelsGradS{}, nil, nil, g.D, g.In[0]),
		}
	}
	return b.one(kernels.ScaleChannels{}, []bool{true, true}, rule, x, s)
}

// GatherBranches puts the features of a sample's branches side by side.
func (b *Builder) GatherBranches(x *Value, branches int) *Value {
	rule := func(g Gradient) []*Value {
		return []*Value{b.one(kernels.ScatterBranches{Branches: branches}, nil, nil, g.D)}
	}
	return b.one(kernels.GatherBranches{Branches: branches}, []bool{true}, rule, x)
}

// ScatterBranches undoes GatherBranches.
func (b *Builder) ScatterBranches(x *Value, branches int) *Value {
	rule := func(g Gradient) []*Value {
		return []*Value{b.one(kernels.GatherBranches{Branches: branches}, nil, nil, g.D)}
	}
	return b.one(kernels.ScatterBranches{Branches: branches}, []bool{true}, rule, x)
}

// Concat puts values side by side along an axis.
func (b *Builder) Concat(axis int, xs ...*Value) *Value {
	if len(xs) == 1 {
		return xs[0]
	}
	diff := make([]bool, len(xs))
	for i := range diff {
		diff[i] = true
	}
	rule := func(g Gradient) []*Value {
		grads, from := make([]*Value, len(g.In)), 0
		for i, x := range g.In {
			to := from + x.Shape()[axis]
			grads[i] = b.one(kernels.Slice{Axis: axis, From: from, To: to}, nil, nil, g.D)
			from = to
		}
		return grads
	}
	return b.one(kernels.Concat{Axis: axis}, diff, rule, xs...)
}

// Slice takes positions from to to of an axis.
func (b *Builder) Slice(x *Value, axis, from, to int) *Value {
	rule := func(g Gradient) []*Value {
		return []*Value{b.one(kernels.SliceGrad{Axis: axis, From: from, Len: g.In[0].Shape()[axis]}, nil, nil, g.D)}
	}
	return b.one(kernels.Slice{Axis: axis, From: from, To: to}, []bool{true}, rule, x)
}
