package tolerance

import (
	"fmt"
	"math"
	"math/bits"

	"g2c/kernels"
)

// Tensor is a value with its elements.
type Tensor struct {
	Type kernels.Type
	V    []float64
}

const (
	unit = 0x1p-24  // u: half the distance of 1 to the next float32
	tiny = 0x1p-126 // the smallest normal float32: what underflow may lose

	half     = 0x1p-8   // half the distance of 1 to the next bf16
	halfTiny = 0x1p-133 // the smallest bf16
)

// rule gives the tolerance of every element of every result.
type rule func(op kernels.Op, in, out []Tensor) ([][]float64, error)

// Of gives, for each result of an operation and each of its elements, how far a
// float32 backend may lie from ref. in are the operands, representable in
// float32; out are ref's results.
func Of(op kernels.Op, in, out []Tensor) ([][]float64, error) {
	r, ok := table[op.Name()]
	if !ok {
		return nil, fmt.Errorf("tolerance: no entry for %s", op.Name())
	}
	tol, err := r(op, in, out)
	if err != nil {
		return nil, err
	}
	for k, o := range out {
		if o.Type.DType == kernels.BF16 {
			rounded(tol[k], o.V)
		}
	}
	return tol, nil
}

// rounded widens the tolerance of a result that both sides round to bf16, each by
// half a step at most. What is exact stays so: it is a bfloat16 before.
func rounded(tol, out []float64) {
	for i, t := range tol {
		if t > 0 {
			tol[i] += 2*half*(math.Abs(out[i])+t) + halfTiny
		}
	}
}

// table is the one table of tolerances.
var table = map[string]rule{
	"conv2d":                squares(func(op kernels.Op) kernels.Geometry { return op.(kernels.Conv2D).Geometry }, sum(func(in, _ []kernels.Type) int { return in[1].Shape[1:].Len() })),
	"conv2d_grad_x":         folded(squares(func(op kernels.Op) kernels.Geometry { return op.(kernels.Conv2DGradX).Geometry }, sum(func(in, _ []kernels.Type) int { return in[1].Shape[:3].Len() }))),
	"conv2d_grad_w":         squares(func(op kernels.Op) kernels.Geometry { return op.(kernels.Conv2DGradW).Geometry }, sum(func(in, out []kernels.Type) int { return in[1].Shape[:3].Len() / out[0].Shape[0] })),
	"bias_grad":             sum(perResult),
	"linear":                sum(func(in, _ []kernels.Type) int { return in[0].Shape[1] }),
	"linear_grad_x":         sum(func(in, _ []kernels.Type) int { return in[0].Shape[1] }),
	"linear_grad_w":         sum(func(in, out []kernels.Type) int { return in[0].Shape[0] / out[0].Shape[0] }),
	"avg_pool":              sum(constant(16)),
	"avg_pool_grad":         sum(constant(16)),
	"max_pool_grad":         sum(constant(9)),
	"global_avg_pool":       sum(perResult),
	"global_avg_pool_grad":  sum(constant(1)),
	"scale_channels":        sum(constant(1)),
	"scale_channels_grad_s": sum(perResult),
	"add":                   sum(func(in, _ []kernels.Type) int { return len(in) }),
	"tree_sum":              treeSum,
	"affine":                affine,
	"running_stats":         sum(constant(4)),

	"max_pool":         exact,
	"gather_branches":  exact,
	"scatter_branches": exact,
	"concat":           exact,
	"slice":            exact,
	"slice_grad":       exact,
	"copy":             exact,
	"cast":             exact,

	"activation": relative,
	"mse":        relative,
	"mse_grad":   relative,
	"l1":         relative,
	"l1_grad":    relative,
	"bce":        bce,
	"bce_grad":   relative,
	"softmax":    relative,

	"activation_grad":    activationGrad,
	"focal":              focal,
	"focal_grad":         focalGrad,
	"instance_norm":      instanceNorm,
	"instance_norm_grad": instanceNormGrad,
	"batch_norm":         batchNorm,
	"batch_norm_grad":    batchNormGrad,
	"batch_norm_infer":   batchNormInfer,
	"adam":               adam,
	"sgd":                sgd,
	"adagrad":            adagrad,
	"weight_decay":       weightDecay,
	"pixels":             pixels,
}

// walk is the factor of a sum of n terms: see the package comment.
func walk(n int) float64 { return (8 + 4*math.Sqrt(float64(n))) * unit }

func constant(n int) func(in, out []kernels.Type) int {
	return func(_, _ []kernels.Type) int { return n }
}

// perResult is the number of elements of the first operand that meet in one of
// the first result.
func perResult(in, out []kernels.Type) int { return in[0].Shape.Len() / out[0].Shape.Len() }

// each makes one tolerance per element of a result.
func each(t Tensor, f func(i int) float64) []float64 {
	v := make([]float64, len(t.V))
	for i := range v {
		v[i] = f(i)
	}
	return v
}

func exact(_ kernels.Op, _, out []Tensor) ([][]float64, error) {
	tol := make([][]float64, len(out))
	for k, o := range out {
		tol[k] = make([]float64, len(o.V))
	}
	return tol, nil
}

// relative is for results of a few correctly rounded steps without cancellation.
func relative(_ kernels.Op, _, out []Tensor) ([][]float64, error) {
	return [][]float64{each(out[0], func(i int) float64 { return 8*unit*math.Abs(out[0].V[i]) + tiny })}, nil
}

// sum is for results that are sums of n products of operands with coefficients
// that are not negative: the magnitude is the operation itself on absolute
// values.
func sum(n func(in, out []kernels.Type) int) rule {
	return func(op kernels.Op, in, out []Tensor) ([][]float64, error) {
		m, err := apply(op, absolute(in))
		if err != nil {
			return nil, err
		}
		terms := n(types(in), types(out))
		tol := make([][]float64, len(out))
		for k := range out {
			tol[k] = each(m[k], func(i int) float64 { return walk(terms)*m[k].V[i] + float64(terms)*tiny })
		}
		return tol, nil
	}
}

// treeSum is a sum of shards. With nodes in bf16 each of them may be rounded to either side
// of what ref has: half a step of its magnitude twice, a level.
func treeSum(op kernels.Op, in, out []Tensor) ([][]float64, error) {
	tol, err := sum(perResult)(op, in, out)
	if err != nil || !op.(kernels.TreeSum).Half {
		return tol, err
	}
	m, err := apply(op, absolute(in))
	if err != nil {
		return nil, err
	}
	levels := float64(bits.Len(uint(in[0].Type.Shape[0])))
	for i, v := range m[0].V {
		tol[0][i] += levels * (2*half*v + halfTiny)
	}
	return tol, nil
}

func absolute(in []Tensor) []Tensor {
	abs := make([]Tensor, len(in))
	for k, t := range in {
		abs[k] = t
		if t.Type.DType.IsReal() {
			abs[k].V = each(t, func(i int) float64 { return math.Abs(t.V[i]) })
		}
	}
	return abs
}

func types(ts []Tensor) []kernels.Type {
	out := make([]kernels.Type, len(ts))
	for i, t := range ts {
		out[i] = t.Type
	}
	return out
}
