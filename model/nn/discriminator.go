package nn

import (
	"strconv"

	"g2c/kernels"
	"g2c/model/graph"
)

// Discriminator is the 70×70 PatchGAN: x: (N,H,W,3) in [0,1] to scores
// (N,h,w,1), without a sigmoid.
// Source: reference, part D, "70×70 PatchGAN".
func Discriminator(s *Scope, x *graph.Value, width int) *graph.Value {
	y := s.ConvBias("layers.0", s.B.Affine(x, 2, -1), width, 4, 4, zero(2, 1))
	y = s.B.Activate(y, kernels.Leaky)
	for i := 1; i <= 3; i++ {
		stride := 2
		if i == 3 {
			stride = 1
		}
		y = s.Conv("layers."+strconv.Itoa(i), y, width<<i, 4, 4, zero(stride, 1))
		y = s.Instance(y, nil, kernels.Leaky)
	}
	return s.ConvBias("layers.4", y, 1, 4, 4, zero(1, 1))
}
