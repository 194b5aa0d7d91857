package nn

import (
	"g2c/kernels"
	"g2c/model/graph"
)

// Baseline is a network that the paper's classifier is compared with: it sees one image in
// the branches' place. The empty one is none. docs/baselines.md says where each comes from
// and in what it differs from there.
type Baseline string

// The baselines that are networks.
const (
	ShallowCNN   Baseline = "shallow-cnn"   // Cruz-Roa et al. 2014
	CIFAR10Quick Baseline = "cifar10-quick" // Caffe's, as Janowczyk and Madabhushi 2016 trained it
	AlexNet      Baseline = "alexnet"       // Krizhevsky et al. 2012, as torchvision has it
)

// alexFeatures are the units of AlexNet's two hidden fully connected layers.
const alexFeatures = 4096

// Dropped is how many units of a sample are dropped at random in training.
func (n Baseline) Dropped() int {
	if n == AlexNet {
		return 2 * alexFeatures
	}
	return 0
}

// Mirrors says whether training images are flipped at random, left to right, whatever the
// task says: Caffe's data layer is a part of the network.
func (n Baseline) Mirrors() bool { return n == CIFAR10Quick }

// Logits turns images (N,H,W,3) in [0,1] into logits (N,classes). dropout: (N,Dropped()),
// what units are multiplied by; nil where they are judged. Inside, images are in [-1,1].
func (n Baseline) Logits(s *Scope, x, dropout *graph.Value, classes int) *graph.Value {
	x = s.B.Affine(x, 2, -1)
	switch n {
	case ShallowCNN:
		return shallowCNN(s, x, classes)
	case CIFAR10Quick:
		return cifar10Quick(s, x, classes)
	case AlexNet:
		return alexNet(s, x, dropout, classes)
	}
	s.B.Fail("%s is no network", n)
	return nil
}

// convFan is a convolution whose weights and biases both start as PyTorch's do.
func (s *Scope) convFan(name string, x *graph.Value, k, r, sw int, g kernels.Geometry) *graph.Value {
	bias := s.Param(name+".bias", FanIn, r*sw*x.Shape()[3], k)
	return s.B.Conv2D(x, s.convWeight(name, x, k, r, sw), bias, g, s.Groups)
}

// flat is a fully connected layer to k features over a whole image, (N,H,W,C) to (N,1,1,k).
// In files its weight is (k,C,H,W): torch.nn.Linear's behind a flattening, in its order.
func (s *Scope) flat(name string, x *graph.Value, k int) *graph.Value {
	d := x.Shape()
	return s.convFan(name, x, k, d[1], d[2], zero(1, 0))
}

// features is (N,1,1,k) as (N,k).
func (s *Scope) features(x *graph.Value) *graph.Value { return s.B.GlobalAvgPool(x) }

// shallowCNN is two convolutions of 8×8, each with tanh and a 2×2 pooling, and 128 fully
// connected units.
// Source: Cruz-Roa et al. 2014, "3-layer CNN": 16, 32 and 128 neurons, kernels of 8×8,
// pooling of 2×2. Which pooling and which activation are our reading.
func shallowCNN(s *Scope, x *graph.Value, classes int) *graph.Value {
	for i, k := range []int{16, 32} {
		x = s.B.Activate(s.convFan([]string{"conv1", "conv2"}[i], x, k, 8, 8, zero(1, 0)), kernels.Tanh)
		x = s.B.MaxPool(x, kernels.Window{K: 2, Stride: 2})
	}
	x = s.B.Activate(s.flat("fc1", x, 128), kernels.Tanh)
	return s.Linear("fc2", s.features(x), classes)
}

// quickSide is the side of the middle of the image that cifar10Quick sees.
const quickSide = 32

// cifar10Quick is Caffe's CIFAR10_quick on the middle 32×32 pixels; its poolings round up:
// 32, 16, 8, 4.
// Source: choosehappy/public, "6-idc", BASE-alexnet_traing_32w_db.prototxt; the reference,
// part D.
func cifar10Quick(s *Scope, x *graph.Value, classes int) *graph.Value {
	for axis := 1; axis <= 2; axis++ {
		from := (x.Shape()[axis] - quickSide) / 2
		x = s.B.Slice(x, axis, from, from+quickSide)
	}
	pool := kernels.Window{K: 3, Stride: 2, Ceil: true}
	x = s.B.MaxPool(s.convFan("conv1", x, 32, 5, 5, zero(1, 2)), pool)
	x = s.B.Activate(x, kernels.ReLU)
	for i, k := range []int{32, 64} {
		x = s.B.Activate(s.convFan([]string{"conv2", "conv3"}[i], x, k, 5, 5, zero(1, 2)), kernels.ReLU)
		x = s.B.AvgPool(x, pool)
	}
	return s.Linear("ip2", s.features(s.flat("ip1", x, 64)), classes)
}

// alexNet is torchvision's alexnet, whose parameters have its names.
// Source: Krizhevsky 2014, "One weird trick", the shape that torchvision has; dropout as
// Krizhevsky et al. 2012: of the units of both hidden layers.
func alexNet(s *Scope, x, dropout *graph.Value, classes int) *graph.Value {
	pool := kernels.Window{K: 3, Stride: 2}
	f := s.Sub("features")
	conv := func(name string, k, r, stride, pad int) {
		x = s.B.Activate(f.convFan(name, x, k, r, r, zero(stride, pad)), kernels.ReLU)
	}
	conv("0", 64, 11, 4, 2)
	x = s.B.MaxPool(x, pool)
	conv("3", 192, 5, 1, 2)
	x = s.B.MaxPool(x, pool)
	conv("6", 384, 3, 1, 1)
	conv("8", 256, 3, 1, 1)
	conv("10", 256, 3, 1, 1)
	x = s.B.MaxPool(x, pool)
	x = s.adaptive(x, 6)
	c := s.Sub("classifier")
	for i, name := range []string{"1", "4"} {
		x = s.B.Activate(c.flat(name, x, alexFeatures), kernels.ReLU)
		if dropout != nil {
			x = s.B.ScaleChannels(x, s.B.Slice(dropout, 1, i*alexFeatures, (i+1)*alexFeatures))
		}
	}
	return c.Linear("6", s.features(x), classes)
}

// adaptive pools an image of more than to×to pixels to so many, by windows of one size;
// torch's differ by a pixel where to does not divide the side. A smaller one stays: there
// torch repeats pixels, of which the layer behind makes nothing new.
func (s *Scope) adaptive(x *graph.Value, to int) *graph.Value {
	side := x.Shape()[1]
	if side <= to {
		return x
	}
	stride := side / to
	return s.B.AvgPool(x, kernels.Window{K: side - (to-1)*stride, Stride: stride})
}
