package dataset

import (
	"cmp"
	"fmt"
)

// Fit is how an image of another size becomes one of the set's.
type Fit string

// The fits.
const (
	Resize  Fit = "resize"  // crop to the centre square, then resize; not what is far too small
	Enlarge Fit = "enlarge" // crop to the centre square, then resize, however small it is
	Refuse  Fit = "refuse"  // an error
)

// maxEnlarge is how much smaller than the wanted side an image may be for Resize. Beyond
// it there is nothing left of the tissue to learn from; up to it, enlarging is
// done and reported.
const maxEnlarge = 4

// fitting returns why an image of w x h pixels cannot be fitted, or nil.
func (o *Options) fitting(w, h int) error {
	exact := cmp.Or(o.Exact, o.Side)
	switch {
	case o.Fit == Refuse && (w != h || w != exact && w != o.Side):
		return fmt.Errorf("it has %d x %d pixels, and fit: refuse wants %d x %d", w, h, exact, exact)
	case o.Fit == Resize && min(w, h)*maxEnlarge < o.Side:
		return marked{fmt.Errorf("it has %d x %d pixels, too few to enlarge to %d x %d", w, h, o.Side, o.Side), errTooSmall}
	}
	return nil
}

// Weights are fractions of 2^weightBits; between the passes values keep
// guardBits more bits than a pixel. Sums of |weights| stay below 1.5, so
// everything fits into 32 bits: 255 * 2^6 * 1.5 * 2^14 * 1.5 < 2^30.
const (
	weightBits = 14
	guardBits  = 6
)

// taps are the source pixels of one output pixel: first, first+1, ... with
// weights that sum to 2^weightBits exactly.
type taps struct {
	first   int
	weights []int32
}

// fitSquare returns the centre square of m resized to side x side with an
// antialiased Catmull-Rom filter, side*side*3 bytes. It is the one definition of
// resizing, in integers only: the pixels are the same on every machine.
//
// The square has min(w, h) pixels, cut at ((w-n)/2, (h-n)/2). Output pixel o
// samples at (o + 1/2) n/side; the kernel is stretched by n/side where that is
// over 1 (area-aware), cut at the border and normalised. Columns first, then
// rows. An image of the wanted size comes back unchanged.
//
// Any change of the pixels that it gives raises the version in internal/pixelcache.
func fitSquare(m rgb, side int) []uint8 {
	n := min(m.w, m.h)
	left, top := (m.w-n)/2, (m.h-n)/2
	rows := n
	filter := catmullRom(n, side)

	narrow := make([]int32, rows*side*3)
	for y := range rows {
		src := m.pix[((top+y)*m.w+left)*3:][:n*3]
		dst := narrow[y*side*3:][:side*3]
		for o, t := range filter {
			var r, g, b int32
			for k, w := range t.weights {
				p := src[(t.first+k)*3:][:3]
				r += w * int32(p[0])
				g += w * int32(p[1])
				b += w * int32(p[2])
			}
			const half = 1 << (weightBits - guardBits - 1)
			dst[o*3] = (r + half) >> (weightBits - guardBits)
			dst[o*3+1] = (g + half) >> (weightBits - guardBits)
			dst[o*3+2] = (b + half) >> (weightBits - guardBits)
		}
	}

	out := make([]uint8, side*side*3)
	sums := make([]int32, side*3)
	for o, t := range filter {
		clear(sums)
		for k, w := range t.weights {
			row := narrow[(t.first+k)*side*3:][:side*3]
			for x, v := range row {
				sums[x] += w * v
			}
		}
		dst := out[o*side*3:][:side*3]
		for x, v := range sums {
			const shift = weightBits + guardBits
			dst[x] = uint8(min(max((v+1<<(shift-1))>>shift, 0), 255))
		}
	}
	return out
}

// catmullRom gives the taps of every output pixel when n pixels become side.
func catmullRom(n, side int) []taps {
	filter := make([]taps, side)
	wide := int64(max(n, side))
	for o := range filter {
		// In units of 1/(2 wide) of a kernel's unit, source pixel i lies at
		// (2i+1) side - (2o+1) n, and the kernel ends at 4 wide.
		centre := int64(2*o+1) * int64(n)
		s := int64(side)
		first := max((centre-4*wide-s)/(2*s), 0)
		var raw []int64
		for i := first; i < int64(n); i++ {
			at := (2*i+1)*s - centre
			if at >= 4*wide {
				break
			}
			if at <= -4*wide {
				first++
				continue
			}
			raw = append(raw, kernel(at, wide))
		}
		filter[o] = taps{int(first), normalise(raw)}
	}
	return filter
}

// kernel is the Catmull-Rom kernel at |at| / (2 wide), in units of 2^-30:
// 1.5 t^3 - 2.5 t^2 + 1 up to 1, -0.5 t^3 + 2.5 t^2 - 4 t + 2 up to 2.
func kernel(at, wide int64) int64 {
	const one = 1 << 15
	t := (max(at, -at)*one + wide) / (2 * wide)
	switch t2, t3 := t*t, t*t*t; {
	case t < one:
		return (3*t3 - 5*t2*one + 2*one*one*one) >> 16
	case t < 2*one:
		return (-t3 + 5*t2*one - 8*t*one*one + 4*one*one*one) >> 16
	}
	return 0
}

// normalise scales weights to a sum of 2^weightBits; what rounding leaves goes to
// the largest (the first of equals), so that a constant image stays constant.
func normalise(raw []int64) []int32 {
	var sum int64
	for _, v := range raw {
		sum += v
	}
	weights := make([]int32, len(raw))
	left, largest := int32(1<<weightBits), 0
	for i, v := range raw {
		weights[i] = int32(floorDiv(v<<(weightBits+1)+sum, 2*sum))
		left -= weights[i]
		if v > raw[largest] {
			largest = i
		}
	}
	weights[largest] += left
	return weights
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
