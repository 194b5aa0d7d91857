package nn

import (
	"strconv"

	"g2c/kernels"
	"g2c/model/graph"
)

// GeneratorConfig is the shape of a generator.
type GeneratorConfig struct {
	Width  int  // channels of its first layer
	Blocks int  // residual blocks
	Up3    bool // it goes up by 3×3 transposed convolutions, not by 4×4
}

// Generator translates x: (N,H,W,3) in [0,1] into another stain, like x. H and W
// are multiples of 4. Two stride-2 convolutions go down, residual blocks follow, two
// transposed convolutions go up; instance norm after each. Those that go up are of
// 4×4, or of 3×3 with an output padding of 1.
// Source: paper, "Generator"; reference, part D, rows "G2C" and "original";
// ResnetGenerator of the original CycleGAN.
func Generator(s *Scope, x *graph.Value, c GeneratorConfig) *graph.Value {
	width, up := c.Width, 4
	if c.Up3 {
		up = 3
	}
	y := s.B.Affine(x, 2, -1)
	y = s.Instance(s.Conv("head", y, width, 7, 7, reflect(3)), nil, kernels.ReLU)
	for i := range 2 {
		y = s.Conv("down."+strconv.Itoa(i), y, width<<(i+1), 3, 3, zero(2, 1))
		y = s.Instance(y, nil, kernels.ReLU)
	}
	for i := range c.Blocks {
		y = generatorBlock(s.Sub("blocks."+strconv.Itoa(i)), y)
	}
	for i := range 2 {
		y = s.ConvTranspose("up."+strconv.Itoa(i), y, width<<(1-i), up)
		y = s.Instance(y, nil, kernels.ReLU)
	}
	y = s.ConvBias("tail", y, 3, 7, 7, reflect(3))
	return s.B.Affine(s.B.Activate(y, kernels.Tanh), 0.5, 0.5)
}

// generatorBlock is x + IN(conv(ReLU(IN(conv(x))))), with reflection.
func generatorBlock(s *Scope, x *graph.Value) *graph.Value {
	c := x.Shape()[3]
	y := s.Instance(s.Conv("conv1", x, c, 3, 3, reflect(1)), nil, kernels.ReLU)
	return s.Instance(s.Conv("conv2", y, c, 3, 3, reflect(1)), x, kernels.None)
}
