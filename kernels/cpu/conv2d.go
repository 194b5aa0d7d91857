package cpu

import (
	"fmt"

	"g2c/kernels"
	"g2c/kernels/host"
)

// call and tensor are this backend's own.
type (
	call   = host.Call[float32]
	tensor = host.Tensor[float32]
)

// axes are the two axes of a convolution of an h×w image by an r×s kernel.
func axes(g kernels.Geometry, h, w, r, s int) (rows, cols axisOf) {
	p, q := g.Out(h, w, r, s)
	return axisOf{in: h, out: p, kernel: r, stride: g.Stride, pad: g.PadH, geometry: g},
		axisOf{in: w, out: q, kernel: s, stride: g.Stride, pad: g.PadW, geometry: g}
}

// conv2D is
//
//	y[n,p,q,k] = b[k] + sum over r,s,c of x[n, p*stride+r-padH, q*stride+s-padW, c] * w[k,r,s,c]
func (d *Device) conv2D(op kernels.Conv2D, c call) func() {
	x, w, y := c.In[0], c.In[1], c.Out[0]
	var bias []float32
	if len(c.In) == 3 {
		bias = c.In[2].F
	}
	return d.convolve(op.Geometry, c, convOperands{x, w, y, bias})
}

// convOperands are the operands of a convolution: x (N,H,W,C), w (K,R,S,C),
// y (N,P,Q,K).
type convOperands struct {
	x, w, y tensor
	bias    []float32
}

func (d *Device) convolve(g kernels.Geometry, c call, o convOperands) func() {
	xs, ws, ys := o.x.Shape(), o.w.Shape(), o.y.Shape()
	if d.winogradFits(g, ws[1], ws[2], ws[3], ws[0], ys[1], ys[2]) {
		return d.convolveSquares(g, c, o)
	}
	rows, cols := axes(g, xs[1], xs[2], ws[1], ws[2])
	h, w := rows.forward(), cols.forward()
	p := &dotProduct{
		dev: d, src: o.x.F, dst: o.y.F, bias: o.bias, scratch: c.Scratch,
		samples: xs[0], inner: xs[3], outer: ys[3], dstPlane: ys[1] * ys[2],
		lattice: newLattice(&h, &w),
		phases:  []phase{{h: h, w: w, dstCols: ys[2]}},
	}
	depth := ws[1] * ws[2] * ws[3]
	p.pack = func(_ *phase, n panel, to []float32) {
		d.packRows(o.w.F[n.first*depth:], depth, n.count, n.kernel.columns, to)
	}
	p.prepare(c, o.w, layoutOf("rows", g, p))
	return p.run
}

// packRows turns rows of the right matrix, depth floats each, into a panel: to
// holds, for each position of a row, that of every row, and zeros up to width.
func (d *Device) packRows(from []float32, depth, count, width int, to []float32) {
	whole := 0 // rows that the assembly took, but for what is left of their length
	if d.isa != Portable && depth >= 8 {
		for ; whole+8 <= count; whole += 8 {
			transpose8(int64(depth/8), &from[whole*depth], int64(4*depth), &to[whole], int64(4*width))
		}
	}
	for j := range count {
		done := 0
		if j < whole {
			done = depth / 8 * 8
		}
		at := done*width + j
		for _, v := range from[j*depth:][done:depth] {
			to[at] = v
			at += width
		}
	}
	for j := count; j < width; j++ {
		for at := j; at < len(to); at += width {
			to[at] = 0
		}
	}
}

// layoutOf names how the weights of a product are packed: which taps each of its
// phases and planars reads depends on geometry and size.
func layoutOf(kind string, g kernels.Geometry, p *dotProduct) string {
	last := &p.phases[len(p.phases)-1]
	return fmt.Sprintf("%s %v %d×%d %d×%d", kind, g, p.lattice.rows, p.lattice.cols, len(last.h.outs), len(last.w.outs))
}

// conv2DGradX is
//
//	dx[n,h,w,c] = sum over r,s,k of dy[n,p,q,k] * w[k,r,s,c]
func (d *Device) conv2DGradX(op kernels.Conv2DGradX, c call) func() {
	return d.convolveBack(op.Geometry, c, c.In[0], c.In[1], c.Out[0])
}

func (d *Device) convolveBack(g kernels.Geometry, c call, dy, w, dx tensor) func() {
	ds, ws, xs := dy.Shape(), w.Shape(), dx.Shape()
	if d.winogradFits(g, ws[1], ws[2], ws[3], ws[0], xs[1], xs[2]) && foldsFit(g, xs[1], xs[2]) {
		return d.convolveSquaresBack(g, c, dy, w, dx)
	}
	rows, cols := axes(g, xs[1], xs[2], ws[1], ws[2])
	p := &dotProduct{
		dev: d, src: dy.F, dst: dx.F, scratch: c.Scratch,
		samples: xs[0], inner: ds[3], outer: xs[3], dstPlane: xs[1] * xs[2],
	}
	hs, vs := rows.backward(), cols.backward()
	p.lattice = newLattice(&hs[0], &vs[0])
	for _, h := range hs {
		for _, v := range vs {
			p.phases = append(p.phases, phase{h: h, w: v, dstCols: xs[2]})
		}
	}
	p.pack = func(f *phase, n panel, to []float32) { packTaps(f, n, w, to) }
	p.prepare(c, w, layoutOf("taps", g, p))
	return p.run
}

// packTaps writes a panel of input channels: for each tap of a phase and each k,
// the panel's part of w[k,r,s,:].
func packTaps(f *phase, n panel, w tensor, to []float32) {
	ws := w.Shape()
	at := 0
	for _, r := range f.h.taps {
		for _, s := range f.w.taps {
			for k := range ws[0] {
				from := w.F[((k*ws[1]+r)*ws[2]+s)*ws[3]+n.first:][:n.count]
				clear(to[at+copy(to[at:], from) : at+n.kernel.columns])
				at += n.kernel.columns
			}
		}
	}
}

// conv2DGradW is
//
//	dw[v,k,r,s,c] = sum over the samples n of shard v, and p,q, of
//	                x[n, p*stride+r-padH, q*stride+s-padW, c] * dy[n,p,q,k]
func (d *Device) conv2DGradW(op kernels.Conv2DGradW, c call) func() {
	return d.correlate(op.Geometry, op.Segments, c.Scratch, c.In[0], c.In[1], c.Out[0])
}

// pixelTensor sees a matrix (N,C) as N images of one pixel.
func pixelTensor(t tensor) tensor {
	s := t.Shape()
	t.Type = kernels.Real(s[0], 1, 1, s[1])
	return t
}

// point is the geometry of a 1×1 convolution.
var point = kernels.Geometry{Stride: 1}

// linear is y[n,o] = b[o] + sum over i of x[n,i] * w[o,i].
func (d *Device) linear(_ kernels.Linear, c call) func() {
	return d.convolve(point, c, convOperands{
		pixelTensor(c.In[0]), pixelTensor(c.In[1]), pixelTensor(c.Out[0]), c.In[2].F})
}

// linearGradX is dx[n,i] = sum over o of dy[n,o] * w[o,i].
func (d *Device) linearGradX(_ kernels.LinearGradX, c call) func() {
	return d.convolveBack(point, c, pixelTensor(c.In[0]), pixelTensor(c.In[1]), pixelTensor(c.Out[0]))
}

// linearGradW is dw[v,o,i] = sum over the samples n of shard v of x[n,i] * dy[n,o].
func (d *Device) linearGradW(op kernels.LinearGradW, c call) func() {
	dw := c.Out[0]
	s := dw.Shape()
	dw.Type = kernels.Real(s[0], s[1], 1, 1, s[2])
	return d.correlate(point, op.Segments, c.Scratch, pixelTensor(c.In[0]), pixelTensor(c.In[1]), dw)
}

// prepared turns a method over one operation's attributes into an entry of the
// table.
func prepared[O kernels.Op](f func(op O, c call) func()) host.Kernel[float32] {
	return func(c call) (func(), error) {
		op, ok := c.Op.(O)
		if !ok {
			return nil, fmt.Errorf("cpu: operation %T under the name %s", c.Op, c.Op.Name())
		}
		return f(op, c), nil
	}
}
