package kernels_test

import (
	"strings"
	"testing"

	"g2c/kernels"
)

// Operands of the table below.
var (
	image, small   = kernels.Real(2, 8, 8, 3), kernels.Real(2, 2, 2, 3)
	vector, matrix = kernels.Real(3), kernels.Real(2, 3)
	scalar         = kernels.Real()
	labels         = kernels.Ints(2)
	one            = kernels.Segments{Groups: 1, Shards: 1}
	three          = kernels.Segments{Groups: 1, Shards: 3}
	unit           = kernels.Geometry{Stride: 1}
	mirror         = kernels.Geometry{Stride: 1, PadH: 2, PadW: 2, Mode: kernels.Reflect}
	w              = kernels.Real(4, 3, 3, 3)
	pool           = kernels.Window{K: 3, Stride: 2}
)

// misfits are operations with operands they cannot take, and a word of the error.
var misfits = []struct {
	op   kernels.Op
	in   []kernels.Type
	want string
}{
	{kernels.Conv2D{Geometry: unit}, []kernels.Type{image}, "operands"},
	{kernels.Conv2D{Geometry: unit}, []kernels.Type{image, kernels.Real(4, 3, 3, 5)}, "channels"},
	{kernels.Conv2D{Geometry: unit}, []kernels.Type{small, w}, "does not fit"},
	{kernels.Conv2D{Geometry: mirror}, []kernels.Type{small, w}, "larger image"},
	{kernels.Conv2D{}, []kernels.Type{image, w}, "bad geometry"},
	{kernels.Conv2D{Geometry: unit}, []kernels.Type{image, w, vector}, "bias"},
	{kernels.Conv2D{Geometry: unit}, []kernels.Type{kernels.Real(0, 8, 8, 3), w}, "empty axis"},
	{kernels.Conv2D{Geometry: unit}, []kernels.Type{kernels.Bytes(2, 8, 8, 3), w}, "want f32"},
	{kernels.Conv2DGradX{Geometry: unit, H: 8, W: 8}, []kernels.Type{image, w}, "dy"},
	{kernels.Conv2DGradW{Geometry: unit, Segments: three, R: 3, S: 3}, []kernels.Type{image, kernels.Real(2, 6, 6, 4)}, "do not divide"},
	{kernels.Conv2DGradW{Geometry: unit, Segments: one, R: 3, S: 3}, []kernels.Type{image, image}, "dy"},
	{kernels.BiasGrad{Segments: three}, []kernels.Type{matrix}, "do not divide"},
	{kernels.BiasGrad{Segments: one}, []kernels.Type{vector}, "rank 2"},
	{kernels.InstanceNorm{Act: kernels.Tanh}, []kernels.Type{image}, "not carried"},
	{kernels.InstanceNorm{}, []kernels.Type{image, small}, "res"},
	{kernels.InstanceNorm{}, nil, "operands"},
	{kernels.InstanceNormGrad{}, []kernels.Type{image, image, matrix, vector}, "rank"},
	{kernels.BatchNorm{Segments: one}, []kernels.Type{kernels.Real(1, 1, 1, 3), vector, vector}, "one value"},
	{kernels.BatchNorm{Segments: one}, []kernels.Type{image, vector, kernels.Real(4)}, "beta"},
	{kernels.BatchNorm{Segments: one}, []kernels.Type{image}, "operands"},
	{kernels.BatchNormGrad{Segments: one, Act: kernels.ReLU}, []kernels.Type{image, image, vector, kernels.Real(1, 2, 3)}, "operands"},
	{kernels.BatchNormInfer{}, []kernels.Type{image, vector, vector, vector, kernels.Real(2)}, "var"},
	{kernels.RunningStats{}, []kernels.Type{vector, vector, matrix, matrix}, "operands"},
	{kernels.MaxPool{Window: pool}, []kernels.Type{small}, "does not fit"},
	{kernels.MaxPool{}, []kernels.Type{image}, "does not fit"},
	{kernels.MaxPool{Window: kernels.Window{K: 2, Stride: 1, Pad: 2}}, []kernels.Type{image}, "does not fit"},
	{kernels.MaxPoolGrad{H: 5, W: 5}, []kernels.Type{small, kernels.Ints(2, 2, 2, 3)}, "does not fit"},
	{kernels.MaxPoolGrad{Window: pool, H: 8, W: 8}, []kernels.Type{small, kernels.Ints(2, 2, 2, 3)}, "dy"},
	{kernels.MaxPoolGrad{Window: pool, H: 5, W: 5}, []kernels.Type{small, small}, "want dy and arg"},
	{kernels.AvgPoolGrad{Window: pool, H: 8, W: 8}, []kernels.Type{small}, "dy"},
	{kernels.GlobalAvgPoolGrad{}, []kernels.Type{matrix}, "bad size"},
	{kernels.Linear{}, []kernels.Type{matrix, kernels.Real(4, 2), kernels.Real(4)}, "w"},
	{kernels.LinearGradX{}, []kernels.Type{matrix, matrix}, "differ"},
	{kernels.LinearGradW{Segments: one}, []kernels.Type{matrix, kernels.Real(3, 3)}, "differ"},
	{kernels.ScaleChannels{}, []kernels.Type{image, kernels.Real(3, 2)}, "s is"},
	{kernels.ScaleChannelsGradS{}, []kernels.Type{image, small}, "dy"},
	{kernels.GatherBranches{Branches: 3}, []kernels.Type{matrix}, "does not divide"},
	{kernels.GatherBranches{}, []kernels.Type{matrix}, "does not divide"},
	{kernels.ScatterBranches{Branches: 2}, []kernels.Type{matrix}, "does not divide"},
	{kernels.Concat{}, nil, "no operands"},
	{kernels.Concat{Axis: 4}, []kernels.Type{image}, "axis 4"},
	{kernels.Concat{Axis: 3}, []kernels.Type{image, small}, "beside"},
	{kernels.Slice{Axis: 1, From: 2, To: 2}, []kernels.Type{image}, "slice"},
	{kernels.Slice{Axis: 1, From: 2, To: 9}, []kernels.Type{image}, "slice"},
	{kernels.SliceGrad{Axis: 1, From: 2, Len: 9}, []kernels.Type{image}, "slice_grad"},
	{kernels.Activation{}, []kernels.Type{image}, "activation"},
	{kernels.ActivationGrad{Act: kernels.ReLU}, []kernels.Type{image, small}, "activation_grad"},
	{kernels.Add{}, []kernels.Type{image, labels}, "beside"},
	{kernels.TreeSum{}, []kernels.Type{scalar}, "scalar"},
	{kernels.TreeSum{Half: true}, []kernels.Type{scalar}, "scalar"},
	{kernels.MSE{Segments: three}, []kernels.Type{matrix}, "do not divide"},
	{kernels.MSE{Segments: one}, []kernels.Type{scalar}, "scalar"},
	{kernels.MSEGrad{}, []kernels.Type{matrix, vector}, "rank 0"},
	{kernels.BCE{Segments: three}, []kernels.Type{matrix}, "do not divide"},
	{kernels.BCE{Segments: one}, []kernels.Type{scalar}, "scalar"},
	{kernels.BCEGrad{}, []kernels.Type{matrix, vector}, "rank 0"},
	{kernels.L1{Segments: one}, []kernels.Type{matrix, vector}, "beside"},
	{kernels.L1Grad{}, []kernels.Type{matrix, vector, scalar}, "beside"},
	{kernels.Focal{Segments: one, Gamma: -1}, []kernels.Type{matrix, labels}, "gamma"},
	{kernels.Focal{Segments: one}, []kernels.Type{matrix, matrix}, "labels"},
	{kernels.FocalGrad{}, []kernels.Type{matrix, labels}, "operands"},
	{kernels.Softmax{}, []kernels.Type{vector}, "rank 2"},
	{kernels.Adam{}, []kernels.Type{vector, vector, vector, matrix, kernels.Real(2)}, "beside"},
	{kernels.Adam{}, []kernels.Type{vector, vector, vector, vector, vector}, "hyper"},
	{kernels.SGD{}, []kernels.Type{vector, vector, vector, vector}, "hyper"},
	{kernels.Adagrad{}, []kernels.Type{vector, matrix, vector, kernels.Real(1)}, "beside"},
	{kernels.Adagrad{}, []kernels.Type{vector, vector, vector, vector}, "hyper"},
	{kernels.WeightDecay{}, []kernels.Type{vector, matrix}, "beside"},
	{kernels.Pixels{Size: 9}, []kernels.Type{kernels.Bytes(2, 8, 8, 3), kernels.Ints(2, 4)}, "cannot cut"},
	{kernels.Pixels{Size: 8, Jitter: true}, []kernels.Type{kernels.Bytes(2, 8, 8, 3), kernels.Ints(2, 4)}, "operands"},
	{kernels.Pixels{Size: 8}, []kernels.Type{kernels.Bytes(2, 8, 8, 3), kernels.Ints(2, 3)}, "place"},
}

// TestInferErrors: operands that do not fit are refused, and never a panic.
func TestInferErrors(t *testing.T) {
	for _, c := range misfits {
		if _, err := c.op.Infer(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s{%s} of %v: %v, want %q", c.op.Name(), c.op.Attrs(), c.in, err, c.want)
		}
	}
}
