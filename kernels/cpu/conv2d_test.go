package cpu

import (
	"testing"

	"g2c/kernels"
	"g2c/kernels/cpu/internal/fma32"
)

// image is a tensor (N,H,W,C) in float32.
type image struct {
	s kernels.Shape
	v []float32
}

func imageOf(t kernels.Type, v []float64) image {
	f := make([]float32, len(v))
	for i, x := range v {
		f[i] = float32(x)
	}
	return image{t.Shape, f}
}

// at is an element; outside the image, h or w < 0, it is zero.
func (m image) at(n, h, w, c int) float32 {
	if h < 0 || w < 0 {
		return 0
	}
	return m.v[((n*m.s[1]+h)*m.s[2]+w)*m.s[3]+c]
}

// TestConvDefinition compares convolutions to the bit with chains of fused
// multiply-adds in the order of the contract, link by link.
func TestConvDefinition(t *testing.T) {
	if !has(AVX2) {
		t.Skip("SKIPPED: this machine has no AVX2")
	}
	for _, isa := range isas() {
		if isa == Portable {
			continue
		}
		d := open(t, Options{Threads: 2, ISA: isa})
		for i, tr := range convTrials() {
			ops := tr.operands(uint64(i))
			want := d.define(tr, ops)
			for j, got := range tr.run(t, d, ops)[0] {
				if float32(got) != want[j] {
					t.Errorf("%s %v: element %d: %g, want %g", isa, tr, j, got, want[j])
					break
				}
			}
		}
	}
}

// define computes a trial as the class says: by its contract, or by squares.
func (d *Device) define(tr trial, ops [][]float64) []float32 {
	a, b := imageOf(tr.in[0], ops[0]), imageOf(tr.in[1], ops[1])
	switch op := tr.op.(type) {
	case kernels.Conv2D:
		var bias []float64
		if len(ops) == 3 {
			bias = ops[2]
		}
		p, q := op.Out(a.s[1], a.s[2], b.s[1], b.s[2])
		if d.winogradFits(op.Geometry, b.s[1], b.s[2], b.s[3], b.s[0], p, q) {
			return squaresForward(op.Geometry, a, b, bias, p, q)
		}
		return defineForward(op.Geometry, a, b, bias)
	case kernels.Conv2DGradX:
		if d.winogradFits(op.Geometry, b.s[1], b.s[2], b.s[3], b.s[0], op.H, op.W) && foldsFit(op.Geometry, op.H, op.W) {
			return squaresGradX(op, a, b)
		}
		return defineGradX(op, a, b)
	case kernels.Conv2DGradW:
		if d.winogradFits(op.Geometry, op.R, op.S, a.s[3], b.s[3], b.s[1], b.s[2]) {
			return squaresGradW(op, a, b)
		}
		return defineGradW(op, a, b)
	}
	panic("not a convolution")
}

func defineForward(g kernels.Geometry, x, w image, bias []float64) (y []float32) {
	p, q := g.Out(x.s[1], x.s[2], w.s[1], w.s[2])
	for i := range x.s[0] * p * q * w.s[0] {
		k, col, row, n := i%w.s[0], i/w.s[0]%q, i/w.s[0]/q%p, i/w.s[0]/q/p
		var sum float32
		for r := range w.s[1] {
			for s := range w.s[2] {
				h := g.Source(row*g.Stride+r-g.PadH, x.s[1])
				v := g.Source(col*g.Stride+s-g.PadW, x.s[2])
				for c := range x.s[3] {
					sum = fma32.FMA(x.at(n, h, v, c), w.at(k, r, s, c), sum)
				}
			}
		}
		if bias != nil {
			sum += float32(bias[k])
		}
		y = append(y, sum)
	}
	return y
}

func defineGradX(op kernels.Conv2DGradX, dy, w image) (dx []float32) {
	g, ch := op.Geometry, w.s[3]
	// readers of an input position through a tap, in order
	readers := func(i, r, in, out, pad int) (ps []int) {
		for p := range out {
			if g.Source(p*g.Stride+r-pad, in) == i {
				ps = append(ps, p)
			}
		}
		return ps
	}
	for i := range dy.s[0] * op.H * op.W * ch {
		c, col, row, n := i%ch, i/ch%op.W, i/ch/op.W%op.H, i/ch/op.W/op.H
		var sum float32
		for r := range w.s[1] {
			ps := readers(row, r, op.H, dy.s[1], g.PadH)
			for s := range w.s[2] {
				qs := readers(col, s, op.W, dy.s[2], g.PadW)
				for k := range w.s[0] {
					var met float32
					for _, p := range ps {
						for _, q := range qs {
							met += dy.at(n, p, q, k)
						}
					}
					sum = fma32.FMA(met, w.at(k, r, s, c), sum)
				}
			}
		}
		dx = append(dx, sum)
	}
	return dx
}

func defineGradW(op kernels.Conv2DGradW, x, dy image) (dw []float32) {
	g, ch, taps := op.Geometry, x.s[3], op.R*op.S
	size := dy.s[3] * taps * ch
	for i := range op.Shards * size {
		c, s, r, k := i%ch, i/ch%op.S, i/ch/op.S%op.R, i/ch/taps%dy.s[3]
		var sum float32
		for _, n := range shards(op.Segments, x.s[0])[i/size] {
			for p := range dy.s[1] {
				for q := range dy.s[2] {
					h := g.Source(p*g.Stride+r-g.PadH, x.s[1])
					v := g.Source(q*g.Stride+s-g.PadW, x.s[2])
					sum = fma32.FMA(x.at(n, h, v, c), dy.at(n, p, q, k), sum)
				}
			}
		}
		dw = append(dw, sum)
	}
	return dw
}
