package cpu

import (
	"slices"

	"g2c/kernels"
)

// axis says, for one axis of an image, what each result reads through each tap:
// a position of the source, nothing, or the sum of several positions.
type axis struct {
	source int     // positions of the source
	sums   [][]int // index source+1+i stands for the sum of positions sums[i]
	taps   []int   // the taps of the kernel that are read, in order
	outs   []int   // positions of the results, in order
	reads  []int32 // by result, then tap; source stands for nothing
	joined []bool  // by result, whether its taps read neighbours, in their order
}

// indices is the number of indices that reads may hold.
func (a *axis) indices() int { return a.source + 1 + len(a.sums) }

// join fills joined.
func (a *axis) join() {
	for i := range a.outs {
		reads := a.reads[i*len(a.taps):][:len(a.taps)]
		ok := len(reads) > 0
		for t, v := range reads {
			ok = ok && int(v) == int(reads[0])+t && int(v) < a.source
		}
		a.joined = append(a.joined, ok)
	}
}

// axisOf is the geometry of one axis of a convolution.
type axisOf struct {
	in, out, kernel int
	stride, pad     int
	geometry        kernels.Geometry
}

// source is where output p reads through tap r, or -1.
func (g axisOf) source(p, r int) int { return g.geometry.Source(p*g.stride+r-g.pad, g.in) }

// forward is the axis of a convolution: results are outputs, the source is its
// input.
func (g axisOf) forward() axis {
	a := axis{source: g.in, taps: count(0, g.kernel, 1), outs: count(0, g.out, 1)}
	for p := range g.out {
		for r := range g.kernel {
			i := g.source(p, r)
			if i < 0 {
				i = g.in
			}
			a.reads = append(a.reads, int32(i))
		}
	}
	a.join()
	return a
}

// backward is the axis of an input gradient: results are inputs, the source is
// the gradient of the output. Inputs a stride apart are read by the same taps,
// so there is an axis for each phase of the stride; none sees a tap that reads
// nothing anywhere.
func (g axisOf) backward() []axis {
	readers := make([][]int, g.in*g.kernel)
	for p := range g.out {
		for r := range g.kernel {
			if i := g.source(p, r); i >= 0 {
				readers[i*g.kernel+r] = append(readers[i*g.kernel+r], p)
			}
		}
	}
	var sums [][]int
	axes := make([]axis, min(g.stride, g.in))
	for phase := range axes {
		a := &axes[phase]
		a.source, a.outs = g.out, count(phase, g.in, g.stride)
		for r := range g.kernel {
			if slices.ContainsFunc(a.outs, func(i int) bool { return readers[i*g.kernel+r] != nil }) {
				a.taps = append(a.taps, r)
			}
		}
		for _, i := range a.outs {
			for _, r := range a.taps {
				a.reads = append(a.reads, index(readers[i*g.kernel+r], g.out, &sums))
			}
		}
	}
	for phase := range axes {
		axes[phase].sums = sums
		axes[phase].join()
	}
	return axes
}

// index is the index for the sum of some positions, which joins sums if it is new.
func index(positions []int, source int, sums *[][]int) int32 {
	switch len(positions) {
	case 0:
		return int32(source)
	case 1:
		return int32(positions[0])
	}
	for i, s := range *sums {
		if slices.Equal(s, positions) {
			return int32(source + 1 + i)
		}
	}
	*sums = append(*sums, positions)
	return int32(source + len(*sums))
}

func count(from, to, step int) []int {
	var is []int
	for i := from; i < to; i += step {
		is = append(is, i)
	}
	return is
}

// lattice finds a pixel of a source image by its two indices. Pixels that are
// sums of several lie apart, each computed once.
type lattice struct {
	rows, cols int
	colIndices int
	summed     []int32 // by both indices, which sum; -1 where it is none
	sums       []meeting
}

// meeting is a sum over the pixels at rows × cols.
type meeting struct{ rows, cols []int }

// newLattice lists the sums that two axes may ask for.
func newLattice(h, w *axis) *lattice {
	l := &lattice{rows: h.source, cols: w.source, colIndices: w.indices()}
	l.summed = make([]int32, h.indices()*w.indices())
	for u := range h.indices() {
		for v := range w.indices() {
			at := u*l.colIndices + v
			l.summed[at] = -1
			if u == h.source || v == w.source || (u < h.source && v < w.source) {
				continue
			}
			l.summed[at] = int32(len(l.sums))
			l.sums = append(l.sums, meeting{h.positions(u), w.positions(v)})
		}
	}
	return l
}

// positions lists what an index stands for.
func (a *axis) positions(i int) []int {
	if i < a.source {
		return []int{i}
	}
	return a.sums[i-a.source-1]
}

// bytes is the size of the tables.
func (l *lattice) bytes() int { return 4 * len(l.summed) }
