package nn

import (
	"g2c/kernels"
	"g2c/model/graph"
)

// Epsilons of the normalisations: torch.nn.InstanceNorm2d's default, and
// Inception-v4's for batch norm.
const (
	InstanceEps = 1e-5
	BatchEps    = 1e-3
)

// zero and reflect are square geometries.
func zero(stride, pad int) kernels.Geometry {
	return kernels.Geometry{Stride: stride, PadH: pad, PadW: pad}
}

func reflect(pad int) kernels.Geometry {
	return kernels.Geometry{Stride: 1, PadH: pad, PadW: pad, Mode: kernels.Reflect}
}

// Conv is a convolution to k channels with an r×s kernel; its parameter is
// name.weight. One that a norm follows has no bias, which would do nothing.
func (s *Scope) Conv(name string, x *graph.Value, k, r, sw int, g kernels.Geometry) *graph.Value {
	return s.B.Conv2D(x, s.convWeight(name, x, k, r, sw), nil, g, s.Groups)
}

// ConvBias is Conv with a bias.
func (s *Scope) ConvBias(name string, x *graph.Value, k, r, sw int, g kernels.Geometry) *graph.Value {
	bias := s.Param(name+".bias", Zeros, 0, k)
	return s.B.Conv2D(x, s.convWeight(name, x, k, r, sw), bias, g, s.Groups)
}

func (s *Scope) convWeight(name string, x *graph.Value, k, r, sw int) *graph.Value {
	c := x.Shape()[3]
	return s.Param(name+".weight", s.Weights, r*sw*c, k, r, sw, c)
}

// ConvTranspose is an r×r transposed convolution of stride 2 and padding 1 to c
// channels, that doubles the image: r is 4, or 3, which takes an output padding of 1:
// the last row and column have fewer taps, as the gradient of a convolution of an even
// side has.
func (s *Scope) ConvTranspose(name string, x *graph.Value, c, r int) *graph.Value {
	d := x.Shape()
	w := s.Param(name+".weight", s.Weights, r*r*d[3], d[3], r, r, c)
	return s.B.ConvTranspose2D(x, w, zero(2, 1), 2*d[1], 2*d[2], s.Groups)
}

// Instance is instance norm with an activation and an optional residual.
func (s *Scope) Instance(x, res *graph.Value, act kernels.Act) *graph.Value {
	return s.B.InstanceNorm(x, res, act, InstanceEps)
}

// Batch is batch norm with an optional residual and activation, in training or
// evaluation mode. Parameters are name.weight and name.bias, statistics
// name.running_mean and name.running_var.
func (s *Scope) Batch(name string, x, res *graph.Value, act kernels.Act) *graph.Value {
	d := x.Shape()
	gamma := s.Param(name+".weight", Ones, 0, d[3])
	beta := s.Param(name+".bias", Zeros, 0, d[3])
	mean := s.running(name+".running_mean", Zeros, d[3])
	variance := s.running(name+".running_var", Ones, d[3])
	if s.Infer {
		c := kernels.Real(d[3])
		return s.B.BatchNormInfer(x, gamma, beta, s.B.Slot(mean, c), s.B.Slot(variance, c), res, act, BatchEps)
	}
	y, stats := s.B.BatchNorm(x, gamma, beta, res, act, BatchEps, s.Groups)
	*s.stats = append(*s.stats, Stats{
		Mean: mean, Var: variance, Sums: s.B.TreeSum(stats),
		Count: d[0] * d[1] * d[2] / s.B.Shards,
	})
	return y
}

// Linear is a fully connected layer to o features, with a bias.
func (s *Scope) Linear(name string, x *graph.Value, o int) *graph.Value {
	i := x.Shape()[1]
	w := s.Param(name+".weight", s.Weights, i, o, i)
	bias := s.Param(name+".bias", s.Weights, i, o)
	return s.B.Linear(x, w, bias, 1)
}
