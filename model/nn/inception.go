package nn

import (
	"g2c/kernels"
	"g2c/model/graph"
)

// Inception's sizes: of the image's side in pixels, and of the features.
const (
	InceptionSize     = 299
	InceptionFeatures = 2048
)

// The poolings of Inception-v3's branches.
var (
	averages = kernels.Window{K: 3, Stride: 1, Pad: 1, Inside: true}
	maxima   = kernels.Window{K: 3, Stride: 1, Pad: 1}
)

// Inception is the network of the Fréchet Inception distance as far as its features:
// (N,299,299,3) in [-1,1] to (N,2048). Layers have torchvision's names. It is TensorFlow's
// network of December 2015, which differs from torchvision's: averages leave the padding out,
// and the last block pools by maxima.
// Source: Szegedy et al. 2016; Heusel et al. 2017; pytorch-fid's fid_inception_v3.
func Inception(s *Scope, x *graph.Value) *graph.Value {
	x = s.valid3("Conv2d_1a_3x3", x, 32, 2)
	x = s.valid3("Conv2d_2a_3x3", x, 32, 1)
	x = s.square("Conv2d_2b_3x3", x, 64, 3)
	x = s.B.MaxPool(x, pool32)
	x = s.square("Conv2d_3b_1x1", x, 80, 1)
	x = s.valid3("Conv2d_4a_3x3", x, 192, 1)
	x = s.B.MaxPool(x, pool32)
	for i, pooled := range []int{32, 64, 64} {
		x = s.Sub([]string{"Mixed_5b", "Mixed_5c", "Mixed_5d"}[i]).inceptionA(x, pooled)
	}
	x = s.Sub("Mixed_6a").inceptionB(x)
	for i, width := range []int{128, 160, 160, 192} {
		x = s.Sub([]string{"Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"}[i]).inceptionC(x, width)
	}
	x = s.Sub("Mixed_7a").inceptionD(x)
	x = s.Sub("Mixed_7b").inceptionE(x, s.B.AvgPool(x, averages))
	x = s.Sub("Mixed_7c").inceptionE(x, s.B.MaxPool(x, maxima))
	return s.B.GlobalAvgPool(x)
}

// square is an r×r convolution that keeps the image's size, with batch norm and ReLU.
func (s *Scope) square(name string, x *graph.Value, k, r int) *graph.Value {
	return s.convBN(name, x, k, r, r, zero(1, r/2), kernels.ReLU)
}

// row and column are convolutions of one row or column of r taps.
func (s *Scope) row(name string, x *graph.Value, k, r int) *graph.Value {
	return s.convBN(name, x, k, 1, r, kernels.Geometry{Stride: 1, PadW: r / 2}, kernels.ReLU)
}

func (s *Scope) column(name string, x *graph.Value, k, r int) *graph.Value {
	return s.convBN(name, x, k, r, 1, kernels.Geometry{Stride: 1, PadH: r / 2}, kernels.ReLU)
}

// inceptionA mixes squares of 1, 5 and 3 pixels: 35×35.
func (s *Scope) inceptionA(x *graph.Value, pooled int) *graph.Value {
	five := s.square("branch5x5_2", s.square("branch5x5_1", x, 48, 1), 64, 5)
	double := s.square("branch3x3dbl_2", s.square("branch3x3dbl_1", x, 64, 1), 96, 3)
	double = s.square("branch3x3dbl_3", double, 96, 3)
	return s.B.Concat(3, s.square("branch1x1", x, 64, 1), five, double, s.square("branch_pool", s.B.AvgPool(x, averages), pooled, 1))
}

// inceptionB goes from 35×35 to 17×17.
func (s *Scope) inceptionB(x *graph.Value) *graph.Value {
	double := s.square("branch3x3dbl_2", s.square("branch3x3dbl_1", x, 64, 1), 96, 3)
	return s.B.Concat(3, s.valid3("branch3x3", x, 384, 2), s.valid3("branch3x3dbl_3", double, 96, 2), s.B.MaxPool(x, pool32))
}

// inceptionC mixes rows and columns of 7 pixels: 17×17.
func (s *Scope) inceptionC(x *graph.Value, width int) *graph.Value {
	seven := s.row("branch7x7_2", s.square("branch7x7_1", x, width, 1), width, 7)
	seven = s.column("branch7x7_3", seven, 192, 7)
	double := s.column("branch7x7dbl_2", s.square("branch7x7dbl_1", x, width, 1), width, 7)
	double = s.column("branch7x7dbl_4", s.row("branch7x7dbl_3", double, width, 7), width, 7)
	double = s.row("branch7x7dbl_5", double, 192, 7)
	return s.B.Concat(3, s.square("branch1x1", x, 192, 1), seven, double, s.square("branch_pool", s.B.AvgPool(x, averages), 192, 1))
}

// inceptionD goes from 17×17 to 8×8.
func (s *Scope) inceptionD(x *graph.Value) *graph.Value {
	three := s.valid3("branch3x3_2", s.square("branch3x3_1", x, 192, 1), 320, 2)
	seven := s.row("branch7x7x3_2", s.square("branch7x7x3_1", x, 192, 1), 192, 7)
	seven = s.valid3("branch7x7x3_4", s.column("branch7x7x3_3", seven, 192, 7), 192, 2)
	return s.B.Concat(3, three, seven, s.B.MaxPool(x, pool32))
}

// inceptionE mixes rows and columns of 3 pixels side by side: 8×8.
func (s *Scope) inceptionE(x, pooled *graph.Value) *graph.Value {
	both := func(name string, x *graph.Value) *graph.Value {
		return s.B.Concat(3, s.row(name+"a", x, 384, 3), s.column(name+"b", x, 384, 3))
	}
	three := both("branch3x3_2", s.square("branch3x3_1", x, 384, 1))
	double := both("branch3x3dbl_3", s.square("branch3x3dbl_2", s.square("branch3x3dbl_1", x, 448, 1), 384, 3))
	return s.B.Concat(3, s.square("branch1x1", x, 320, 1), three, double, s.square("branch_pool", pooled, 192, 1))
}
