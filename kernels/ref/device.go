// Package ref is the meaning of every operation: the obvious loops in float64,
// one goroutine, no blocking, no tables. It is slow and exists to be compared
// with. It is itself held to PyTorch's numbers and to finite differences by
// kernelstest.
package ref

import (
	"fmt"

	"g2c/kernels"
	"g2c/kernels/host"
)

// Class is the numerics class of this backend.
const Class = "ref-1"

// Device runs programs with float64 buffers.
type Device struct{}

// New makes a device.
func New() *Device { return &Device{} }

// Class implements kernels.Device.
func (*Device) Class() string { return Class }

// Close implements kernels.Device.
func (*Device) Close() error { return nil }

// NewState implements kernels.Device.
func (*Device) NewState(spec *kernels.StateSpec) (kernels.State, error) {
	return host.NewState[float64](spec)
}

// Open implements kernels.Opener.
func (*Device) Open(spec *kernels.StateSpec, beside int64, programs ...*kernels.Program) (kernels.State, error) {
	return host.Open[float64](spec, beside, asIs, programs...)
}

// Room implements kernels.Planner.
func (*Device) Room(spec *kernels.StateSpec, programs ...*kernels.Program) (kernels.Room, error) {
	return host.Room[float64](spec, programs...), nil
}

// asIs is a program that nothing rewrites.
func asIs(p *kernels.Program) *kernels.Program { return p }

// Load implements kernels.Device.
func (*Device) Load(p *kernels.Program, s kernels.State) (kernels.Exec, error) {
	state, ok := s.(*host.State[float64])
	if !ok {
		return nil, fmt.Errorf("ref: state %T was made by another device", s)
	}
	return host.Load(p, state, table, asIs)
}

// call and tensor are this backend's own.
type (
	call   = host.Call[float64]
	tensor = host.Tensor[float64]
)

// kernel adapts a plain function over one operation's attributes.
func kernel[O kernels.Op](f func(op O, in, out []tensor)) host.Kernel[float64] {
	return func(c call) (func(), error) {
		op, ok := c.Op.(O)
		if !ok {
			return nil, fmt.Errorf("ref: operation %T under the name %s", c.Op, c.Op.Name())
		}
		return func() { f(op, c.In, c.Out) }, nil
	}
}

var table = map[string]host.Kernel[float64]{
	"conv2d":                kernel(conv2D),
	"conv2d_grad_x":         kernel(conv2DGradX),
	"conv2d_grad_w":         kernel(conv2DGradW),
	"bias_grad":             kernel(biasGrad),
	"instance_norm":         kernel(instanceNorm),
	"instance_norm_grad":    kernel(instanceNormGrad),
	"batch_norm":            kernel(batchNorm),
	"batch_norm_grad":       kernel(batchNormGrad),
	"batch_norm_infer":      kernel(batchNormInfer),
	"running_stats":         kernel(runningStats),
	"max_pool":              kernel(maxPool),
	"max_pool_grad":         kernel(maxPoolGrad),
	"avg_pool":              kernel(avgPool),
	"avg_pool_grad":         kernel(avgPoolGrad),
	"global_avg_pool":       kernel(globalAvgPool),
	"global_avg_pool_grad":  kernel(globalAvgPoolGrad),
	"linear":                kernel(linear),
	"linear_grad_x":         kernel(linearGradX),
	"linear_grad_w":         kernel(linearGradW),
	"scale_channels":        kernel(scaleChannels),
	"scale_channels_grad_s": kernel(scaleChannelsGradS),
	"gather_branches":       kernel(gatherBranches),
	"scatter_branches":      kernel(scatterBranches),
	"concat":                kernel(concat),
	"slice":                 kernel(slice),
	"slice_grad":            kernel(sliceGrad),
	"activation":            kernel(activation),
	"activation_grad":       kernel(activationGrad),
	"affine":                kernel(affine),
	"add":                   kernel(add),
	"tree_sum":              kernel(treeSum),
	"copy":                  kernel(copyOp),
	"cast":                  kernel(cast),
	"mse":                   kernel(mse),
	"mse_grad":              kernel(mseGrad),
	"l1":                    kernel(l1),
	"bce":                   kernel(bce),
	"bce_grad":              kernel(bceGrad),
	"l1_grad":               kernel(l1Grad),
	"focal":                 kernel(focal),
	"focal_grad":            kernel(focalGrad),
	"softmax":               kernel(softmax),
	"adam":                  kernel(adam),
	"sgd":                   kernel(sgd),
	"adagrad":               kernel(adagrad),
	"weight_decay":          kernel(weightDecay),
	"pixels":                kernel(pixels),
}
