package kernels

import "fmt"

// Window is the geometry of a pooling window of K×K pixels. With Ceil the last window of an
// axis may reach past the padding, as long as it begins before it: an axis of 32 under
// windows of 3 at every second place has 16 of them in place of 15.
// Source: torch's ceil_mode; Caffe's pooling layer, which knows no other.
//
// With Inside an average is over the places of the image alone, without the padding; a
// maximum always is. Source: torch's count_include_pad=False; TensorFlow's pooling layers.
type Window struct {
	K, Stride, Pad int
	Ceil, Inside   bool
}

// String implements fmt.Stringer.
func (o Window) String() string {
	text := fmt.Sprintf("k=%d stride=%d pad=%d", o.K, o.Stride, o.Pad)
	if o.Ceil {
		text += " ceil"
	}
	if o.Inside {
		text += " inside"
	}
	return text
}

// Out is the length of the output along an axis of length n.
func (o Window) Out(n int) int {
	span := n + 2*o.Pad - o.K
	out := span/o.Stride + 1
	if o.Ceil && span%o.Stride != 0 && out*o.Stride < n+o.Pad {
		out++
	}
	return out
}

// Span is the number of places of an axis of length n under window i that count: those in the
// padding, unless Inside, and none past it: K, unless the window is a last one of Ceil or
// reaches into the padding with Inside.
func (o Window) Span(i, n int) int {
	from := i*o.Stride - o.Pad
	if o.Inside {
		return min(from+o.K, n) - max(from, 0)
	}
	return min(o.K, n+o.Pad-from)
}

// Differ reports whether windows may have spans that differ.
func (o Window) Differ() bool { return o.Ceil || o.Inside }

func (o Window) check(op string, x Type) error {
	s := x.Shape
	if o.K < 1 || o.Stride < 1 || o.Pad < 0 || 2*o.Pad > o.K || s[1]+2*o.Pad < o.K || s[2]+2*o.Pad < o.K {
		return fmt.Errorf("%s: window %v does not fit %v", op, o, x)
	}
	return nil
}

func (o Window) result(x Shape) []int { return []int{x[0], o.Out(x[1]), o.Out(x[2]), x[3]} }

// MaxPool is
//
//	y[n,p,q,c] = max over the window of x[n,h,w,c]
//	arg[n,p,q,c] = h*W + w of that pixel
//
// x: (N,H,W,C); y: (N,P,Q,C); arg: like y, integers. Padding never wins. Of equal
// values the first in row-major order wins; a NaN wins over everything.
// Source: torch.nn.functional.max_pool2d.
type MaxPool struct{ Window }

// Name implements Op.
func (MaxPool) Name() string { return "max_pool" }

// Attrs implements Op.
func (o MaxPool) Attrs() string { return o.Window.String() }

// Infer implements Op: operand x; results y, arg.
func (o MaxPool) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("max_pool", o.Halves(len(in)), in, 4); err != nil {
		return nil, err
	}
	if err := o.check("max_pool", in[0]); err != nil {
		return nil, err
	}
	d := o.result(in[0].Shape)
	return []Type{{in[0].DType, d}, Ints(d...)}, nil
}

// Halves implements Halvable.
func (MaxPool) Halves(int) []int { return []int{0} }

// Cost implements Op.
func (o MaxPool) Cost(in, out []Type) Cost { return perElement(int64(o.K*o.K), out[0], in, out) }

// MaxPoolGrad is the gradient of MaxPool:
//
//	dx[n,h,w,c] = sum of dy[n,p,q,c] over the p,q, in order, whose arg is h*W + w
//
// dy, arg: (N,P,Q,C); dx: (N,H,W,C). Each arg lies in its window.
// Source: torch.nn.functional.max_pool2d.
type MaxPoolGrad struct {
	Window
	H, W int
}

// Name implements Op.
func (MaxPoolGrad) Name() string { return "max_pool_grad" }

// Attrs implements Op.
func (o MaxPoolGrad) Attrs() string { return fmt.Sprintf("%v size=%d,%d", o.Window, o.H, o.W) }

// Infer implements Op: operands dy, arg; result dx.
func (o MaxPoolGrad) Infer(in []Type) ([]Type, error) {
	if len(in) != 2 || in[1].DType != I32 {
		return nil, fmt.Errorf("max_pool_grad: operands %v, want dy and arg", in)
	}
	if err := wantHalf("max_pool_grad", o.Halves(len(in)), in[:1], 4); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if err := wantShape("max_pool_grad", "arg", in[1], s...); err != nil {
		return nil, err
	}
	x := Type{in[0].DType, Shape{s[0], o.H, o.W, s[3]}}
	if err := o.check("max_pool_grad", x); err != nil {
		return nil, err
	}
	if err := wantShape("max_pool_grad", "dy", in[0], o.result(x.Shape)...); err != nil {
		return nil, err
	}
	return []Type{x}, nil
}

// Halves implements Halvable.
func (MaxPoolGrad) Halves(int) []int { return []int{0} }

// Cost implements Op.
func (o MaxPoolGrad) Cost(in, out []Type) Cost { return perElement(1, in[0], in, out) }

// AvgPool is
//
//	y[n,p,q,c] = sum over the window of x[n,h,w,c], row by row, / (Span(p,H)*Span(q,W))
//
// with zeros in the padding, which counts unless Inside. x: (N,H,W,C); y: (N,P,Q,C).
// Source: torch.nn.functional.avg_pool2d(count_include_pad=not Inside); Caffe's AVE pooling.
type AvgPool struct{ Window }

// Name implements Op.
func (AvgPool) Name() string { return "avg_pool" }

// Attrs implements Op.
func (o AvgPool) Attrs() string { return o.Window.String() }

// Infer implements Op: operand x; result y.
func (o AvgPool) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("avg_pool", o.Halves(len(in)), in, 4); err != nil {
		return nil, err
	}
	if err := o.check("avg_pool", in[0]); err != nil {
		return nil, err
	}
	return []Type{{in[0].DType, o.result(in[0].Shape)}}, nil
}

// Halves implements Halvable.
func (AvgPool) Halves(int) []int { return []int{0} }

// Cost implements Op.
func (o AvgPool) Cost(in, out []Type) Cost { return perElement(int64(o.K*o.K), out[0], in, out) }

// AvgPoolGrad is the gradient of AvgPool: dx[n,h,w,c] is the sum of dy[n,p,q,c]
// over the windows that hold the pixel, in order, / (K*K). With Ceil or Inside, where windows
// differ, each dy is divided by its own window's Span(p,H)*Span(q,W) before it is added.
// dy: (N,P,Q,C); dx: (N,H,W,C).
// Source: torch.nn.functional.avg_pool2d(count_include_pad=not Inside).
type AvgPoolGrad struct {
	Window
	H, W int
}

// Name implements Op.
func (AvgPoolGrad) Name() string { return "avg_pool_grad" }

// Attrs implements Op.
func (o AvgPoolGrad) Attrs() string { return MaxPoolGrad(o).Attrs() }

// Infer implements Op: operand dy; result dx.
func (o AvgPoolGrad) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("avg_pool_grad", o.Halves(len(in)), in, 4); err != nil {
		return nil, err
	}
	s := in[0].Shape
	x := Type{in[0].DType, Shape{s[0], o.H, o.W, s[3]}}
	if err := o.check("avg_pool_grad", x); err != nil {
		return nil, err
	}
	if err := wantShape("avg_pool_grad", "dy", in[0], o.result(x.Shape)...); err != nil {
		return nil, err
	}
	return []Type{x}, nil
}

// Halves implements Halvable.
func (AvgPoolGrad) Halves(int) []int { return []int{0} }

// Cost implements Op.
func (o AvgPoolGrad) Cost(in, out []Type) Cost {
	return perElement(int64(o.K*o.K), in[0], in, out)
}

// GlobalAvgPool is y[n,c] = mean of x[n,:,:,c]. x: (N,H,W,C); y: (N,C). Sums:
// PixelSum.
// Source: paper, squeeze of the attention block and head; torch.mean(x, (2,3)).
type GlobalAvgPool struct{}

// Name implements Op.
func (GlobalAvgPool) Name() string { return "global_avg_pool" }

// Attrs implements Op.
func (GlobalAvgPool) Attrs() string { return "" }

// Infer implements Op: operand x; result y.
func (o GlobalAvgPool) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("global_avg_pool", o.Halves(len(in)), in, 4); err != nil {
		return nil, err
	}
	return []Type{Real(in[0].Shape[0], in[0].Shape[3])}, nil
}

// Halves implements Halvable.
func (GlobalAvgPool) Halves(int) []int { return []int{0} }

// Cost implements Op.
func (GlobalAvgPool) Cost(in, out []Type) Cost { return perElement(1, in[0], in, out) }

// GlobalAvgPoolGrad is dx[n,h,w,c] = dy[n,c] / (H*W). dy: (N,C) f32; dx:
// (N,H,W,C), bf16 with Half.
// Source: torch.mean(x, (2,3)).
type GlobalAvgPoolGrad struct {
	H, W int
	Half bool
}

// Name implements Op.
func (GlobalAvgPoolGrad) Name() string { return "global_avg_pool_grad" }

// Attrs implements Op.
func (o GlobalAvgPoolGrad) Attrs() string {
	if o.Half {
		return fmt.Sprintf("size=%d,%d half", o.H, o.W)
	}
	return fmt.Sprintf("size=%d,%d", o.H, o.W)
}

// Infer implements Op: operand dy; result dx.
func (o GlobalAvgPoolGrad) Infer(in []Type) ([]Type, error) {
	if err := want("global_avg_pool_grad", in, 2); err != nil {
		return nil, err
	}
	if o.H < 1 || o.W < 1 {
		return nil, fmt.Errorf("global_avg_pool_grad: bad size %d,%d", o.H, o.W)
	}
	x := Real(in[0].Shape[0], o.H, o.W, in[0].Shape[1])
	if o.Half {
		x.DType = BF16
	}
	return []Type{x}, nil
}

// Cost implements Op.
func (o GlobalAvgPoolGrad) Cost(in, out []Type) Cost { return perElement(1, out[0], in, out) }
