package graph

import "g2c/kernels"

// MSE is weight times the mean over the batch of (p - target)^2: a scalar.
func (b *Builder) MSE(p *Value, target, weight float64) *Value {
	scale := weight / float64(p.Shape().Len())
	k := kernels.MSE{Segments: b.segments(1), Target: target, Scale: scale}
	rule := func(g Gradient) []*Value {
		return []*Value{b.one(kernels.MSEGrad{Target: target, Scale: scale}, nil, nil, g.In[0], g.D)}
	}
	return b.TreeSum(b.one(k, []bool{true}, rule, p))
}

// BCE is weight times the mean over the batch of the binary cross-entropy of logits p and
// one target: a scalar.
func (b *Builder) BCE(p *Value, target, weight float64) *Value {
	scale := weight / float64(p.Shape().Len())
	k := kernels.BCE{Segments: b.segments(1), Target: target, Scale: scale}
	rule := func(g Gradient) []*Value {
		return []*Value{b.one(kernels.BCEGrad{Target: target, Scale: scale}, nil, nil, g.In[0], g.D)}
	}
	return b.TreeSum(b.one(k, []bool{true}, rule, p))
}

// L1 is weight times the mean over the batch of |x - data|: a scalar. data has no
// gradient.
func (b *Builder) L1(x, data *Value, weight float64) *Value {
	scale := weight / float64(x.Shape().Len())
	k := kernels.L1{Segments: b.segments(1), Scale: scale}
	rule := func(g Gradient) []*Value {
		return []*Value{b.one(kernels.L1Grad{Scale: scale}, nil, nil, g.In[0], g.In[1], g.D), nil}
	}
	return b.TreeSum(b.one(k, []bool{true, false}, rule, x, data))
}

// Focal is the focal loss over a global batch of the given size, a scalar, and
// the class probabilities.
func (b *Builder) Focal(logits, labels *Value, gamma float64, batch int) (loss, p *Value) {
	scale := 1 / float64(batch)
	k := kernels.Focal{Segments: b.segments(1), Gamma: gamma, Scale: scale}
	rule := func(g Gradient) []*Value {
		return []*Value{b.one(kernels.FocalGrad{Gamma: gamma, Scale: scale}, nil, nil, g.In[0], g.In[1], g.D), nil}
	}
	out := b.Apply(k, []bool{true, false}, rule, logits, labels)
	return b.TreeSum(out[0]), out[1]
}

// Softmax is the class probabilities, without a gradient.
func (b *Builder) Softmax(logits *Value) *Value {
	return b.one(kernels.Softmax{}, nil, nil, logits)
}
