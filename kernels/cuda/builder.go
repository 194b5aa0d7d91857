//go:build gpu

package cuda

import (
	"fmt"
	"math"

	"gorgonia.org/cu"

	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// blockThreads is the size of a block where a kernel says nothing else: kThreads of
// src/common.cuh.
const blockThreads = 256

// call is an instruction with its operands and results in place.
type call struct {
	op      kernels.Op
	in, out []tensor
}

// operand is the address of operand i, 0 if it is absent.
func (c call) operand(i int) cu.DevicePtr {
	if i >= len(c.in) {
		return 0
	}
	return c.in[i].at
}

// all are the operands and the results.
func (c call) all() []tensor { return append(c.in[:len(c.in):len(c.in)], c.out...) }

// isHalf says whether any operand or result is bf16.
func (c call) isHalf() bool {
	for _, t := range c.all() {
		if t.DType == kernels.BF16 {
			return true
		}
	}
	return false
}

// launch is a kernel with its arguments.
type launch struct {
	function cu.Function
	grid     driver.Grid
	args     *driver.Arguments
}

// builder turns instructions into launches. Its scratch is lost from one instruction
// to the next; prepare is called twice, first to learn how much is needed.
type builder struct {
	device   *Device
	scratch  cu.DevicePtr
	guard    cu.DevicePtr // what updates read: see State
	kept     int64        // in front of the scratch, from an instruction to the next
	used     int64        // by the instruction at hand, and what is kept
	needed   int64        // by any
	launches []launch
	half     bool         // the instruction at hand works on bf16
	moments  cu.DevicePtr // what a convolution leaves for a norm, 0 for nothing: see moments.go
	err      error
}

// elements launches a kernel with a thread for each of n elements; the arguments are
// for the caller to fill in.
func (b *builder) elements(name string, n int) *driver.Arguments {
	return b.grid(name, driver.Grid{Blocks: [3]int{blocks(n, blockThreads), 1, 1}, Threads: [3]int{blockThreads, 1, 1}})
}

// threads is a launch of so many blocks of the usual size, side by side and in rows.
func threads(across, rows int) driver.Grid {
	return driver.Grid{Blocks: [3]int{across, rows, 1}, Threads: [3]int{blockThreads, 1, 1}}
}

// width is how many neighbours of n a thread takes in one access of 16 bytes, if n
// divides so: the V of src/vec.cuh.
func (b *builder) width(n int) int {
	v := 4
	if b.half {
		v = 8
	}
	if n%v != 0 {
		return 1
	}
	return v
}

// wide is the name of the kernel that takes width(n) neighbours of the type at hand.
func (b *builder) wide(name string, n int) string {
	name = b.typed(name)
	if v := b.width(n); v > 1 {
		name += fmt.Sprintf("_x%d", v)
	}
	return name
}

// each launches a kernel over n elements, width(n) a thread.
func (b *builder) each(name string, n int) *driver.Arguments {
	return b.elements(b.wide(name, n), n/b.width(n))
}

// spots launches a kernel over images, a row of blocks a sample, a thread a Spot of
// src/vec.cuh.
func (b *builder) spots(name string, x kernels.Shape) *driver.Arguments {
	channels := x[3]
	return b.grid(b.wide(name, channels), threads(blocks(x[1]*x[2]*channels/b.width(channels), blockThreads), x[0]))
}

// typed is the name of the kernel for the type that the instruction at hand works on.
func (b *builder) typed(name string) string {
	if b.half {
		return name + "_bf16"
	}
	return name
}

// blocks is how many blocks of a size n elements take.
func blocks(n, size int) int { return (n + size - 1) / size }

// freeShared is the dynamic shared memory that a kernel may have without asking.
const freeShared = 48 << 10

// grid launches a kernel; the arguments are for the caller to fill in.
func (b *builder) grid(name string, g driver.Grid) *driver.Arguments {
	f, err := b.device.function(name)
	if err == nil && g.Shared > freeShared {
		err = driver.SetDynamicShared(f, g.Shared)
	}
	if err != nil && b.err == nil {
		b.err = err
	}
	a := new(driver.Arguments)
	b.launches = append(b.launches, launch{f, g, a})
	return a
}

// keep reserves bytes in front of the scratch that outlast an instruction.
func (b *builder) keep(bytes int64) {
	b.kept = roundUp(bytes, kernels.ArenaAlign)
	b.needed = max(b.needed, b.kept)
}

// temporary reserves scratch of n bytes for the instruction at hand.
func (b *builder) temporary(bytes int) cu.DevicePtr {
	at := b.used
	b.used += roundUp(int64(bytes), kernels.ArenaAlign)
	b.needed = max(b.needed, b.used)
	return b.scratch + cu.DevicePtr(at)
}

func roundUp(n, step int64) int64 { return (n + step - 1) / step * step }

// mostElements is what kernels count to: they index by ints, and the threads of the last
// block go a few beyond.
const mostElements = math.MaxInt32 - 16*blockThreads

// prepare makes the launches of one instruction.
func (b *builder) prepare(c call) ([]launch, error) {
	b.launches, b.used = nil, b.kept
	for _, t := range c.all() {
		if n := t.Shape.Len(); n > mostElements {
			return nil, fmt.Errorf("%s: %v has %d elements, and kernels count to %d: a smaller batch or size has fewer", c.op.Name(), t.Type, n, mostElements)
		}
	}
	f, ok := table[c.op.Name()]
	if !ok {
		return nil, fmt.Errorf("no kernel for %s", c.op.Name())
	}
	b.half = c.isHalf()
	f(b, c)
	return b.launches, b.err
}

// preparer adds the launches of an operation to a builder.
type preparer func(b *builder, c call)

// kernel adapts a function over one operation's attributes.
func kernel[O kernels.Op](f func(b *builder, op O, c call)) preparer {
	return func(b *builder, c call) {
		op, ok := c.op.(O)
		if !ok {
			b.err = fmt.Errorf("cuda: operation %T under the name %s", c.op, c.op.Name())
			return
		}
		f(b, op, c)
	}
}

// table says how each operation is done.
var table map[string]preparer

func init() {
	table = map[string]preparer{
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
}
