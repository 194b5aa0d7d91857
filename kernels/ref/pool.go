package ref

import (
	"math"

	"g2c/kernels"
)

// window lists the pixels (h,w) of x under window (p,q), in row-major order.
func window(o kernels.Window, x kernels.Shape, p, q int, f func(h, w int)) {
	for r := range o.K {
		for s := range o.K {
			h, w := p*o.Stride+r-o.Pad, q*o.Stride+s-o.Pad
			if h >= 0 && h < x[1] && w >= 0 && w < x[2] {
				f(h, w)
			}
		}
	}
}

// eachPixel walks the elements of a tensor of rank 4.
func eachPixel(s kernels.Shape, f func(i, n, p, q, c int)) {
	i := 0
	for n := range s[0] {
		for p := range s[1] {
			for q := range s[2] {
				for c := range s[3] {
					f(i, n, p, q, c)
					i++
				}
			}
		}
	}
}

func maxPool(op kernels.MaxPool, in, out []tensor) {
	x, y, arg := in[0], out[0], out[1]
	xs := x.Shape()
	eachPixel(y.Shape(), func(i, n, p, q, c int) {
		best, at := 0.0, -1
		window(op.Window, xs, p, q, func(h, w int) {
			v := x.F[at4(xs, n, h, w, c)]
			if at < 0 || v > best || (math.IsNaN(v) && !math.IsNaN(best)) {
				best, at = v, h*xs[2]+w
			}
		})
		y.F[i], arg.I[i] = best, int32(at)
	})
}

func maxPoolGrad(op kernels.MaxPoolGrad, in, out []tensor) {
	dy, arg, dx := in[0], in[1], out[0]
	xs := dx.Shape()
	clear(dx.F)
	eachPixel(dy.Shape(), func(i, n, p, q, c int) {
		a := int(arg.I[i])
		dx.F[at4(xs, n, a/op.W, a%op.W, c)] += dy.F[i]
	})
}

func avgPool(op kernels.AvgPool, in, out []tensor) {
	x, y := in[0], out[0]
	xs := x.Shape()
	eachPixel(y.Shape(), func(i, n, p, q, c int) {
		sum := 0.0
		window(op.Window, xs, p, q, func(h, w int) { sum += x.F[at4(xs, n, h, w, c)] })
		y.F[i] = sum / float64(op.Span(p, xs[1])*op.Span(q, xs[2]))
	})
}

func avgPoolGrad(op kernels.AvgPoolGrad, in, out []tensor) {
	dy, dx := in[0], out[0]
	xs := dx.Shape()
	clear(dx.F)
	eachPixel(dy.Shape(), func(i, n, p, q, c int) {
		window(op.Window, xs, p, q, func(h, w int) {
			dx.F[at4(xs, n, h, w, c)] += dy.F[i] / float64(op.Span(p, xs[1])*op.Span(q, xs[2]))
		})
	})
}

func globalAvgPool(_ kernels.GlobalAvgPool, in, out []tensor) {
	x, y := in[0], out[0]
	s := x.Shape()
	clear(y.F)
	eachPixel(s, func(i, n, _, _, c int) { y.F[n*s[3]+c] += x.F[i] })
	for i := range y.F {
		y.F[i] /= float64(s[1] * s[2])
	}
}

func globalAvgPoolGrad(op kernels.GlobalAvgPoolGrad, in, out []tensor) {
	dy, dx := in[0], out[0]
	s := dx.Shape()
	eachPixel(s, func(i, n, _, _, c int) { dx.F[i] = dy.F[n*s[3]+c] / float64(op.H*op.W) })
}
