package cpu

// planar computes results of few channels with the roles of pixels and channels
// exchanged: a vector holds neighbouring pixels, and a tile's rows are the
// channels of the result. The source is copied into planes, a row of pixels for
// each channel, where the pixels that a tap reads for neighbouring results are
// neighbours too. Chains are those of dotProduct.
//
// It takes the columns of results for which that holds; those at a reflecting
// border of an input gradient, which read sums of pixels, are left.
type planar struct {
	d        *dotProduct
	phase    phase // with all columns
	kernel   *microKernel
	panel    panel   // of its weights, as wide as a tile has rows
	from, to int     // the columns of results that it computes
	cols     []int32 // what each column of a plane holds, as an index of the axis
	shift    []int   // by tap, the column of a plane that result column from reads
	planes   int     // offset of the planes
	weights  int     // offset of the weights: by tap and channel, a tile's rows
	many     int     // samples whose planes are there at once
	first    int     // the first of them

	fillTask, computeTask func(member, item int)
}

// planesAtOnce bounds the floats of planes that are there at once: they should
// stay in the second cache, or near it, until they are used.
const planesAtOnce = 1 << 18

// newPlanar is the planar part of a phase, or nil where it has none.
func newPlanar(d *dotProduct, p *phase) *planar {
	a := &p.w
	if d.outer > tileRows || len(a.taps) == 0 || len(p.h.taps) == 0 {
		return nil
	}
	l := &planar{d: d, phase: *p}
	l.fillTask = func(_, item int) { l.fill(item) }
	l.computeTask = func(member, item int) { l.compute(&d.dev.members[member], item) }
	l.spread(a)
	for i := range d.dev.narrow {
		k := &d.dev.narrow[i]
		if k.rows >= d.outer && k.columns <= l.to-l.from {
			l.kernel = k
			l.panel = panel{&microKernel{columns: k.rows}, 0, d.outer}
			l.many = min(max(planesAtOnce/(p.h.indices()*l.planeFloats()), 1), d.samples)
			return l
		}
	}
	return nil
}

// spread finds the longest run of columns around the middle one whose taps agree
// on what a column of a plane holds.
func (l *planar) spread(a *axis) {
	taps, middle := len(a.taps), len(a.outs)/2
	lowest, highest := a.source, -a.source
	for t := range taps {
		s := int(a.reads[middle*taps+t]) - middle
		l.shift = append(l.shift, s)
		lowest, highest = min(lowest, s), max(highest, s)
	}
	l.cols = make([]int32, len(a.outs)+highest-lowest)
	for i := range l.cols {
		l.cols[i] = -1
	}
	for t := range l.shift {
		l.shift[t] -= lowest
	}
	l.from, l.to = middle, middle
	for l.to < len(a.outs) && l.take(a, l.to) {
		l.to++
	}
	for l.from > 0 && l.take(a, l.from-1) {
		l.from--
	}
	for t := range l.shift {
		l.shift[t] += l.from
	}
	for i, v := range l.cols {
		if v < 0 {
			l.cols[i] = int32(a.source)
		}
	}
}

// take adds a column of results, if what its taps read fits.
func (l *planar) take(a *axis, b int) bool {
	reads := a.reads[b*len(a.taps):][:len(a.taps)]
	for t, v := range reads {
		if held := l.cols[b+l.shift[t]]; held >= 0 && held != v {
			return false
		}
	}
	for t, v := range reads {
		l.cols[b+l.shift[t]] = v
	}
	return true
}

// rest is the axis without the columns that are taken.
func (l *planar) rest(a axis) axis {
	taps := len(a.taps)
	left := axis{source: a.source, sums: a.sums, taps: a.taps}
	for b, out := range a.outs {
		if b < l.from || b >= l.to {
			left.outs = append(left.outs, out)
			left.reads = append(left.reads, a.reads[b*taps:][:taps]...)
		}
	}
	left.join()
	return left
}

// floats is the size of all planes.
func (l *planar) floats() int { return l.many * l.phase.h.indices() * l.planeFloats() }

// run computes all results, some samples at a time.
func (l *planar) run() {
	t := l.d.dev.team
	for l.first = 0; l.first < l.d.samples; l.first += l.many {
		n := min(l.many, l.d.samples-l.first)
		t.run(n*l.phase.h.indices(), l.fillTask)
		t.run(n*len(l.phase.h.outs), l.computeTask)
	}
}

// planeFloats is the size of the planes of a row of the source.
func (l *planar) planeFloats() int { return len(l.cols) * l.d.inner }

// fill copies a row of the source into planes.
func (l *planar) fill(item int) {
	indices := l.phase.h.indices()
	sample, u := l.first+item/indices, item%indices
	to := l.d.plane[l.planes+item*l.planeFloats():][:l.planeFloats()]
	for e, v := range l.cols {
		at := e
		for _, x := range l.d.row(sample, int32(u), v) {
			to[at] = x
			at += len(l.cols)
		}
	}
}

// compute computes a row of results.
func (l *planar) compute(w *workspace, item int) {
	d, p := l.d, &l.phase
	sample, a := l.first+item/len(p.h.outs), item%len(p.h.outs)
	taps, columns := p.taps(), l.kernel.columns
	for r := range l.kernel.rows {
		w.rows[r] = &w.edge[r*columns]
	}
	for b := l.from; b < l.to; b += columns {
		b := min(b, l.to-columns)
		l.address(w, sample, a, b)
		l.kernel.outer(int64(taps), &w.right[0], int64(d.inner), int64(4*len(l.cols)), &d.packed[l.weights], int64(4*l.kernel.rows), &w.rows[0], 0)
		l.land(w, sample, a, b)
	}
}

// address fills the table of where each tap's pixels begin.
func (l *planar) address(w *workspace, sample, a, b int) {
	p := &l.phase
	i := 0
	for _, u := range p.h.reads[a*len(p.h.taps):][:len(p.h.taps)] {
		row := l.planes + ((sample-l.first)*p.h.indices()+int(u))*l.planeFloats() + b - l.from
		for _, s := range l.shift {
			w.right[i] = &l.d.plane[row+s]
			i++
		}
	}
}

// land writes a tile to its pixels, with the bias.
func (l *planar) land(w *workspace, sample, a, b int) {
	d, p, columns := l.d, &l.phase, l.kernel.columns
	for x, col := range p.w.outs[b : b+columns] {
		to := d.dst[(sample*d.dstPlane+p.h.outs[a]*p.dstCols+col)*d.outer:][:d.outer]
		for k := range to {
			to[k] = w.edge[k*columns+x]
			if d.bias != nil {
				to[k] += d.bias[k]
			}
		}
	}
}
