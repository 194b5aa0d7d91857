package cpu

import (
	"unsafe"

	"g2c/kernels"
)

// pooling is the geometry of a pooling operation over x (N,H,W,C) and y (N,P,Q,C).
type pooling struct {
	kernels.Window
	h, w, p, q, ch int
}

func poolingOf(o kernels.Window, x, y kernels.Shape) pooling {
	return pooling{o, x[1], x[2], y[1], y[2], x[3]}
}

// span is the part of an axis of length n under window i: [from, end).
func (o *pooling) span(i, n int) (from, end int) {
	from = i*o.Stride - o.Pad
	return max(from, 0), min(from+o.K, n)
}

// windows are those that hold position i of an axis, of limit windows: [from, end).
func (o *pooling) windows(i, limit int) (from, end int) {
	if first := i + o.Pad - o.K + 1; first > 0 {
		from = (first + o.Stride - 1) / o.Stride
	}
	return from, min((i+o.Pad)/o.Stride+1, limit)
}

// input is the offset of a row of x, output of a row of y, by sample and row.
func (o *pooling) input(n, h int) int  { return (n*o.h + h) * o.w * o.ch }
func (o *pooling) output(n, p int) int { return (n*o.p + p) * o.q * o.ch }

// maxPool is
//
//	y[n,p,q,c] = max over the window of x[n,h,w,c]
//	arg[n,p,q,c] = h*W + w of that pixel
func (d *Device) maxPool(op kernels.MaxPool, c call) func() {
	x, y, arg := c.In[0], c.Out[0], c.Out[1].I
	o := poolingOf(op.Window, x.Shape(), y.Shape())
	d.needWindows(o.K * o.K)
	return d.eachRow(x.Shape()[0]*o.p, func(own *workspace, i int) {
		n, p := i/o.p, i%o.p
		h0, h1 := o.span(p, o.h)
		for q := range o.q {
			w0, w1 := o.span(q, o.w)
			taps := 0
			for h := h0; h < h1; h++ {
				for w := w0; w < w1; w++ {
					own.left[taps], own.places[taps] = &x.F[o.input(n, h)+w*o.ch], int32(h*o.w+w)
					taps++
				}
			}
			at := o.output(n, p) + q*o.ch
			d.largest(own, taps, y.F[at:][:o.ch], arg[at:][:o.ch])
		}
	})
}

// largest takes the largest of the pixels that a member's tables name; a NaN wins,
// the first stays.
func (d *Device) largest(w *workspace, taps int, best []float32, where []int32) {
	done := d.vectors(len(best))
	if done > 0 {
		maxPool(int64(done), int64(taps), &w.left[0], &w.places[0], &best[0], &where[0])
	}
	for c := done; c < len(best); c++ {
		for t := range taps {
			v := unsafe.Slice(w.left[t], len(best))[c]
			if b := best[c]; t == 0 || v > b || (v != v && b == b) {
				best[c], where[c] = v, w.places[t]
			}
		}
	}
}

// vectors is how many of so many channels the assembly takes.
func (d *Device) vectors(channels int) int {
	if d.isa == Portable {
		return 0
	}
	return channels / 8 * 8
}

// maxPoolGrad is
//
//	dx[n,h,w,c] = sum of dy[n,p,q,c] over the p,q, in order, whose arg is h*W + w
func (d *Device) maxPoolGrad(op kernels.MaxPoolGrad, c call) func() {
	dy, arg, dx := c.In[0], c.In[1].I, c.Out[0]
	o := poolingOf(op.Window, dx.Shape(), dy.Shape())
	d.needWindows(o.K * o.K)
	return d.eachRow(dx.Shape()[0]*o.h, func(own *workspace, i int) {
		n, h := i/o.h, i%o.h
		p0, p1 := o.windows(h, o.p)
		for w := range o.w {
			q0, q1 := o.windows(w, o.q)
			count := 0
			for p := p0; p < p1; p++ {
				for q := q0; q < q1; q++ {
					at := o.output(n, p) + q*o.ch
					own.left[count], own.chosen[count] = &dy.F[at], &arg[at]
					count++
				}
			}
			d.collect(own, count, int32(h*o.w+w), dx.F[o.input(n, h)+w*o.ch:][:o.ch])
		}
	})
}

// collect adds the gradients of the windows that a member's tables name and that
// chose a place.
func (d *Device) collect(w *workspace, windows int, place int32, to []float32) {
	done := d.vectors(len(to))
	if done > 0 {
		w.places[0] = place
		maxPoolGrad(int64(done), int64(windows), &w.left[0], &w.chosen[0], &w.places[0], &to[0])
	}
	for c := done; c < len(to); c++ {
		to[c] = 0
		for t := range windows {
			if unsafe.Slice(w.chosen[t], len(to))[c] == place {
				to[c] += unsafe.Slice(w.left[t], len(to))[c]
			}
		}
	}
}

// avgPool is y[n,p,q,c] = sum over the window of x[n,h,w,c], row by row, over the places
// that count.
func (d *Device) avgPool(op kernels.AvgPool, c call) func() {
	x, y := c.In[0], c.Out[0]
	o := poolingOf(op.Window, x.Shape(), y.Shape())
	return d.eachRow(x.Shape()[0]*o.p, func(_ *workspace, i int) {
		n, p := i/o.p, i%o.p
		h0, h1 := o.span(p, o.h)
		for q := range o.q {
			w0, w1 := o.span(q, o.w)
			sum := y.F[o.output(n, p)+q*o.ch:][:o.ch]
			clear(sum)
			for h := h0; h < h1; h++ {
				for w := w0; w < w1; w++ {
					addTo(sum, x.F[o.input(n, h)+w*o.ch:])
				}
			}
			divide(sum, sum, float32(o.Span(p, o.h)*o.Span(q, o.w)))
		}
	})
}

// avgPoolGrad is dx[n,h,w,c] = the sum of dy[n,p,q,c] over the windows that hold
// the pixel, in order, / (K*K); where windows differ each dy is divided by its own's places.
func (d *Device) avgPoolGrad(op kernels.AvgPoolGrad, c call) func() {
	dy, dx := c.In[0], c.Out[0]
	o := poolingOf(op.Window, dx.Shape(), dy.Shape())
	area := float32(op.K * op.K)
	return d.eachRow(dx.Shape()[0]*o.h, func(_ *workspace, i int) {
		n, h := i/o.h, i%o.h
		p0, p1 := o.windows(h, o.p)
		for w := range o.w {
			q0, q1 := o.windows(w, o.q)
			sum := dx.F[o.input(n, h)+w*o.ch:][:o.ch]
			clear(sum)
			for p := p0; p < p1; p++ {
				for q := q0; q < q1; q++ {
					from := dy.F[o.output(n, p)+q*o.ch:]
					if o.Differ() {
						addParts(sum, from, float32(o.Span(p, o.h)*o.Span(q, o.w)))
					} else {
						addTo(sum, from)
					}
				}
			}
			if !o.Differ() {
				divide(sum, sum, area)
			}
		}
	})
}

// addParts adds from / by.
func addParts(to, from []float32, by float32) {
	from = from[:len(to)]
	for i := range to {
		to[i] += from[i] / by
	}
}

// globalAvgPool is y[n,c] = mean of x[n,:,:,c].
func (d *Device) globalAvgPool(_ kernels.GlobalAvgPool, c call) func() {
	s, y := c.In[0].Shape(), c.Out[0].F
	return d.sumPixels(c, singles(s[0]), s, func(set int, totals []float32) {
		divide(y[set*s[3]:][:s[3]], totals, float32(s[1]*s[2]))
	})
}

// globalAvgPoolGrad is dx[n,h,w,c] = dy[n,c] / (H*W).
func (d *Device) globalAvgPoolGrad(op kernels.GlobalAvgPoolGrad, c call) func() {
	dy, dx := c.In[0].F, c.Out[0]
	s := dx.Shape()
	row, ch := s[2]*s[3], s[3]
	return d.eachRow(s[0]*s[1], func(_ *workspace, i int) {
		to := dx.F[i*row:][:row]
		divide(to[:ch], dy[i/s[1]*ch:][:ch], float32(op.H*op.W))
		for at := ch; at < row; at += ch {
			copy(to[at:], to[:ch])
		}
	})
}
