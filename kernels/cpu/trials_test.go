package cpu

import "g2c/kernels"

var (
	one  = kernels.Segments{Groups: 1, Shards: 1}
	real = kernels.Real
)

// convTrials are convolutions of every kind: odd sizes, few and many channels,
// both paddings, strides, one row or column of taps.
func convTrials() []trial {
	var ts []trial
	for _, c := range []struct {
		n, h, w, c, k, r, s int
		g                   kernels.Geometry
	}{
		{1, 5, 7, 16, 16, 3, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1, Mode: kernels.Reflect}},
		{2, 6, 5, 17, 33, 3, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1, Mode: kernels.Reflect}},
		{2, 9, 8, 3, 20, 7, 7, kernels.Geometry{Stride: 1, PadH: 3, PadW: 3, Mode: kernels.Reflect}},
		{1, 9, 11, 20, 3, 7, 7, kernels.Geometry{Stride: 1, PadH: 3, PadW: 3, Mode: kernels.Reflect}},
		{2, 8, 8, 16, 32, 3, 3, kernels.Geometry{Stride: 2, PadH: 1, PadW: 1}},
		{1, 9, 7, 18, 5, 4, 4, kernels.Geometry{Stride: 2, PadH: 1, PadW: 1}},
		{3, 5, 5, 24, 1, 4, 4, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}},
		{2, 4, 6, 40, 70, 1, 1, kernels.Geometry{Stride: 1}},
		{1, 5, 5, 19, 7, 1, 1, kernels.Geometry{Stride: 2}},
		{1, 4, 9, 16, 16, 1, 7, kernels.Geometry{Stride: 1, PadW: 3}},
		{1, 9, 4, 16, 16, 7, 1, kernels.Geometry{Stride: 1, PadH: 3}},
		{1, 7, 7, 2, 3, 3, 3, kernels.Geometry{Stride: 3, PadH: 2, PadW: 1, Mode: kernels.Reflect}},
		{2, 1, 1, 1, 1, 1, 1, kernels.Geometry{Stride: 1}},
		{2, 6, 34, 5, 3, 7, 7, kernels.Geometry{Stride: 1, PadH: 3, PadW: 3, Mode: kernels.Reflect}},
		{1, 5, 41, 3, 18, 7, 7, kernels.Geometry{Stride: 1, PadH: 3, PadW: 3, Mode: kernels.Reflect}},
		{2, 4, 70, 6, 20, 4, 4, kernels.Geometry{Stride: 2, PadH: 1, PadW: 1}},
		{3, 40, 30, 72, 2, 1, 3, kernels.Geometry{Stride: 1, PadW: 1}}, // more planes than are there at once
		{2, 12, 11, 20, 3, 7, 7, kernels.Geometry{Stride: 1, PadH: 3, PadW: 3}},
		{1, 6, 60, 17, 1, 4, 4, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}},
		{4, 2, 3, 128, 6, 3, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}},
		// By squares: squares partly outside, panels that are not whole, more squares
		// than are there at once, in one shard and in two.
		{2, 9, 6, 32, 40, 3, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1, Mode: kernels.Reflect}},
		{1, 4, 8, 72, 48, 3, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1, Mode: kernels.Reflect}},
		{1, 5, 5, 40, 88, 3, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}},
		{2, 9, 10, 32, 32, 3, 3, kernels.Geometry{Stride: 1}},
		{1, 6, 3, 48, 32, 3, 3, kernels.Geometry{Stride: 1, PadH: 2, PadW: 1}},
		{3, 19, 24, 32, 32, 3, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}},
		{4, 28, 20, 32, 32, 3, 3, kernels.Geometry{Stride: 1, PadH: 1, PadW: 1, Mode: kernels.Reflect}},
	} {
		x, w := real(c.n, c.h, c.w, c.c), real(c.k, c.r, c.s, c.c)
		p, q := c.g.Out(c.h, c.w, c.r, c.s)
		y := real(c.n, p, q, c.k)
		seg := one
		if c.n%2 == 0 {
			seg.Shards = 2
		}
		ts = append(ts,
			trial{op: kernels.Conv2D{Geometry: c.g}, in: []kernels.Type{x, w, real(c.k)}},
			trial{op: kernels.Conv2D{Geometry: c.g}, in: []kernels.Type{x, w}},
			trial{op: kernels.Conv2DGradX{Geometry: c.g, H: c.h, W: c.w}, in: []kernels.Type{y, w}},
			trial{op: kernels.Conv2DGradW{Geometry: c.g, Segments: seg, R: c.r, S: c.s}, in: []kernels.Type{x, y}})
		if c.n == 4 {
			seg = kernels.Segments{Groups: 2, Shards: 2}
			ts = append(ts, trial{op: kernels.Conv2DGradW{Geometry: c.g, Segments: seg, R: c.r, S: c.s}, in: []kernels.Type{x, y}})
		}
	}
	return ts
}

// normTrials are normalisations, whose sums span chunks of pixels, samples and
// groups.
func normTrials() []trial {
	x, v := real(4, 9, 15, 5), real(5)
	seg := kernels.Segments{Groups: 2, Shards: 2}
	ts := []trial{
		{op: kernels.BatchNormInfer{Act: kernels.ReLU, Eps: 10}, in: []kernels.Type{x, v, v, v, v, x}},
		{op: kernels.RunningStats{Momentum: 0.1, Shards: 2, Count: 9}, in: []kernels.Type{v, v, real(2, 5)}},
		{op: kernels.BiasGrad{Segments: seg}, in: []kernels.Type{x}},
		{op: kernels.BiasGrad{Segments: seg}, in: []kernels.Type{real(4, 3)}},
	}
	large, each := real(3, 40, 41, 41), real(3, 41) // more than a window
	ts = append(ts,
		trial{op: kernels.InstanceNorm{Act: kernels.ReLU, Eps: 1e-5}, in: []kernels.Type{large}},
		trial{op: kernels.InstanceNormGrad{Act: kernels.ReLU, Eps: 8}, in: []kernels.Type{large, large, each, each}})
	for _, act := range []kernels.Act{kernels.None, kernels.ReLU, kernels.Leaky} {
		i := kernels.InstanceNorm{Act: act, Eps: 1e-5}
		ts = append(ts, trial{op: i, in: []kernels.Type{x}}, trial{op: i, in: []kernels.Type{x, x}},
			trial{op: kernels.InstanceNormGrad{Act: act, Eps: 8}, in: []kernels.Type{x, x, real(4, 5), real(4, 5)}})
		if act == kernels.Leaky {
			continue
		}
		b := kernels.BatchNorm{Segments: seg, Act: act, Eps: 1e-5}
		grad := []kernels.Type{x, x, v, real(2, 2, 5)}
		if act != kernels.None {
			grad = append(grad, x)
		}
		ts = append(ts, trial{op: b, in: []kernels.Type{x, v, v}}, trial{op: b, in: []kernels.Type{x, v, v, x}},
			trial{op: kernels.BatchNormGrad{Segments: seg, Act: act, Eps: 8}, in: grad},
			trial{op: kernels.BatchNormGrad{Segments: seg, Act: act, Eps: 8, Res: true}, in: grad})
	}
	return ts
}

// otherTrials are all the rest.
func otherTrials() []trial {
	x, flat := real(2, 5, 7, 3), real(3, 5000)
	seg := kernels.Segments{Groups: 2, Shards: 2}
	ts := []trial{
		{op: kernels.MaxPool{Window: kernels.Window{K: 3, Stride: 2, Pad: 1}}, in: []kernels.Type{x}},
		{op: kernels.MaxPool{Window: kernels.Window{K: 3, Stride: 2}}, in: []kernels.Type{real(2, 6, 7, 43)}},
		{op: kernels.AvgPool{Window: kernels.Window{K: 3, Stride: 1, Pad: 1}}, in: []kernels.Type{x}},
		{op: kernels.AvgPool{Window: kernels.Window{K: 2, Stride: 3}}, in: []kernels.Type{x}},
		{op: kernels.AvgPoolGrad{Window: kernels.Window{K: 3, Stride: 2, Pad: 1}, H: 5, W: 7}, in: []kernels.Type{real(2, 3, 4, 3)}},
		{op: kernels.AvgPoolGrad{Window: kernels.Window{K: 2, Stride: 3}, H: 5, W: 7}, in: []kernels.Type{real(2, 2, 2, 3)}},
		{op: kernels.MaxPoolGrad{Window: kernels.Window{K: 5, Stride: 1}, H: 5, W: 5}, in: []kernels.Type{real(2, 1, 1, 27), kernels.Ints(2, 1, 1, 27)}, ints: 25},
		{op: kernels.AvgPool{Window: kernels.Window{K: 3, Stride: 2, Ceil: true}}, in: []kernels.Type{real(2, 6, 8, 17)}},
		{op: kernels.AvgPoolGrad{Window: kernels.Window{K: 3, Stride: 2, Ceil: true}, H: 6, W: 8}, in: []kernels.Type{real(2, 3, 4, 17)}},
		{op: kernels.GlobalAvgPool{}, in: []kernels.Type{x}},
		{op: kernels.GlobalAvgPoolGrad{H: 3, W: 5}, in: []kernels.Type{real(2, 3)}},
		{op: kernels.Linear{}, in: []kernels.Type{real(5, 37), real(19, 37), real(19)}},
		{op: kernels.LinearGradX{}, in: []kernels.Type{real(5, 19), real(19, 37)}},
		{op: kernels.LinearGradW{Segments: seg}, in: []kernels.Type{real(8, 37), real(8, 19)}},
		{op: kernels.ScaleChannels{}, in: []kernels.Type{x, real(2, 3)}},
		{op: kernels.ScaleChannelsGradS{}, in: []kernels.Type{real(2, 9, 15, 3), real(2, 9, 15, 3)}},
		{op: kernels.GatherBranches{Branches: 3}, in: []kernels.Type{real(6, 5)}},
		{op: kernels.ScatterBranches{Branches: 3}, in: []kernels.Type{real(2, 15)}},
		{op: kernels.Concat{Axis: 3}, in: []kernels.Type{x, real(2, 5, 7, 1), x}},
		{op: kernels.Concat{Axis: 0}, in: []kernels.Type{x, real(1, 5, 7, 3)}},
		{op: kernels.Slice{Axis: 3, From: 1, To: 3}, in: []kernels.Type{x}},
		{op: kernels.SliceGrad{Axis: 1, From: 2, Len: 9}, in: []kernels.Type{x}},
		{op: kernels.Affine{Scale: 2, Shift: -1}, in: []kernels.Type{flat}},
		{op: kernels.Add{}, in: []kernels.Type{flat, flat, flat}},
		{op: kernels.TreeSum{}, in: []kernels.Type{flat}},
		{op: kernels.Copy{}, in: []kernels.Type{flat}},
		{op: kernels.MSE{Segments: seg, Target: 1, Scale: 0.5}, in: []kernels.Type{real(8, 5, 7, 1)}},
		{op: kernels.MSEGrad{Target: 1, Scale: 0.5}, in: []kernels.Type{flat, real()}},
		{op: kernels.BCE{Segments: seg, Target: 1, Scale: 0.5}, in: []kernels.Type{real(8, 5, 7, 1)}},
		{op: kernels.BCEGrad{Target: 1, Scale: 0.5}, in: []kernels.Type{flat, real()}},
		{op: kernels.L1{Segments: seg, Scale: 10}, in: []kernels.Type{real(8, 5, 7, 3), real(8, 5, 7, 3)}},
		{op: kernels.L1Grad{Scale: 10}, in: []kernels.Type{flat, flat, real()}},
		{op: kernels.Focal{Segments: seg, Gamma: 2, Scale: 0.25}, in: []kernels.Type{real(8, 4), kernels.Ints(8)}, ints: 4},
		{op: kernels.FocalGrad{Gamma: 1.5, Scale: 0.25}, in: []kernels.Type{real(8, 4), kernels.Ints(8), real()}, ints: 4},
		{op: kernels.Softmax{}, in: []kernels.Type{real(8, 4)}},
		{op: kernels.SGD{Momentum: 0.9}, in: []kernels.Type{flat, flat, flat, real(1)}},
		{op: kernels.Adagrad{Eps: 1e-10}, in: []kernels.Type{flat, flat, flat, real(1)}},
		{op: kernels.WeightDecay{Rate: 0.004}, in: []kernels.Type{flat, flat}},
		{op: kernels.Pixels{Size: 4}, in: []kernels.Type{kernels.Bytes(3, 5, 5, 3), kernels.Ints(3, 4)}, ints: 2},
		{op: kernels.Pixels{Size: 4, Jitter: true}, in: []kernels.Type{kernels.Bytes(3, 5, 5, 3), kernels.Ints(3, 4), real(3, 2)}, ints: 2},
	}
	for _, act := range []kernels.Act{kernels.ReLU, kernels.Leaky, kernels.Tanh, kernels.Sigmoid} {
		ts = append(ts, trial{op: kernels.Activation{Act: act}, in: []kernels.Type{flat}},
			trial{op: kernels.ActivationGrad{Act: act}, in: []kernels.Type{flat, flat}})
	}
	return append(ts, adamTrial)
}

var adamTrial = trial{op: kernels.Adam{Beta1: 0.5, Beta2: 0.999, Eps: 1e-8},
	in: []kernels.Type{real(3, 5000), real(3, 5000), real(3, 5000), real(3, 5000), real(2)}}

func allTrials() []trial { return append(append(convTrials(), normTrials()...), otherTrials()...) }
