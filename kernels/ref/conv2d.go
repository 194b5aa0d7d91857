package ref

import "g2c/kernels"

// at4 is the index of [a,b,c,d] in a tensor of rank 4.
func at4(s kernels.Shape, a, b, c, d int) int { return ((a*s[1]+b)*s[2]+c)*s[3] + d }

// eachTap calls f for every pixel (n,p,q) of the output and every tap (r,s) that
// reads a pixel (h,w) of the input.
func eachTap(g kernels.Geometry, x, y kernels.Shape, rs, ss int, f func(n, p, q, r, s, h, w int)) {
	for n := range y[0] {
		for p := range y[1] {
			for q := range y[2] {
				for r := range rs {
					for s := range ss {
						h := g.Source(p*g.Stride+r-g.PadH, x[1])
						w := g.Source(q*g.Stride+s-g.PadW, x[2])
						if h >= 0 && w >= 0 {
							f(n, p, q, r, s, h, w)
						}
					}
				}
			}
		}
	}
}

func conv2D(op kernels.Conv2D, in, out []tensor) {
	x, w, y := in[0], in[1], out[0]
	xs, ws, ys := x.Shape(), w.Shape(), y.Shape()
	clear(y.F)
	eachTap(op.Geometry, xs, ys, ws[1], ws[2], func(n, p, q, r, s, h, wd int) {
		pixel := x.F[at4(xs, n, h, wd, 0):][:xs[3]]
		for k := range ys[3] {
			tap := w.F[at4(ws, k, r, s, 0):][:xs[3]]
			sum := 0.0
			for c, v := range pixel {
				sum += float64(v * tap[c])
			}
			y.F[at4(ys, n, p, q, k)] += sum
		}
	})
	if len(in) == 3 {
		for i := range y.F {
			y.F[i] += in[2].F[i%ys[3]]
		}
	}
}

func conv2DGradX(op kernels.Conv2DGradX, in, out []tensor) {
	dy, w, dx := in[0], in[1], out[0]
	ds, ws, xs := dy.Shape(), w.Shape(), dx.Shape()
	clear(dx.F)
	eachTap(op.Geometry, xs, ds, ws[1], ws[2], func(n, p, q, r, s, h, wd int) {
		pixel := dx.F[at4(xs, n, h, wd, 0):][:xs[3]]
		for k := range ds[3] {
			d := dy.F[at4(ds, n, p, q, k)]
			tap := w.F[at4(ws, k, r, s, 0):][:xs[3]]
			for c := range pixel {
				pixel[c] += float64(d * tap[c])
			}
		}
	})
}

func conv2DGradW(op kernels.Conv2DGradW, in, out []tensor) {
	x, dy, dw := in[0], in[1], out[0]
	xs, ds := x.Shape(), dy.Shape()
	ws := dw.Shape()[1:]
	clear(dw.F)
	size := ws.Len()
	eachTap(op.Geometry, xs, ds, op.R, op.S, func(n, p, q, r, s, h, wd int) {
		shard := dw.F[shardOf(op.Segments, xs[0], n)*size:][:size]
		pixel := x.F[at4(xs, n, h, wd, 0):][:xs[3]]
		for k := range ds[3] {
			d := dy.F[at4(ds, n, p, q, k)]
			tap := shard[at4(ws, k, r, s, 0):][:xs[3]]
			for c, v := range pixel {
				tap[c] += float64(d * v)
			}
		}
	})
}

// shardOf is the shard of sample n of total.
func shardOf(s kernels.Segments, total, n int) int { return n / s.Per(total) % s.Shards }

func biasGrad(op kernels.BiasGrad, in, out []tensor) {
	dy, db := in[0], out[0]
	total := dy.Shape()[0]
	k := db.Shape()[1]
	per := len(dy.F) / total
	clear(db.F)
	for i, v := range dy.F {
		db.F[shardOf(op.Segments, total, i/per)*k+i%k] += v
	}
}
