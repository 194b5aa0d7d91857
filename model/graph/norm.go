package graph

import "g2c/kernels"

// InstanceNorm normalises each image and channel, applies act and adds res
// unless it is nil.
func (b *Builder) InstanceNorm(x, res *Value, act kernels.Act, eps float64) *Value {
	k := kernels.InstanceNorm{Act: act, Eps: eps}
	rule := func(g Gradient) []*Value {
		d := b.one(kernels.InstanceNormGrad(k), nil, nil, g.D, g.In[0], g.Out(1), g.Out(2))
		if len(g.In) == 2 {
			return []*Value{d, g.D}
		}
		return []*Value{d}
	}
	if res == nil {
		return b.Apply(k, []bool{true}, rule, x)[0]
	}
	return b.Apply(k, []bool{true, true}, rule, x, res)[0]
}

// BatchNorm normalises over the shards' samples and pixels, adds res unless it
// is nil and applies act. stats are the shards' means and variances.
func (b *Builder) BatchNorm(x, gamma, beta, res *Value, act kernels.Act, eps float64, groups int) (y, stats *Value) {
	k := kernels.BatchNorm{Segments: b.segments(groups), Act: act, Eps: eps}
	rule := func(g Gradient) []*Value {
		grad := kernels.BatchNormGrad{Segments: k.Segments, Act: act, Eps: eps, Res: len(g.In) == 4}
		in := []*Value{g.D, g.In[0], g.In[1], g.Out(1)}
		if act != kernels.None {
			in = append(in, g.Out(0))
		}
		return b.Apply(grad, nil, nil, in...)
	}
	in, diff := []*Value{x, gamma, beta}, []bool{true, true, true}
	if res != nil {
		in, diff = append(in, res), append(diff, true)
	}
	out := b.Apply(k, diff, rule, in...)
	return out[0], out[1]
}

// BatchNormInfer is batch norm in evaluation mode, without a gradient.
func (b *Builder) BatchNormInfer(x, gamma, beta, mean, variance, res *Value, act kernels.Act, eps float64) *Value {
	in := []*Value{x, gamma, beta, mean, variance}
	if res != nil {
		in = append(in, res)
	}
	return b.one(kernels.BatchNormInfer{Act: act, Eps: eps}, nil, nil, in...)
}
