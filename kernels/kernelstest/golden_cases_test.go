package kernelstest

import (
	"fmt"
	"math"
	"testing"

	"g2c/kernels"
	"g2c/kernels/tolerance"
)

func goldenConvolutions(t *testing.T, all *goldens) {
	for _, c := range []struct {
		name          string
		n, h, w, c, k int
		r, s          int
		kernels.Geometry
	}{
		{"conv1x1", 2, 3, 4, 5, 4, 1, 1, zeros(1, 0, 0)},
		{"conv3x3", 2, 5, 4, 3, 4, 3, 3, zeros(1, 1, 1)},
		{"conv3x3 valid stride", 2, 6, 7, 3, 4, 3, 3, zeros(2, 0, 0)},
		{"conv3x3 stride", 2, 5, 6, 3, 4, 3, 3, zeros(2, 1, 1)},
		{"conv4x4 stride", 2, 7, 6, 3, 4, 4, 4, zeros(2, 1, 1)},
		{"conv4x4", 2, 5, 4, 3, 4, 4, 4, zeros(1, 1, 1)},
		{"conv1x7", 2, 3, 4, 3, 4, 1, 7, zeros(1, 0, 3)},
		{"conv7x1", 2, 4, 3, 3, 4, 7, 1, zeros(1, 3, 0)},
		{"conv3x3 reflect", 2, 3, 4, 3, 4, 3, 3, mirror(1, 1)},
		{"conv7x7 reflect", 2, 4, 5, 3, 4, 7, 7, mirror(1, 3)},
	} {
		g := all.open(t, c.name)
		p, q := c.Out(c.h, c.w, c.r, c.s)
		x, w, b, dy := g.draw(c.n, c.h, c.w, c.c), g.draw(c.k, c.r, c.s, c.c), g.draw(c.k), g.draw(c.n, p, q, c.k)
		two := kernels.Segments{Groups: 1, Shards: 2}
		g.run(kernels.Conv2D{Geometry: c.Geometry}, "y", x, w, b)
		g.run(kernels.Conv2DGradX{Geometry: c.Geometry, H: c.h, W: c.w}, "dx", dy, w)
		g.run(kernels.Conv2DGradW{Geometry: c.Geometry, Segments: two, R: c.r, S: c.s}, "dw", x, dy)
		g.run(kernels.BiasGrad{Segments: two}, "db", dy)
	}
	g := all.open(t, "transposed")
	x, w, dy := g.draw(2, 3, 4, 5), g.draw(5, 4, 4, 3), g.draw(2, 6, 8, 3)
	g.run(kernels.Conv2DGradX{Geometry: zeros(2, 1, 1), H: 6, W: 8}, "y", x, w)
	g.run(kernels.Conv2D{Geometry: zeros(2, 1, 1)}, "dx", dy, w)
	g.run(kernels.Conv2DGradW{Geometry: zeros(2, 1, 1), Segments: whole, R: 4, S: 4}, "dw", dy, x)
}

func goldenNorms(t *testing.T, all *goldens) {
	for _, act := range []kernels.Act{kernels.None, kernels.ReLU, kernels.Leaky} {
		g := all.open(t, "instance norm "+act.String())
		x, res, dy := g.draw(2, 4, 3, 4), g.draw(2, 4, 3, 4), g.draw(2, 4, 3, 4)
		op := kernels.InstanceNorm{Act: act, Eps: instanceEps}
		g.run(op, "y,mean,var", x, res)
		g.run(kernels.InstanceNormGrad(op), "dx", dy, x, g.want("mean"), g.want("var"))
	}
	for _, act := range []kernels.Act{kernels.None, kernels.ReLU} {
		g := all.open(t, "batch norm "+act.String())
		x, gamma, beta, res, dy := g.draw(4, 3, 2, 5), g.draw(5), g.draw(5), g.draw(4, 3, 2, 5), g.draw(4, 3, 2, 5)
		seg := kernels.Segments{Groups: 2, Shards: 2}
		g.run(kernels.BatchNorm{Segments: seg, Act: act, Eps: batchEps}, "y,stats", x, gamma, beta, res)
		in := []tolerance.Tensor{dy, x, gamma, g.want("stats")}
		if act != kernels.None {
			in = append(in, g.want("y"))
		}
		g.run(kernels.BatchNormGrad{Segments: seg, Act: act, Eps: batchEps, Res: true}, "dx,dgamma,dbeta,dres", in...)

		g = all.open(t, "batch norm infer "+act.String())
		x, gamma, beta, mean, variance := g.draw(2, 3, 2, 5), g.draw(5), g.draw(5), g.draw(5), affine(g.draw(5), 0.5, 1)
		g.run(kernels.BatchNormInfer{Act: act, Eps: batchEps}, "y", x, gamma, beta, mean, variance, g.draw(2, 3, 2, 5))
	}
	g := all.open(t, "running stats")
	g.draw(3, 2, 2, 5)
	mean, variance := g.draw(5), affine(g.draw(5), 0.5, 1)
	g.run(kernels.RunningStats{Momentum: 0.1, Shards: 1, Count: 12}, "mean,var", mean, variance, g.want("sums"))
}

func goldenPools(t *testing.T, all *goldens) {
	for _, w := range []kernels.Window{{K: 3, Stride: 2}, {K: 3, Stride: 2, Pad: 1}, {K: 2, Stride: 2}} {
		g := all.open(t, fmt.Sprintf("pool %d %d %d", w.K, w.Stride, w.Pad))
		x := g.draw(2, 6, 5, 4)
		dy := g.draw(2, w.Out(6), w.Out(5), 4)
		g.run(kernels.MaxPool{Window: w}, "max,arg", x)
		arg := g.want("arg")
		arg.Type.DType = kernels.I32
		g.run(kernels.MaxPoolGrad{Window: w, H: 6, W: 5}, "dmax", dy, arg)
		g.run(kernels.AvgPool{Window: w}, "avg", x)
		g.run(kernels.AvgPoolGrad{Window: w, H: 6, W: 5}, "davg", dy)
	}
	g := all.open(t, "global pool")
	g.run(kernels.GlobalAvgPool{}, "y", g.draw(2, 3, 4, 5))
	g.run(kernels.GlobalAvgPoolGrad{H: 3, W: 4}, "dx", g.draw(2, 5))
}

func goldenDense(t *testing.T, all *goldens) {
	g := all.open(t, "linear")
	x, w, b, dy := g.draw(4, 5), g.draw(3, 5), g.draw(3), g.draw(4, 3)
	two := kernels.Segments{Groups: 1, Shards: 2}
	g.run(kernels.Linear{}, "y", x, w, b)
	g.run(kernels.LinearGradX{}, "dx", dy, w)
	g.run(kernels.LinearGradW{Segments: two}, "dw", x, dy)
	g.run(kernels.BiasGrad{Segments: two}, "db", dy)

	g = all.open(t, "scale channels")
	x, s, dy := g.draw(2, 3, 4, 5), g.draw(2, 5), g.draw(2, 3, 4, 5)
	g.run(kernels.ScaleChannels{}, "y", x, s)
	g.run(kernels.ScaleChannels{}, "dx", dy, s)
	g.run(kernels.ScaleChannelsGradS{}, "ds", dy, x)

	g = all.open(t, "branches")
	x = g.draw(6, 4)
	y := g.run(kernels.GatherBranches{Branches: 3}, "y", x)[0]
	back := g.run(kernels.ScatterBranches{Branches: 3}, "", y)
	if err := sameBits([][]float64{back[0].V}, [][]float64{x.V}); err != nil {
		t.Errorf("scatter does not undo gather: %v", err)
	}

	g = all.open(t, "concat")
	a, c, d, dy := g.draw(2, 3, 2, 4), g.draw(2, 3, 2, 1), g.draw(2, 3, 2, 3), g.draw(2, 3, 2, 8)
	g.run(kernels.Concat{Axis: 3}, "y", a, c, d)
	g.run(kernels.Slice{Axis: 3, From: 5, To: 8}, "dlast", dy)
	g.run(kernels.Slice{Axis: 3, From: 4, To: 8}, "part", g.want("y"))
	first := g.run(kernels.Slice{Axis: 3, From: 0, To: 4}, "", dy)
	g.run(kernels.SliceGrad{Axis: 3, From: 4, Len: 8}, "dpart", first[0])
}

func goldenPointwise(t *testing.T, all *goldens) {
	for _, act := range []kernels.Act{kernels.ReLU, kernels.Leaky, kernels.Tanh, kernels.Sigmoid} {
		g := all.open(t, "activation "+act.String())
		x, dy := affine(g.draw(40), 4, 0), g.draw(40)
		y := g.run(kernels.Activation{Act: act}, "y", x)[0]
		g.run(kernels.ActivationGrad{Act: act}, "dx", dy, y)
	}
	g := all.open(t, "sums")
	x := g.draw(4, 7)
	row := func(i int) tolerance.Tensor {
		return tolerance.Tensor{Type: kernels.Real(7), V: x.V[i*7 : (i+1)*7]}
	}
	g.run(kernels.Affine{Scale: 2, Shift: -1}, "affine", x)
	g.run(kernels.Add{}, "add", row(0), row(1), row(2))
	g.run(kernels.TreeSum{}, "tree", x)
	g.run(kernels.Copy{}, "", x)
}

func goldenLosses(t *testing.T, all *goldens) {
	two := kernels.Segments{Groups: 1, Shards: 2}
	g := all.open(t, "losses")
	p, b := g.draw(4, 3, 2, 2), g.draw(4, 3, 2, 2)
	const scale = 1.0 / 48
	g.run(kernels.MSE{Segments: two, Target: 1, Scale: scale}, "mse", p)
	g.run(kernels.MSEGrad{Target: 1, Scale: scale}, "dmse", p, fixedScalar(0.75))
	g.run(kernels.L1{Segments: two, Scale: scale}, "l1", p, b)
	g.run(kernels.L1Grad{Scale: scale}, "dl1", p, b, fixedScalar(0.75))
	for _, gamma := range []float64{0, 1, 2, 2.5} {
		g := all.open(t, fmt.Sprintf("focal %.1f", gamma))
		z := affine(g.draw(4, 3), 3, 0)
		labels := tolerance.Tensor{Type: kernels.Ints(4), V: []float64{0, 1, 2, 0}}
		g.run(kernels.Focal{Segments: two, Gamma: gamma, Scale: 0.25}, "l,p", z, labels)
		g.run(kernels.FocalGrad{Gamma: gamma, Scale: 0.25}, "dz", z, labels, fixedScalar(0.75))
		g.run(kernels.Softmax{}, "p", z)
	}
}

func goldenEntropies(t *testing.T, all *goldens) {
	g := all.open(t, "cross-entropy")
	p := affine(g.draw(4, 3, 2, 2), 32, 0)
	const scale = 1.0 / 48
	for _, target := range []float64{0, 1} {
		g.run(kernels.BCE{Segments: kernels.Segments{Groups: 1, Shards: 2}, Target: target, Scale: scale}, fmt.Sprintf("bce%g", target), p)
		g.run(kernels.BCEGrad{Target: target, Scale: scale}, fmt.Sprintf("dbce%g", target), p, fixedScalar(0.75))
	}
}

func goldenOptimizers(t *testing.T, all *goldens) {
	g := all.open(t, "adam")
	zero := func() tolerance.Tensor { return tolerance.Tensor{Type: kernels.Real(9), V: make([]float64, 9)} }
	state := []tolerance.Tensor{g.draw(9), zero(), zero()}
	b1, b2 := 1.0, 1.0
	for step := range 3 {
		b1, b2 = b1*0.5, b2*0.999
		hyper := tolerance.Tensor{Type: kernels.Real(2), V: []float64{2e-4 / (1 - b1), math.Sqrt(1 - b2)}}
		names := ",,"
		if step == 2 {
			names = "w,m,v"
		}
		state = g.run(kernels.Adam{Beta1: 0.5, Beta2: 0.999, Eps: 1e-8}, names, state[0], state[1], state[2], g.draw(9), hyper)
	}
	g = all.open(t, "sgd")
	state = []tolerance.Tensor{g.draw(9), zero()}
	for step := range 3 {
		names := ","
		if step == 2 {
			names = "w,m"
		}
		state = g.run(kernels.SGD{Momentum: 0.5}, names, state[0], state[1], g.draw(9), tolerance.Tensor{Type: kernels.Real(1), V: []float64{0.01}})
	}
}

func goldenCasts(t *testing.T, all *goldens) {
	g := all.open(t, "cast")
	x := g.draw(64)
	for i := range x.V {
		x.V[i] = math.Ldexp(x.V[i], i-32)
	}
	half := g.run(kernels.Cast{To: kernels.BF16}, "half", x)
	g.run(kernels.Cast{To: kernels.F32}, "half", half[0])
}

// An output padding of 1 is the larger of the two sizes that a stride of 2 leaves open.
func goldenTransposes(t *testing.T, all *goldens) {
	g := all.open(t, "transposed 3x3")
	x, w, dy := g.draw(2, 3, 4, 5), g.draw(5, 3, 3, 4), g.draw(2, 6, 8, 4)
	g.run(kernels.Conv2DGradX{Geometry: zeros(2, 1, 1), H: 6, W: 8}, "y", x, w)
	g.run(kernels.Conv2D{Geometry: zeros(2, 1, 1)}, "dx", dy, w)
	g.run(kernels.Conv2DGradW{Geometry: zeros(2, 1, 1), Segments: whole, R: 3, S: 3}, "dw", dy, x)
}

func goldenPixels(t *testing.T, all *goldens) {
	g := all.open(t, "pixels")
	raw, jitter := g.draw(2, 6, 6, 3), affine(g.draw(2, 2), 0.5, 1)
	for i, v := range raw.V {
		raw.V[i] = math.Floor((v + 1) * 128)
	}
	raw.Type.DType = kernels.U8
	place := tolerance.Tensor{Type: kernels.Ints(2, 4), V: []float64{1, 2, 1, 0, 2, 0, 0, 1}}
	g.run(kernels.Pixels{Size: 4}, "plain", raw, place)
	g.run(kernels.Pixels{Size: 4, Jitter: true}, "jittered", raw, place, jitter)
}

func goldenBaselines(t *testing.T, all *goldens) {
	for _, w := range []kernels.Window{{K: 3, Stride: 2, Ceil: true}, {K: 3, Stride: 2, Pad: 1, Ceil: true}, {K: 2, Stride: 3, Ceil: true}} {
		g := all.open(t, fmt.Sprintf("ceil pool %d %d %d", w.K, w.Stride, w.Pad))
		x := g.draw(2, 8, 6, 4)
		dy := g.draw(2, w.Out(8), w.Out(6), 4)
		g.run(kernels.MaxPool{Window: w}, "max,arg", x)
		arg := g.want("arg")
		arg.Type.DType = kernels.I32
		g.run(kernels.MaxPoolGrad{Window: w, H: 8, W: 6}, "dmax", dy, arg)
		g.run(kernels.AvgPool{Window: w}, "avg", x)
		g.run(kernels.AvgPoolGrad{Window: w, H: 8, W: 6}, "davg", dy)
	}
	for _, c := range []struct {
		name string
		op   kernels.Op
		lr   float64
	}{{"adagrad", kernels.Adagrad{Eps: 1e-10}, 0.001}, {"sgd decay", kernels.SGD{Momentum: 0.5}, 0.01}} {
		g := all.open(t, c.name)
		state := []tolerance.Tensor{g.draw(9), {Type: kernels.Real(9), V: make([]float64, 9)}}
		for step := range 3 {
			names := ","
			if step == 2 {
				names = "w,s"
			}
			decayed := g.run(kernels.WeightDecay{Rate: 0.004}, "", g.draw(9), state[0])
			state = g.run(c.op, names, state[0], state[1], decayed[0], tolerance.Tensor{Type: kernels.Real(1), V: []float64{c.lr}})
		}
	}
}

func goldenInsides(t *testing.T, all *goldens) {
	for _, w := range []kernels.Window{{K: 3, Stride: 1, Pad: 1, Inside: true}, {K: 3, Stride: 2, Pad: 1, Inside: true}, {K: 2, Stride: 2, Pad: 1, Ceil: true, Inside: true}} {
		g := all.open(t, fmt.Sprintf("inside pool %d %d %d", w.K, w.Stride, w.Pad))
		x, dy := g.draw(2, 7, 6, 4), g.draw(2, w.Out(7), w.Out(6), 4)
		g.run(kernels.AvgPool{Window: w}, "y", x)
		g.run(kernels.AvgPoolGrad{Window: w, H: 7, W: 6}, "dx", dy)
	}
}
