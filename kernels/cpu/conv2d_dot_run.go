package cpu

// run computes the results.
func (d *dotProduct) run() {
	s := d.scratch.Floats(d.floats())
	d.biases, s = s[:d.size.biases], s[d.size.biases:]
	d.sums, s = s[:d.size.sums], s[d.size.sums:]
	d.strip, s = s[:d.size.strip], s[d.size.strip:]
	d.plane, s = s[:d.size.plane], s[d.size.plane:]
	clear(d.biases[copy(d.biases, d.bias):])
	packed, stale := d.shared.Use(s)
	d.packed = packed
	if stale {
		d.dev.team.run(len(d.phases)*len(d.panels)+len(d.planars), d.packTask)
	}
	d.dev.team.run(d.samples*len(d.lattice.sums), d.sumTask)
	if d.strips {
		d.dev.team.run(len(d.phases)*d.samples*d.phases[0].h.indices(), d.stripTask)
	}
	d.dev.team.run(len(d.pieces), d.dotTask)
	for _, l := range d.planars {
		l.run()
	}
}

// packItem packs a panel of weights or, in the items after those, the weights of a
// planar.
func (d *dotProduct) packItem(item int) {
	if first := len(d.phases) * len(d.panels); item >= first {
		l := d.planars[item-first]
		d.pack(&l.phase, l.panel, d.packed[l.weights:][:l.phase.depth(d)*l.kernel.rows])
		return
	}
	p, n := &d.phases[item/len(d.panels)], d.panels[item%len(d.panels)]
	if p.pixels() == 0 {
		return
	}
	depth := p.depth(d)
	d.pack(p, n, d.packed[p.offset+n.first*depth:][:n.kernel.columns*depth])
}

// sumItem adds the pixels that meet in one tap of one sample.
func (d *dotProduct) sumItem(item int) {
	sample := item / len(d.lattice.sums)
	m := d.lattice.sums[item%len(d.lattice.sums)]
	to := d.sums[item*d.inner:][:d.inner]
	for i, p := range m.rows {
		for j, q := range m.cols {
			from := d.src[d.pixel(sample, p, q):][:d.inner]
			if i+j == 0 {
				copy(to, from)
				continue
			}
			for c, v := range from {
				to[c] += v
			}
		}
	}
}

// pixel is the offset of a pixel of the source.
func (d *dotProduct) pixel(sample, row, col int) int {
	return ((sample*d.lattice.rows+row)*d.lattice.cols + col) * d.inner
}

// row is the pixel that a pair of indices stands for.
func (d *dotProduct) row(sample int, u, v int32) []float32 {
	l := d.lattice
	if int(u) < l.rows && int(v) < l.cols {
		return d.src[d.pixel(sample, int(u), int(v)):][:d.inner]
	}
	if s := l.summed[int(u)*l.colIndices+int(v)]; s >= 0 {
		return d.sums[(sample*len(l.sums)+int(s))*d.inner:][:d.inner]
	}
	return d.zeros
}

// stripItem makes a strip of a phase and sample: a row of the source as the
// results read it, the taps of each side by side.
func (d *dotProduct) stripItem(item int) {
	indices := d.phases[0].h.indices()
	u := item % indices
	sample := item / indices % d.samples
	p := &d.phases[item/indices/d.samples]
	size := d.stripFloats(p)
	to := d.strip[p.strips+(sample*indices+u)*size:][:size]
	taps := len(p.w.taps)
	for b := range p.w.outs {
		reads := p.w.reads[b*taps:][:taps]
		n := taps * d.inner
		if u < d.lattice.rows && p.w.joined[b] {
			copy(to[:n], d.src[d.pixel(sample, u, int(reads[0])):])
		} else {
			for i, v := range reads {
				copy(to[i*d.inner:], d.row(sample, int32(u), v))
			}
		}
		to = to[n:]
	}
}

// runPiece computes tiles × panels.
func (d *dotProduct) runPiece(w *workspace, p *piece) {
	depth := p.phase.depth(d)
	if depth == 0 {
		d.clearPiece(p)
		return
	}
	taps, n := d.loops(p.phase)
	d.address(w, p)
	for _, c := range d.panels[p.first:p.end] {
		right := &d.packed[p.phase.offset+c.first*depth]
		var bias *float32
		if d.bias != nil {
			bias = &d.biases[c.first]
		}
		for t := range p.to - p.from {
			left, to := &w.left[t*taps*tileRows], w.results[t*tileRows:][:tileRows]
			w.aim(d.dst, to, c)
			if d.resume != 0 {
				w.lift(d.dst, to, c)
			}
			c.kernel.dot(int64(taps), left, int64(n), right, bias, &w.rows[0], d.resume)
			w.land(d.dst, to, c)
		}
	}
}

// clearPiece writes the results that no tap reaches.
func (d *dotProduct) clearPiece(p *piece) {
	first, end := d.panels[p.first].first, d.panels[p.end-1].first+d.panels[p.end-1].count
	at := d.walk(p.phase, p.from*tileRows)
	for range (p.to - p.from) * tileRows {
		clear(d.dst[d.result(&at)+first:][:end-first])
		at.next()
	}
}

// address fills the tables of a chunk: where each tile's rows lie, tap by tap,
// and where its results go.
func (d *dotProduct) address(w *workspace, p *piece) {
	taps, _ := d.loops(p.phase)
	at := d.walk(p.phase, p.from*tileRows)
	for t := range p.to - p.from {
		for r := range tileRows {
			w.results[t*tileRows+r] = d.result(&at)
			left := w.left[t*taps*tileRows+r:]
			if d.strips {
				d.addressStrips(&at, left)
			} else {
				d.addressRow(&at, left)
			}
			at.next()
		}
	}
}

// addressRow writes the address of each tap of a result, a tile's rows apart.
func (d *dotProduct) addressRow(at *walker, to []*float32) {
	h, w := &at.phase.h, &at.phase.w
	i := 0
	for _, u := range h.reads[at.a*len(h.taps):][:len(h.taps)] {
		for _, v := range w.reads[at.b*len(w.taps):][:len(w.taps)] {
			to[i] = &d.row(at.sample, u, v)[0]
			i += tileRows
		}
	}
}

// addressStrips does so for each row of taps.
func (d *dotProduct) addressStrips(at *walker, to []*float32) {
	p := at.phase
	size := d.stripFloats(p)
	first := p.strips + at.sample*p.h.indices()*size + at.b*len(p.w.taps)*d.inner
	for i, u := range p.h.reads[at.a*len(p.h.taps):][:len(p.h.taps)] {
		to[i*tileRows] = &d.strip[first+int(u)*size]
	}
}

// walker goes through the results of a phase in order, and stays at the last.
type walker struct {
	phase        *phase
	sample, a, b int // which result of the phase
	samples      int
}

func (d *dotProduct) walk(p *phase, from int) walker {
	n := p.pixels()
	return walker{phase: p, samples: d.samples, sample: from / n, a: from % n / len(p.w.outs), b: from % len(p.w.outs)}
}

func (w *walker) next() {
	switch {
	case w.b+1 < len(w.phase.w.outs):
		w.b++
	case w.a+1 < len(w.phase.h.outs):
		w.a, w.b = w.a+1, 0
	case w.sample+1 < w.samples:
		w.sample, w.a, w.b = w.sample+1, 0, 0
	}
}

// result is the offset of a result's pixel.
func (d *dotProduct) result(at *walker) int {
	p := at.phase
	return (at.sample*d.dstPlane + p.h.outs[at.a]*p.dstCols + p.w.outs[at.b]) * d.outer
}
