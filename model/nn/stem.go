package nn

import (
	"g2c/kernels"
	"g2c/model/graph"
)

// convBN is a convolution, batch norm and, with act, ReLU.
func (s *Scope) convBN(name string, x *graph.Value, k, r, sw int, g kernels.Geometry, act kernels.Act) *graph.Value {
	sub := s.Sub(name)
	return sub.Batch("bn", sub.Conv("conv", x, k, r, sw, g), nil, act)
}

// valid3 is a 3×3 convolution with ReLU and no padding.
func (s *Scope) valid3(name string, x *graph.Value, k, stride int) *graph.Value {
	return s.convBN(name, x, k, 3, 3, zero(stride, 0), kernels.ReLU)
}

var pool32 = kernels.Window{K: 3, Stride: 2}

// Stem is Inception-v4's stem: (N,H,W,3) to (N,h,w,384); 224 gives 25, 64 gives 5.
// Source: Szegedy et al. 2017, figure 3; reference, part D.
func Stem(s *Scope, x *graph.Value) *graph.Value {
	x = s.valid3("conv1", x, 32, 2)
	x = s.valid3("conv2", x, 32, 1)
	x = s.convBN("conv3", x, 64, 3, 3, zero(1, 1), kernels.ReLU)
	x = s.B.Concat(3, s.B.MaxPool(x, pool32), s.valid3("mix3", x, 96, 2))

	a := s.convBN("mix4a.0", x, 64, 1, 1, zero(1, 0), kernels.ReLU)
	a = s.valid3("mix4a.1", a, 96, 1)
	b := s.convBN("mix4b.0", x, 64, 1, 1, zero(1, 0), kernels.ReLU)
	b = s.convBN("mix4b.1", b, 64, 1, 7, kernels.Geometry{Stride: 1, PadW: 3}, kernels.ReLU)
	b = s.convBN("mix4b.2", b, 64, 7, 1, kernels.Geometry{Stride: 1, PadH: 3}, kernels.ReLU)
	b = s.valid3("mix4b.3", b, 96, 1)
	x = s.B.Concat(3, a, b)
	return s.B.Concat(3, s.valid3("mix5", x, 192, 2), s.B.MaxPool(x, pool32))
}

// StemConv7 is the ablation: the 7×7 stride-2 convolution and pooling of a
// residual network, (N,H,W,3) to (N,H/4,W/4,64).
// Source: paper, "the stem instead of 7×7"; He et al. 2016.
func StemConv7(s *Scope, x *graph.Value) *graph.Value {
	x = s.convBN("conv1", x, 64, 7, 7, zero(2, 3), kernels.ReLU)
	return s.B.MaxPool(x, kernels.Window{K: 3, Stride: 2, Pad: 1})
}
