package cpu

import (
	"math"
	"testing"

	"g2c/kernels"
	"g2c/kernels/cpu/internal/fma32"
)

// The lines of Winograd's transforms in plain Go, written from their formulas with
// the fused operations in the order that the class fixes.

func fma(a, b, c float32) float32 { return fma32.FMA(a, b, c) }

const (
	rt  = float32(math.Sqrt2)
	inv = float32(1 / math.Sqrt2)
)

func plainInput(d []float32) []float32 {
	e1, o1 := fma(-0.5, d[2], d[4]), fma(-0.5, d[1], d[3])
	e2, o2 := fma(-2, d[2], d[4]), fma(-2, d[1], d[3])
	return []float32{
		fma(-2.5, d[2], d[0]+d[4]),
		fma(rt, o1, e1), fma(-rt, o1, e1),
		fma(inv, o2, e2), fma(-inv, o2, e2),
		fma(-2.5, d[3], d[1]+d[5]),
	}
}

func plainOutput(m []float32) []float32 {
	s1, q1, s2, q2 := m[1]+m[2], m[1]-m[2], m[3]+m[4], m[3]-m[4]
	return []float32{
		m[0] + s1 + s2,
		fma(inv, q2, rt*q1),
		fma(0.5, s2, 2*s1),
		fma(2*rt, q1, fma(rt/4, q2, m[5])),
	}
}

func plainWeights(g []float32) []float32 {
	a := float32(1./6) * fma(2, g[2], g[0])
	b := float32(-2./3) * fma(0.5, g[2], g[0])
	c, d := float32(math.Sqrt2/6), float32(-math.Sqrt2/3)
	return []float32{g[0], fma(c, g[1], a), fma(-c, g[1], a), fma(d, g[1], b), fma(-d, g[1], b), g[2]}
}

func plainGradient(d []float32) []float32 {
	e1, o1 := fma(2, d[2], d[0]), fma(2, d[3], d[1])
	e2, o2 := fma(0.5, d[2], d[0]), fma(0.5, d[3], d[1])
	return []float32{d[0], fma(rt, o1, e1), fma(-rt, o1, e1), fma(inv, o2, e2), fma(-inv, o2, e2), d[3]}
}

func plainGradW(m []float32) []float32 {
	s1, q1, s2, q2 := m[1]+m[2], m[1]-m[2], m[3]+m[4], m[3]-m[4]
	sixth, third, twoThirds := float32(1./6), float32(1./3), float32(2./3)
	return []float32{
		fma(-twoThirds, s2, fma(sixth, s1, m[0])),
		fma(-float32(math.Sqrt2/3), q2, float32(math.Sqrt2/6)*q1),
		fma(-third, s2, fma(third, s1, m[5])),
	}
}

// both applies a line to the columns of a square of n×n, then to its rows.
func both(line func([]float32) []float32, n int, square []float32) []float32 {
	var half [][]float32 // by column
	for j := range n {
		column := make([]float32, n)
		for i := range column {
			column[i] = square[i*n+j]
		}
		half = append(half, line(column))
	}
	var out []float32
	for i := range half[0] {
		row := make([]float32, n)
		for j := range row {
			row[j] = half[j][i]
		}
		out = append(out, line(row)...)
	}
	return out
}

// read gives a square of what p×q results read, from the place of the result at
// row and col: zeros where no result reads.
func (m image) read(g kernels.Geometry, n, row, col, p, q, side, c int) []float32 {
	var out []float32
	for i := range side {
		for j := range side {
			h, w := -1, -1
			if row+i < p+side-winogradSide && col+j < q+side-winogradSide {
				h, w = g.Source(row+i-g.PadH, m.s[1]), g.Source(col+j-g.PadW, m.s[2])
			}
			out = append(out, m.at(n, h, w, c))
		}
	}
	return out
}

// eachSquare calls f for every square of rows×cols results, in order.
func eachSquare(samples []int, rows, cols int, f func(n, row, col int)) {
	for _, n := range samples {
		for row := 0; row < rows; row += winogradSide {
			for col := 0; col < cols; col += winogradSide {
				f(n, row, col)
			}
		}
	}
}

// bySquares is the sum over inner channels of x and of transformed weights.
func bySquares(g kernels.Geometry, x image, weights func(j, i int) []float32, outer, p, q int) []float32 {
	inner := x.s[3]
	u := make([][]float32, outer*inner)
	for k := range u {
		u[k] = both(plainWeights, winogradTaps, weights(k/inner, k%inner))
	}
	y := make([]float32, x.s[0]*p*q*outer)
	eachSquare(count(0, x.s[0], 1), p, q, func(n, row, col int) {
		sums := make([][]float32, outer)
		for i := range inner {
			v := both(plainInput, winogradSource, x.read(g, n, row, col, p, q, winogradSource, i))
			for j := range sums {
				if i == 0 {
					sums[j] = make([]float32, places)
				}
				for at := range places {
					sums[j][at] = fma(v[at], u[j*inner+i][at], sums[j][at])
				}
			}
		}
		for j, s := range sums {
			for at, v := range both(plainOutput, winogradSource, s) {
				h, w := row+at/winogradSide, col+at%winogradSide
				if h < p && w < q {
					y[((n*p+h)*q+w)*outer+j] = v
				}
			}
		}
	})
	return y
}

func squaresForward(g kernels.Geometry, x, w image, bias []float64, p, q int) []float32 {
	y := bySquares(g, x, func(k, c int) (taps []float32) {
		for t := range winogradTaps * winogradTaps {
			taps = append(taps, w.at(k, t/winogradTaps, t%winogradTaps, c))
		}
		return taps
	}, w.s[0], p, q)
	for i := range y {
		if bias != nil {
			y[i] += float32(bias[i%len(bias)])
		}
	}
	return y
}

func squaresGradX(op kernels.Conv2DGradX, dy, w image) []float32 {
	const last = winogradTaps - 1
	turned := kernels.Geometry{Stride: 1, PadH: last - op.PadH, PadW: last - op.PadW}
	dx := bySquares(turned, dy, func(c, k int) (taps []float32) {
		for t := range winogradTaps * winogradTaps {
			taps = append(taps, w.at(k, last-t/winogradTaps, last-t%winogradTaps, c))
		}
		return taps
	}, w.s[3], op.H, op.W)
	if op.Mode == kernels.Reflect {
		fold(op, dy, w, dx)
	}
	return dx
}

// fold adds to dx what reflection mirrors: rows with all that columns mirror,
// then columns of rows as they are.
func fold(op kernels.Conv2DGradX, dy, w image, dx []float32) {
	zero := op.Geometry
	zero.Mode = kernels.Zero
	meet := func(n, c, h, v, r, s int, ps, qs []int) {
		to := &dx[((n*op.H+h)*op.W+v)*w.s[3]+c]
		for k := range w.s[0] {
			var sum float32
			for _, p := range ps {
				for _, q := range qs {
					sum += dy.at(n, p, q, k)
				}
			}
			*to = fma(sum, w.at(k, r, s, c), *to)
		}
	}
	readers := func(g kernels.Geometry, i, r, in, out int) (ps []int) {
		for p := range out {
			if g.Source(p+r-1, in) == i {
				ps = append(ps, p)
			}
		}
		return ps
	}
	type edge struct{ onto, tap, from int }
	edges := func(in, out int) []edge { return []edge{{1, 0, 0}, {in - 2, 2, out - 1}} }
	for i := range dy.s[0] * w.s[3] {
		n, c := i/w.s[3], i%w.s[3]
		for _, e := range edges(op.H, dy.s[1]) {
			for v := range op.W {
				for s := range winogradTaps {
					meet(n, c, e.onto, v, e.tap, s, []int{e.from}, readers(op.Geometry, v, s, op.W, dy.s[2]))
				}
			}
		}
		for _, e := range edges(op.W, dy.s[2]) {
			for h := range op.H {
				for r := range winogradTaps {
					meet(n, c, h, e.onto, r, e.tap, readers(zero, h, r, op.H, dy.s[1]), []int{e.from})
				}
			}
		}
	}
}

func squaresGradW(op kernels.Conv2DGradW, x, dy image) (dw []float32) {
	ch, outs := x.s[3], dy.s[3]
	for _, samples := range shards(op.Segments, x.s[0]) {
		sums := make([][]float32, outs*ch)
		for i := range sums {
			sums[i] = make([]float32, places)
		}
		eachSquare(samples, dy.s[1], dy.s[2], func(n, row, col int) {
			z := make([][]float32, outs)
			for k := range z {
				z[k] = both(plainGradient, winogradSide, dy.read(kernels.Geometry{}, n, row, col, dy.s[1], dy.s[2], winogradSide, k))
			}
			for c := range ch {
				v := both(plainInput, winogradSource, x.read(op.Geometry, n, row, col, dy.s[1], dy.s[2], winogradSource, c))
				for k := range z {
					for at, s := range sums[k*ch+c] {
						sums[k*ch+c][at] = fma(z[k][at], v[at], s)
					}
				}
			}
		})
		for k := range outs {
			back := make([][]float32, ch)
			for c := range back {
				back[c] = both(plainGradW, winogradSource, sums[k*ch+c])
			}
			for t := range winogradTaps * winogradTaps {
				for c := range back {
					dw = append(dw, back[c][t])
				}
			}
		}
	}
	return dw
}

// TestWinogradIsTried: the trials above reach every way by squares.
func TestWinogradIsTried(t *testing.T) {
	if !has(AVX2) {
		t.Skip("SKIPPED: this machine has no AVX2")
	}
	d := open(t, Options{ISA: AVX2})
	seen := map[string]int{}
	for _, tr := range convTrials() {
		a, b := tr.in[0].Shape, tr.in[1].Shape
		switch op := tr.op.(type) {
		case kernels.Conv2D:
			p, q := op.Out(a[1], a[2], b[1], b[2])
			if d.winogradFits(op.Geometry, b[1], b[2], b[3], b[0], p, q) {
				seen[op.Name()+op.Mode.String()]++
			}
		case kernels.Conv2DGradX:
			if d.winogradFits(op.Geometry, b[1], b[2], b[3], b[0], op.H, op.W) && foldsFit(op.Geometry, op.H, op.W) {
				seen[op.Name()+op.Mode.String()]++
			}
		case kernels.Conv2DGradW:
			if d.winogradFits(op.Geometry, op.R, op.S, a[3], b[3], b[1], b[2]) {
				seen[op.Name()+op.Mode.String()]++
			}
		}
	}
	for _, want := range []string{"conv2dzero", "conv2dreflect", "conv2d_grad_xzero", "conv2d_grad_xreflect", "conv2d_grad_wzero", "conv2d_grad_wreflect"} {
		if seen[want] == 0 {
			t.Errorf("no trial of %s by squares", want)
		}
	}
	if d := open(t, Options{ISA: Portable}); d.winogradFits(kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}, 3, 3, 64, 64, 16, 16) {
		t.Error("portable code has no transforms")
	}
}
