package cpu

import (
	"g2c/kernels/host"
)

// dotProduct is a convolution or an input gradient, run by microKernel.dot:
//
//	dst[n,a,b,j] = bias[j] + sum over taps t, channels i of src[n, lattice(a,b,t), i] * weight(t,i,j)
//
// Its phases are independent convolutions of the same source, each with some of
// the taps, whose results interleave.
type dotProduct struct {
	dev      *Device
	src, dst []float32
	bias     []float32 // nil for none
	samples  int
	inner    int // channels of the source
	outer    int // channels of the result
	dstPlane int // pixels of a result image
	lattice  *lattice
	panels   []panel
	phases   []phase
	pieces   []piece
	gathers  bool // taps hold so few channels that rows are copied together

	// pack writes the weights of a panel of a phase.
	pack func(p *phase, n panel, to []float32)

	scratch *host.Scratch[float32]
	zeros   []float32
	packed  []float32
	sums    []float32
	biases  []float32
	size    struct{ packed, sums, biases int }

	packTask, sumTask, dotTask func(member, item int)
}

// phase is one of the convolutions of a dotProduct.
type phase struct {
	h, w    axis
	dstCols int // columns of the result image
	offset  int // of its packed weights
}

// piece is the work of one item: tiles × panels of a phase.
type piece struct {
	phase      *phase
	from, to   int // tiles
	first, end int // panels
}

// taps is the number of taps of a phase.
func (p *phase) taps() int { return len(p.h.taps) * len(p.w.taps) }

// pixels is the number of results of a phase in one sample.
func (p *phase) pixels() int { return len(p.h.outs) * len(p.w.outs) }

const (
	// gatherBelow is the number of channels under which the rows of a tile are
	// copied together: the loop over a tap costs more than so few steps.
	gatherBelow = 16
	// chunkBytes bounds the tables, or copies, of a chunk of tiles.
	chunkBytes = 24 << 10
	// chunkTiles bounds a chunk: 96 pixels, whose taps stay in cache from one panel
	// to the next.
	chunkTiles = 16
	// pieces is how many pieces of work there should be at least, for any number of
	// threads that is sensible.
	fewPieces = 32
)

// prepare cuts the work into pieces and reserves memory.
func (d *dotProduct) prepare() {
	d.panels = cut(d.dev.micro, d.outer)
	d.gathers = d.inner < gatherBelow
	for i := range d.phases {
		p := &d.phases[i]
		p.offset = d.size.packed
		d.size.packed += p.taps() * d.inner * padded(d.panels)
		d.cutPhase(p)
	}
	d.size.sums = d.samples * len(d.lattice.sums) * d.inner
	if d.bias != nil {
		d.size.biases = padded(d.panels)
	}
	d.zeros = d.scratch.Keep(d.inner)
	d.scratch.Note(d.lattice.bytes())
	d.scratch.Reserve(d.size.packed + d.size.biases + d.size.sums)
	d.packTask = func(_, item int) { d.packItem(item) }
	d.sumTask = func(_, item int) { d.sumItem(item) }
	d.dotTask = func(member, item int) { d.runPiece(&d.dev.members[member], &d.pieces[item]) }
}

// cutPhase cuts one phase into pieces.
func (d *dotProduct) cutPhase(p *phase) {
	tiles := (d.samples*p.pixels() + tileRows - 1) / tileRows
	row := 8 * p.taps()
	if d.gathers {
		row = 4 * p.taps() * d.inner
	}
	chunk := min(max(chunkBytes/(tileRows*max(row, 1)), 1), chunkTiles, tiles)
	chunks := (tiles + chunk - 1) / chunk
	groups := min(max(fewPieces/chunks, 1), len(d.panels))
	for c := range chunks {
		for g := range groups {
			d.pieces = append(d.pieces, piece{
				phase: p,
				from:  c * tiles / chunks, to: (c + 1) * tiles / chunks,
				first: g * len(d.panels) / groups, end: (g + 1) * len(d.panels) / groups,
			})
		}
	}
	if d.gathers {
		d.dev.need(chunk*tileRows, 0, chunk*tileRows, chunk*tileRows*p.taps()*d.inner)
		return
	}
	d.dev.need(chunk*tileRows*p.taps(), 0, chunk*tileRows, 0)
}

// run computes the results.
func (d *dotProduct) run() {
	s := d.scratch.Floats(d.size.packed + d.size.biases + d.size.sums)
	d.packed, s = s[:d.size.packed], s[d.size.packed:]
	d.biases, d.sums = s[:d.size.biases], s[d.size.biases:]
	clear(d.biases[copy(d.biases, d.bias):])
	d.dev.team.run(len(d.phases)*len(d.panels), d.packTask)
	d.dev.team.run(d.samples*len(d.lattice.sums), d.sumTask)
	d.dev.team.run(len(d.pieces), d.dotTask)
}

func (d *dotProduct) packItem(item int) {
	p, n := &d.phases[item/len(d.panels)], d.panels[item%len(d.panels)]
	depth := p.taps() * d.inner
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

// runPiece computes tiles × panels.
func (d *dotProduct) runPiece(w *workspace, p *piece) {
	depth := p.phase.taps() * d.inner
	if depth == 0 {
		d.clearPiece(p)
		return
	}
	taps, n := p.phase.taps(), d.inner
	if d.gathers {
		taps, n = 1, depth
	}
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
			c.kernel.dot(int64(taps), left, int64(n), right, bias, &w.rows[0], 0)
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
	taps := p.phase.taps()
	at := d.walk(p.phase, p.from*tileRows)
	for t := range p.to - p.from {
		for r := range tileRows {
			w.results[t*tileRows+r] = d.result(&at)
			if d.gathers {
				row := w.gather[(t*tileRows+r)*taps*d.inner:][:taps*d.inner]
				d.gatherRow(&at, row)
				w.left[t*tileRows+r] = &row[0]
			} else {
				d.addressRow(&at, w.left[t*taps*tileRows+r:])
			}
			at.next()
		}
	}
}

// addressRow writes the address of each tap of a result, tileRows apart.
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

// gatherRow copies the taps of a result behind each other.
func (d *dotProduct) gatherRow(at *walker, to []float32) {
	h, w := &at.phase.h, &at.phase.w
	i := 0
	for _, u := range h.reads[at.a*len(h.taps):][:len(h.taps)] {
		for _, v := range w.reads[at.b*len(w.taps):][:len(w.taps)] {
			for _, x := range d.row(at.sample, u, v) {
				to[i] = x
				i++
			}
		}
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
