package kernels

import "fmt"

// PadMode says what stands outside an image.
type PadMode uint8

// Zero pads with zeros; Reflect mirrors without repeating the edge pixel, as
// torch.nn.ReflectionPad2d does.
const (
	Zero PadMode = iota
	Reflect
)

// String implements fmt.Stringer.
func (m PadMode) String() string {
	if m == Reflect {
		return "reflect"
	}
	return "zero"
}

// Geometry is the geometry of a two-dimensional convolution: one stride for
// both axes and symmetric padding of PadH rows and PadW columns.
type Geometry struct {
	Stride     int
	PadH, PadW int
	Mode       PadMode
}

// String implements fmt.Stringer.
func (g Geometry) String() string {
	return fmt.Sprintf("stride=%d pad=%d,%d mode=%v", g.Stride, g.PadH, g.PadW, g.Mode)
}

// Out is the size of the output for an input of h×w and a kernel of r×s.
func (g Geometry) Out(h, w, r, s int) (oh, ow int) {
	return (h+2*g.PadH-r)/g.Stride + 1, (w+2*g.PadW-s)/g.Stride + 1
}

// Source maps a coordinate of the padded axis, i - pad, to one of the image of
// length n, or to -1 where a zero stands.
func (g Geometry) Source(i, n int) int {
	if i >= 0 && i < n {
		return i
	}
	if g.Mode == Zero {
		return -1
	}
	if i < 0 {
		return -i
	}
	return 2*n - 2 - i
}

func (g Geometry) check(op string, h, w, r, s int) error {
	switch {
	case g.Stride < 1 || g.PadH < 0 || g.PadW < 0:
		return fmt.Errorf("%s: bad geometry %v", op, g)
	case g.Mode == Reflect && (g.PadH >= h || g.PadW >= w):
		return fmt.Errorf("%s: reflection of %d,%d needs a larger image than %dx%d", op, g.PadH, g.PadW, h, w)
	case h+2*g.PadH < r || w+2*g.PadW < s:
		return fmt.Errorf("%s: kernel %dx%d does not fit %dx%d", op, r, s, h, w)
	}
	return nil
}

// Conv2D is
//
//	y[n,p,q,k] = b[k] + sum over r,s,c of x[n, p*stride+r-padH, q*stride+s-padW, c] * w[k,r,s,c]
//
// x: (N,H,W,C), w: (K,R,S,C), b: (K) or absent; y: (N,P,Q,K). Outside the image
// x is zero or mirrored. Each y is one chain of fused multiply-adds from zero in
// the order r, s, c (c fastest); b is added last. A class may compute 3×3
// convolutions of stride 1, and their gradients, by squares instead: then it says
// which, and in which order (kernels/cpu/winograd.go). Where x and w are bf16, so
// is y, and a class has its own fixed order of the float32 sum.
// Source: torch.nn.functional.conv2d, reflection as torch.nn.ReflectionPad2d.
type Conv2D struct{ Geometry }

// Name implements Op.
func (Conv2D) Name() string { return "conv2d" }

// Attrs implements Op.
func (o Conv2D) Attrs() string { return o.Geometry.String() }

// Infer implements Op: operands x, w and optionally b.
func (o Conv2D) Infer(in []Type) ([]Type, error) {
	ranks := []int{4, 4, 1}
	if len(in) == 2 {
		ranks = ranks[:2]
	}
	if err := wantHalf("conv2d", o.Halves(len(in)), in, ranks...); err != nil {
		return nil, err
	}
	x, w := in[0].Shape, in[1].Shape
	if x[3] != w[3] {
		return nil, fmt.Errorf("conv2d: x %v and w %v differ in channels", x, w)
	}
	if len(in) == 3 {
		if err := wantShape("conv2d", "bias", in[2], w[0]); err != nil {
			return nil, err
		}
	}
	if err := o.check("conv2d", x[1], x[2], w[1], w[2]); err != nil {
		return nil, err
	}
	p, q := o.Out(x[1], x[2], w[1], w[2])
	return []Type{{in[0].DType, Shape{x[0], p, q, w[0]}}}, nil
}

// Halves implements Halvable.
func (Conv2D) Halves(int) []int { return []int{0, 1} }

// Cost implements Op.
func (o Conv2D) Cost(in, out []Type) Cost {
	w := in[1].Shape
	return perElement(2*int64(w[1]*w[2]*w[3]), out[0], in, out)
}

// Conv2DGradX is the gradient of Conv2D by its input, which is also the forward
// pass of a transposed convolution with the same weights:
//
//	dx[n,h,w,c] = sum over r,s,k of dy[n,p,q,k] * w[k,r,s,c]
//
// over all p,q that read x[n,h,w] through tap r,s. dy: (N,P,Q,K), w: (K,R,S,C);
// dx: (N,H,W,C), with H and W attributes, since a stride leaves them open. Each
// dx is one chain of fused multiply-adds from zero in the order r, s, k (k
// fastest); where reflection lets several pixels of dy meet in one tap, they are
// first added in the order of p, then q. Where dy and w are bf16, so is dx, and a
// class has its own fixed order of the float32 sum; under reflection it may round
// the gradient by each pixel of the padded image to bf16 before it adds them.
// Source: torch.nn.functional.conv_transpose2d; w is its (in,out,R,S) weight as
// (in,R,S,out).
type Conv2DGradX struct {
	Geometry
	H, W int
}

// Name implements Op.
func (Conv2DGradX) Name() string { return "conv2d_grad_x" }

// Attrs implements Op.
func (o Conv2DGradX) Attrs() string { return fmt.Sprintf("%v size=%d,%d", o.Geometry, o.H, o.W) }

// Infer implements Op: operands dy and w.
func (o Conv2DGradX) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("conv2d_grad_x", o.Halves(len(in)), in, 4, 4); err != nil {
		return nil, err
	}
	dy, w := in[0].Shape, in[1].Shape
	if err := o.check("conv2d_grad_x", o.H, o.W, w[1], w[2]); err != nil {
		return nil, err
	}
	p, q := o.Out(o.H, o.W, w[1], w[2])
	if err := wantShape("conv2d_grad_x", "dy", in[0], dy[0], p, q, w[0]); err != nil {
		return nil, err
	}
	return []Type{{in[0].DType, Shape{dy[0], o.H, o.W, w[3]}}}, nil
}

// Halves implements Halvable.
func (Conv2DGradX) Halves(int) []int { return []int{0, 1} }

// Cost implements Op.
func (o Conv2DGradX) Cost(in, out []Type) Cost {
	w := in[1].Shape
	return perElement(2*int64(w[1]*w[2]*w[3]), in[0], in, out)
}

// Conv2DGradW is the gradient of Conv2D by its weights, one per shard:
//
//	dw[v,k,r,s,c] = sum over the samples n of shard v, and p,q, of
//	                x[n, p*stride+r-padH, q*stride+s-padW, c] * dy[n,p,q,k]
//
// x: (N,H,W,C), dy: (N,P,Q,K); dw: (V,K,R,S,C), with R and S attributes. Each dw
// is one chain of fused multiply-adds from zero in the order of n (see
// Segments), p, q. Where x and dy are bf16, dw is still f32, and a class has its own
// fixed order of the sum.
// Source: torch.nn.grad.conv2d_weight.
type Conv2DGradW struct {
	Geometry
	Segments
	R, S int
}

// Name implements Op.
func (Conv2DGradW) Name() string { return "conv2d_grad_w" }

// Attrs implements Op.
func (o Conv2DGradW) Attrs() string {
	return fmt.Sprintf("%v kernel=%d,%d %v", o.Geometry, o.R, o.S, o.Segments)
}

// Infer implements Op: operands x and dy.
func (o Conv2DGradW) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("conv2d_grad_w", o.Halves(len(in)), in, 4, 4); err != nil {
		return nil, err
	}
	x, dy := in[0].Shape, in[1].Shape
	if err := o.Geometry.check("conv2d_grad_w", x[1], x[2], o.R, o.S); err != nil {
		return nil, err
	}
	if err := o.Segments.check(x[0]); err != nil {
		return nil, fmt.Errorf("conv2d_grad_w: %w", err)
	}
	p, q := o.Out(x[1], x[2], o.R, o.S)
	if err := wantShape("conv2d_grad_w", "dy", in[1], x[0], p, q, dy[3]); err != nil {
		return nil, err
	}
	return []Type{Real(o.Shards, dy[3], o.R, o.S, x[3])}, nil
}

// Halves implements Halvable.
func (Conv2DGradW) Halves(int) []int { return []int{0, 1} }

// Cost implements Op.
func (o Conv2DGradW) Cost(in, out []Type) Cost {
	c := in[0].Shape[3]
	return perElement(2*int64(o.R*o.S*c), in[1], in, out)
}
