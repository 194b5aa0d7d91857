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
	planars  []*planar
	pieces   []piece
	resume   int64 // not 0: results are added to what is there
	strips   bool  // taps hold so few channels that a row of them is made one

	// pack writes the weights of a panel of a phase.
	pack func(p *phase, n panel, to []float32)

	scratch *host.Scratch[float32]
	zeros   []float32
	packed  []float32
	sums    []float32
	biases  []float32
	strip   []float32
	plane   []float32
	shared  *host.Pack[float32]
	size    struct{ packed, sums, biases, strip, plane int }

	packTask, sumTask, stripTask, dotTask func(member, item int)
}

// phase is one of the convolutions of a dotProduct.
type phase struct {
	h, w    axis
	dstCols int // columns of the result image
	offset  int // of its packed weights
	strips  int // offset of its strips
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
	// stripsBelow is the number of channels under which strips are made: the loop
	// over a tap costs more than so few steps.
	stripsBelow = 16
	// chunkBytes bounds the tables of a chunk of tiles.
	chunkBytes = 24 << 10
	// chunkTiles bounds a chunk: 96 pixels, whose taps stay in cache from one panel
	// to the next.
	chunkTiles = 16
	// fewPieces is how many pieces of work there should be at least, for any number
	// of threads that is sensible.
	fewPieces = 32
)

// prepare cuts the work into pieces and reserves memory. layout names how the
// weights w are packed.
func (d *dotProduct) prepare(c call, w tensor, layout string) {
	d.panels = cut(d.dev.micro, d.outer)
	d.strips = d.inner < stripsBelow
	for i := range d.phases {
		p := &d.phases[i]
		d.takePlanar(p)
		p.offset, p.strips = d.size.packed, d.size.strip
		d.size.packed += p.depth(d) * padded(d.panels)
		if d.strips {
			d.size.strip += d.samples * p.h.indices() * d.stripFloats(p)
		}
		d.cutPhase(p)
	}
	d.size.sums = d.samples * len(d.lattice.sums) * d.inner
	if d.bias != nil {
		d.size.biases = padded(d.panels)
	}
	d.shared = c.Pack(w, layout, d.size.packed)
	d.zeros = d.scratch.Keep(d.inner)
	d.scratch.Note(d.lattice.bytes())
	d.scratch.Reserve(d.floats())
	d.packTask = func(_, item int) { d.packItem(item) }
	d.sumTask = func(_, item int) { d.sumItem(item) }
	d.stripTask = func(_, item int) { d.stripItem(item) }
	d.dotTask = func(member, item int) { d.runPiece(&d.dev.members[member], &d.pieces[item]) }
}

// takePlanar takes from a phase the columns that a planar can compute.
func (d *dotProduct) takePlanar(p *phase) {
	l := newPlanar(d, p)
	if l == nil {
		return
	}
	p.w = l.rest(p.w)
	l.weights, l.planes = d.size.packed, d.size.plane
	d.size.packed += l.phase.depth(d) * l.kernel.rows
	d.size.plane += l.floats()
	d.planars = append(d.planars, l)
	d.dev.need(0, l.phase.taps(), 0)
}

// floats is the scratch that a run needs.
func (d *dotProduct) floats() int {
	return d.size.packed + d.size.biases + d.size.sums + d.size.strip + d.size.plane
}

// depth is the length of a phase's chains.
func (p *phase) depth(d *dotProduct) int { return p.taps() * d.inner }

// loops is how the kernel sees a chain: taps of n floats each.
func (d *dotProduct) loops(p *phase) (taps, n int) {
	if d.strips {
		return len(p.h.taps), len(p.w.taps) * d.inner
	}
	return p.taps(), d.inner
}

// stripFloats is the size of a strip: for each column of results, the channels
// of a row of taps.
func (d *dotProduct) stripFloats(p *phase) int { return len(p.w.outs) * len(p.w.taps) * d.inner }

// cutPhase cuts one phase into pieces.
func (d *dotProduct) cutPhase(p *phase) {
	tiles := (d.samples*p.pixels() + tileRows - 1) / tileRows
	if tiles == 0 {
		return
	}
	taps, _ := d.loops(p)
	chunk := min(max(chunkBytes/(8*tileRows*max(taps, 1)), 1), chunkTiles, tiles)
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
	d.dev.need(chunk*tileRows*taps, 0, chunk*tileRows)
}
