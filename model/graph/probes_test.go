package graph

import (
	"fmt"

	"g2c/kernels"
)

func zeroPad(stride, h, w int) kernels.Geometry {
	return kernels.Geometry{Stride: stride, PadH: h, PadW: w}
}

func mirrored(stride, pad int) kernels.Geometry {
	return kernels.Geometry{Stride: stride, PadH: pad, PadW: pad, Mode: kernels.Reflect}
}

// probes lists a probe for every rule and every way to arrange samples.
func probes() []probe {
	var ps []probe
	for _, shards := range []int{1, 2, 4} {
		for _, groups := range []int{1, 2, 3} {
			n := shards * groups
			if groups == 1 {
				n *= 2 // two samples a shard
			}
			ps = append(ps, layers(shards, groups, n)...)
		}
		ps = append(ps, losses(shards)...)
		ps = append(ps, pointwise(shards)...)
		ps = append(ps, shared(shards)...)
	}
	return ps
}

// layers are operations with parameters, over n samples.
func layers(shards, groups, n int) []probe {
	var ps []probe
	add := func(name string, define func(in *inputs) *Value) {
		ps = append(ps, probe{fmt.Sprintf("%s groups=%d", name, groups), shards, define})
	}
	add("conv", func(in *inputs) *Value {
		return in.Conv2D(in.act("x", n, 4, 3, 2), in.param("w", 3, 3, 3, 2), in.param("b", 3), zeroPad(1, 1, 1), groups)
	})
	add("conv reflect", func(in *inputs) *Value {
		return in.Conv2D(in.act("x", n, 3, 2, 2), in.param("w", 2, 3, 3, 2), nil, mirrored(1, 1), groups)
	})
	add("conv stride", func(in *inputs) *Value {
		return in.Conv2D(in.act("x", n, 5, 4, 2), in.param("w", 3, 4, 4, 2), in.param("b", 3), zeroPad(2, 1, 1), groups)
	})
	add("conv transposed", func(in *inputs) *Value {
		return in.ConvTranspose2D(in.act("x", n, 2, 3, 2), in.param("w", 2, 4, 4, 3), zeroPad(2, 1, 1), 4, 6, groups)
	})
	add("linear", func(in *inputs) *Value {
		return in.Linear(in.act("x", n, 3), in.param("w", 4, 3), in.param("b", 4), groups)
	})
	for _, act := range []kernels.Act{kernels.None, kernels.ReLU} {
		add("batch norm "+act.String(), func(in *inputs) *Value {
			y, _ := in.BatchNorm(in.act("x", n, 2, 3, 2), in.param("gamma", 2), in.param("beta", 2), nil, act, 1e-3, groups)
			return y
		})
		add("batch norm residual "+act.String(), func(in *inputs) *Value {
			y, _ := in.BatchNorm(in.act("x", n, 2, 3, 2), in.param("gamma", 2), in.param("beta", 2), in.act("res", n, 2, 3, 2), act, 1e-3, groups)
			return y
		})
	}
	return ps
}

func losses(shards int) []probe {
	n := 2 * shards
	ps := []probe{
		{"mse", shards, func(in *inputs) *Value { return in.MSE(in.act("x", n, 2, 2, 1), 1, 3) }},
		{"bce", shards, func(in *inputs) *Value { return in.BCE(in.act("x", n, 2, 2, 1), 1, 3) }},
		{"bce of fakes", shards, func(in *inputs) *Value { return in.BCE(in.act("x", n, 2, 2, 1), 0, 0.5) }},
		{"l1", shards, func(in *inputs) *Value { return in.L1(in.act("x", n, 2, 2, 2), in.data("y", n, 2, 2, 2), 5) }},
	}
	for _, gamma := range []float64{0, 1, 2, 2.5} {
		ps = append(ps, probe{fmt.Sprintf("focal gamma=%g", gamma), shards, func(in *inputs) *Value {
			loss, _ := in.Focal(in.act("z", n, 3), in.labels("labels", n, 3), gamma, n)
			return loss
		}})
	}
	return ps
}

// pointwise are the operations without parameters; all but pooling are the same
// for every shard, but their samples must be.
func pointwise(shards int) []probe {
	n := shards
	x := func(in *inputs) *Value { return in.act("x", n, 5, 4, 2) }
	ps := []probe{
		{"affine", shards, func(in *inputs) *Value { return in.Affine(x(in), 2, -1) }},
		{"add", shards, func(in *inputs) *Value { return in.Add(x(in), in.act("y", n, 5, 4, 2), in.act("z", n, 5, 4, 2)) }},
		{"max pool", shards, func(in *inputs) *Value { return in.MaxPool(x(in), kernels.Window{K: 3, Stride: 2, Pad: 1}) }},
		{"avg pool", shards, func(in *inputs) *Value { return in.AvgPool(x(in), kernels.Window{K: 3, Stride: 2, Pad: 1}) }},
		{"global avg pool", shards, func(in *inputs) *Value { return in.GlobalAvgPool(x(in)) }},
		{"scale channels", shards, func(in *inputs) *Value { return in.ScaleChannels(x(in), in.act("s", n, 2)) }},
		{"gather branches", shards, func(in *inputs) *Value { return in.GatherBranches(in.act("x", 3*n, 2), 3) }},
		{"scatter branches", shards, func(in *inputs) *Value { return in.ScatterBranches(in.act("x", n, 6), 3) }},
		{"concat channels", shards, func(in *inputs) *Value { return in.Concat(3, x(in), in.act("y", n, 5, 4, 3)) }},
		{"concat samples", shards, func(in *inputs) *Value { return in.Concat(0, x(in), in.act("y", 2*n, 5, 4, 2)) }},
		{"slice", shards, func(in *inputs) *Value { // the rest of x is used too
			v := x(in)
			return in.Concat(1, in.Slice(v, 1, 1, 3), in.Affine(v, 0.5, 0))
		}},
	}
	for _, act := range []kernels.Act{kernels.ReLU, kernels.Leaky, kernels.Tanh, kernels.Sigmoid} {
		ps = append(ps, probe{"activation " + act.String(), shards, func(in *inputs) *Value { return in.Activate(x(in), act) }})
	}
	for _, act := range []kernels.Act{kernels.None, kernels.ReLU, kernels.Leaky} {
		ps = append(ps,
			probe{"instance norm " + act.String(), shards, func(in *inputs) *Value { return in.InstanceNorm(x(in), nil, act, 1e-5) }},
			probe{"instance norm residual " + act.String(), shards, func(in *inputs) *Value {
				return in.InstanceNorm(x(in), in.act("res", n, 5, 4, 2), act, 1e-5)
			}})
	}
	return ps
}

// shared are values with several uses: their gradients are sums.
func shared(shards int) []probe {
	n := 2 * shards
	return []probe{
		{"a weight used twice", shards, func(in *inputs) *Value {
			w := in.param("w", 2, 3, 3, 2)
			return in.Conv2D(in.Conv2D(in.act("x", n, 3, 3, 2), w, nil, zeroPad(1, 1, 1), 1), w, nil, zeroPad(1, 1, 1), 1)
		}},
		{"an activation used three times", shards, func(in *inputs) *Value {
			x := in.act("x", n, 3)
			return in.Concat(1, in.Activate(x, kernels.Tanh), in.Affine(x, 0.5, 1), x)
		}},
		{"an operand twice", shards, func(in *inputs) *Value {
			x := in.act("x", n, 3)
			return in.Add(x, x, in.Activate(x, kernels.Sigmoid))
		}},
		{"a residual of its own", shards, func(in *inputs) *Value {
			x := in.act("x", n, 3, 3, 2)
			return in.InstanceNorm(x, x, kernels.ReLU, 1e-5)
		}},
		{"a shortcut around batch norm", shards, func(in *inputs) *Value {
			x := in.act("x", n, 2, 2, 2)
			y, _ := in.BatchNorm(x, in.param("gamma", 2), in.param("beta", 2), x, kernels.ReLU, 1e-3, 1)
			return in.Add(y, x)
		}},
		{"a tuple used twice", shards, func(in *inputs) *Value {
			y := in.MaxPool(in.act("x", n, 4, 4, 2), kernels.Window{K: 2, Stride: 2})
			return in.Concat(3, in.Activate(y, kernels.Tanh), in.Affine(y, 2, 0))
		}},
		{"attention", shards, func(in *inputs) *Value {
			x := in.act("x", 2*n, 2, 2, 2)
			q := in.GatherBranches(in.GlobalAvgPool(x), 2)
			q = in.Activate(in.Linear(q, in.param("w", 4, 4), in.param("b", 4), 1), kernels.Sigmoid)
			return in.ScaleChannels(x, in.ScatterBranches(q, 2))
		}},
		{"three losses of one image", shards, func(in *inputs) *Value {
			x := in.act("x", n, 2, 2, 3)
			y := in.Activate(in.Conv2D(x, in.param("w", 3, 1, 1, 3), in.param("b", 3), zeroPad(1, 0, 0), 1), kernels.Tanh)
			data := in.data("data", n, 2, 2, 3)
			return in.Add(in.MSE(y, 1, 1), in.L1(y, data, 10), in.L1(x, data, 5))
		}},
	}
}
