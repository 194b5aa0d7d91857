package graph

import "g2c/kernels"

// Conv2D is a convolution of x by w, plus bias unless it is nil. Samples are
// groups × shards (see kernels.Segments).
func (b *Builder) Conv2D(x, w, bias *Value, geometry kernels.Geometry, groups int) *Value {
	k := kernels.Conv2D{Geometry: geometry}
	rule := func(g Gradient) []*Value {
		grads := []*Value{b.convGradX(g.D, g.In[1], geometry, g.In[0].Shape()), b.convGradW(g.In[0], g.D, geometry, groups, g.In[1].Shape())}
		if len(g.In) == 3 {
			grads = append(grads, b.biasGrad(g.D, groups))
		}
		return grads
	}
	if bias == nil {
		return b.one(k, []bool{true, true}, rule, x, w)
	}
	return b.one(k, []bool{true, true, true}, rule, x, w, bias)
}

// ConvTranspose2D is a transposed convolution of x: (N,P,Q,K) by w: (K,R,S,C) to
// (N,h,wd,C).
func (b *Builder) ConvTranspose2D(x, w *Value, geometry kernels.Geometry, h, wd, groups int) *Value {
	k := kernels.Conv2DGradX{Geometry: geometry, H: h, W: wd}
	rule := func(g Gradient) []*Value {
		return []*Value{
			b.one(kernels.Conv2D{Geometry: geometry}, nil, nil, g.D, g.In[1]),
			b.convGradW(g.D, g.In[0], geometry, groups, g.In[1].Shape()),
		}
	}
	return b.one(k, []bool{true, true}, rule, x, w)
}

func (b *Builder) convGradX(d, w *Value, geometry kernels.Geometry, x kernels.Shape) *Value {
	return b.one(kernels.Conv2DGradX{Geometry: geometry, H: x[1], W: x[2]}, nil, nil, d, w)
}

func (b *Builder) convGradW(x, d *Value, geometry kernels.Geometry, groups int, w kernels.Shape) *Value {
	return b.one(kernels.Conv2DGradW{Geometry: geometry, Segments: b.segments(groups), R: w[1], S: w[2]}, nil, nil, x, d)
}

func (b *Builder) biasGrad(d *Value, groups int) *Value {
	return b.one(kernels.BiasGrad{Segments: b.segments(groups)}, nil, nil, d)
}

func (b *Builder) segments(groups int) kernels.Segments {
	return kernels.Segments{Groups: groups, Shards: b.Shards}
}

// Linear is a fully connected layer.
func (b *Builder) Linear(x, w, bias *Value, groups int) *Value {
	rule := func(g Gradient) []*Value {
		return []*Value{
			b.one(kernels.LinearGradX{}, nil, nil, g.D, g.In[1]),
			b.one(kernels.LinearGradW{Segments: b.segments(groups)}, nil, nil, g.In[0], g.D),
			b.biasGrad(g.D, groups),
		}
	}
	return b.one(kernels.Linear{}, []bool{true, true, true}, rule, x, w, bias)
}
