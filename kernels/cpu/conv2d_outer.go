package cpu

import (
	"g2c/kernels"
	"g2c/kernels/host"
)

// outerProduct is a weight gradient, run by microKernel.outer:
//
//	dw[v,k,t,j] = sum over the samples of shard v and their pixels of dy[n,p,q,k] * x[n, tap t of p,q, j]
//
// Both operands are packed, as many samples of a shard at a time as fit the
// budget: dy into columns of a tile's rows, x into a padded copy, where the
// pixels that a tap reads lie a constant step apart.
type outerProduct struct {
	dev        *Device
	x, dy, dw  []float32
	h, w       axisOf
	seg        kernels.Segments
	samples    int
	channels   int // of x
	outs       int // of dy
	merged     bool
	width      int // j runs over this: channels, or a row of taps' channels
	taps       int
	tapCols    int
	padH, padW int // rows and columns of the padded copy
	panels     []panel
	rows       int // of a tile
	groups     []group
	block      int // samples packed at a time
	runsAtOnce int

	scratch   *host.Scratch[float32]
	size      struct{ x, dy int }
	packedX   []float32
	packedDY  []float32
	shard     int
	first     int // of the shard's samples, in the order of Segments, that are packed
	count     int
	packTask  func(member, item int)
	outerTask func(member, item int)
}

// group is the work of one item: a panel of columns and tiles of rows.
type group struct {
	panel    panel
	from, to int
}

const (
	// mergeBelow is the number of channels under which a row of taps is seen as one
	// tap of more channels: in NHWC they are neighbours.
	mergeBelow = 32
	// blockFloats bounds the packed samples of a block.
	blockFloats = 1 << 20
	// pixelsAtOnce is the length of a chain between visits to memory: so many rows
	// of a panel, and of a tile, stay in the first cache while the taps go over them.
	pixelsAtOnce = 256
	// groupTiles bounds the tiles that share a panel.
	groupTiles = 8
)

func (d *Device) correlate(g kernels.Geometry, seg kernels.Segments, s *host.Scratch[float32], x, dy, dw tensor) func() {
	xs, ds, ws := x.Shape(), dy.Shape(), dw.Shape()
	if d.winogradFits(g, ws[2], ws[3], xs[3], ds[3], ds[1], ds[2]) {
		return d.correlateSquares(g, seg, s, x, dy, dw)
	}
	o := &outerProduct{
		dev: d, x: x.F, dy: dy.F, dw: dw.F, seg: seg, scratch: s,
		samples: xs[0], channels: xs[3], outs: ds[3],
		width: xs[3], taps: ws[2] * ws[3], tapCols: ws[3],
		padH: (ds[1]-1)*g.Stride + ws[2], padW: (ds[2]-1)*g.Stride + ws[3],
	}
	o.h, o.w = axes(g, xs[1], xs[2], ws[2], ws[3])
	if o.channels < mergeBelow {
		o.merged, o.width, o.taps, o.tapCols = true, ws[3]*xs[3], ws[2], 1
	}
	o.rows, o.panels = tileRows, cut(d.micro, o.width)
	if few := d.fewRows(o.outs); len(few) > 0 {
		o.rows, o.panels = few[0].rows, cut(few, o.width)
	}
	o.prepare()
	return o.run
}

// fewRows are the kernels whose tiles have as few rows as hold so many results,
// widest first, or none.
func (d *Device) fewRows(results int) []microKernel {
	n := 0
	for n < len(d.narrow) && d.narrow[n].rows < tileRows && results <= d.narrow[n].rows {
		n++
	}
	return d.narrow[:n:n]
}

// tiles is the number of tiles of rows.
func (o *outerProduct) tiles() int { return (o.outs + o.rows - 1) / o.rows }

// pixels is the number of results' pixels in a sample.
func (o *outerProduct) pixels() int { return o.h.out * o.w.out }

// sampleFloats is the size of a sample's padded copy.
func (o *outerProduct) sampleFloats() int {
	if o.merged {
		return o.padH * o.padW * o.channels
	}
	return o.padH * o.padW * padded(o.panels)
}

func (o *outerProduct) prepare() {
	perShard := o.samples / o.seg.Shards
	column := o.tiles() * o.rows
	o.block = min(max(blockFloats/(o.sampleFloats()+column*o.pixels()), 1), perShard)
	o.size.x = o.block*o.sampleFloats() + padded(o.panels)
	o.size.dy = o.block * column * o.pixels()
	o.scratch.Reserve(o.size.x + o.size.dy)
	o.runsAtOnce = max(1, pixelsAtOnce/o.w.out)
	o.dev.need(0, o.runsAtOnce*o.taps, tileRows)
	tiles := o.tiles()
	parts := max((tiles+groupTiles-1)/groupTiles, min(max(fewPieces/len(o.panels), 1), tiles))
	for _, p := range o.panels {
		for i := range parts {
			o.groups = append(o.groups, group{p, i * tiles / parts, (i + 1) * tiles / parts})
		}
	}
	o.packTask = func(_, item int) { o.packItem(item) }
	o.outerTask = func(member, item int) { o.runGroup(&o.dev.members[member], &o.groups[item]) }
}

func (o *outerProduct) run() {
	s := o.scratch.Floats(o.size.x + o.size.dy)
	o.packedX, o.packedDY = s[:o.size.x], s[o.size.x:]
	clear(o.packedX[o.size.x-padded(o.panels):])
	perShard := o.samples / o.seg.Shards
	for o.shard = range o.seg.Shards {
		for o.first = 0; o.first < perShard; o.first += o.block {
			o.count = min(o.block, perShard-o.first)
			o.dev.team.run(o.count*(o.padH+o.h.out), o.packTask)
			o.dev.team.run(len(o.groups), o.outerTask)
		}
	}
}

// sample is the index of sample i of the block.
func (o *outerProduct) sample(i int) int {
	return segmentSample(o.seg, o.samples, o.shard, o.first+i)
}

// packItem packs a row of a sample: of the padded x, or of dy.
func (o *outerProduct) packItem(item int) {
	i, row := item/(o.padH+o.h.out), item%(o.padH+o.h.out)
	if row >= o.padH {
		o.packGradient(i, row-o.padH)
		return
	}
	n := o.sample(i)
	source := o.h.geometry.Source(row-o.h.pad, o.h.in)
	var from []float32
	if source >= 0 {
		size := o.w.in * o.channels
		from = o.x[(n*o.h.in+source)*size:][:size]
	}
	if o.merged {
		o.packPixels(from, 0, o.channels, o.channels, o.packedX[(i*o.padH+row)*o.padW*o.channels:])
		return
	}
	for _, p := range o.panels {
		at := o.panelOffset(p) + (i*o.padH+row)*o.padW*p.kernel.columns
		o.packPixels(from, p.first, p.count, p.kernel.columns, o.packedX[at:])
	}
}

// panelOffset is where a panel's copy begins.
func (o *outerProduct) panelOffset(p panel) int { return p.first * o.block * o.padH * o.padW }

// packPixels writes a padded row of pixels, count channels from first of each,
// in steps of width. A row of no source is zeros.
func (o *outerProduct) packPixels(from []float32, first, count, width int, to []float32) {
	for q := range o.padW {
		pixel := to[q*width:][:width]
		source := o.w.geometry.Source(q-o.w.pad, o.w.in)
		if from == nil || source < 0 {
			clear(pixel)
			continue
		}
		clear(pixel[copy(pixel, from[source*o.channels+first:][:count]):])
	}
}

// packGradient writes a row of dy, tile by tile. A channel that does not exist
// repeats the last one, as its results do.
func (o *outerProduct) packGradient(i, row int) {
	cols := o.w.out
	from := o.dy[(o.sample(i)*o.h.out+row)*cols*o.outs:][:cols*o.outs]
	block := o.count * o.pixels() * o.rows
	for t := range o.tiles() {
		to := o.packedDY[t*block+(i*o.h.out+row)*cols*o.rows:][:cols*o.rows]
		if k := t * o.rows; o.rows == tileRows && k+tileRows <= o.outs {
			for q := range cols {
				*(*[tileRows]float32)(to[q*tileRows:]) = *(*[tileRows]float32)(from[q*o.outs+k:])
			}
			continue
		}
		for q := range cols {
			for r := range o.rows {
				to[q*o.rows+r] = from[q*o.outs+min(t*o.rows+r, o.outs-1)]
			}
		}
	}
}

// runGroup adds the block's pixels to a group of results.
func (o *outerProduct) runGroup(w *workspace, g *group) {
	runs := o.count * o.h.out
	for u := 0; u < runs; u += o.runsAtOnce {
		n := min(o.runsAtOnce, runs-u)
		o.address(w, g.panel, u, n)
		resume := int64(1)
		if o.first+u == 0 {
			resume = 0
		}
		for t := g.from; t < g.to; t++ {
			o.runTile(w, g.panel, t, u, n, resume)
		}
	}
}

// address fills the table of runs: for each tap, where run u, and the n-1 after
// it, begin in the padded copy.
func (o *outerProduct) address(w *workspace, p panel, u, n int) {
	base, width := o.panelOffset(p), p.kernel.columns
	if o.merged {
		base, width = p.first, o.channels
	}
	for t := range o.taps {
		for i := range n {
			sample, row := (u+i)/o.h.out, (u+i)%o.h.out
			at := (sample*o.padH+row*o.h.stride+t/o.tapCols)*o.padW + t%o.tapCols
			w.right[t*n+i] = &o.packedX[base+at*width]
		}
	}
}

// runTile adds runs u to u+n to a tile of results, tap by tap.
func (o *outerProduct) runTile(w *workspace, p panel, tile, u, n int, resume int64) {
	width := p.kernel.columns
	if o.merged {
		width = o.channels
	}
	left := &o.packedDY[(tile*o.count*o.h.out+u)*o.w.out*o.rows]
	to := w.results[:o.rows]
	for r := range to {
		k := min(tile*o.rows+r, o.outs-1)
		to[r] = (o.shard*o.outs + k) * o.taps * o.width
	}
	for t := range o.taps {
		w.aim(o.dw, to, p)
		if resume != 0 {
			w.lift(o.dw, to, p)
		}
		p.kernel.outer(int64(n), &w.right[t*n], int64(o.w.out), int64(4*o.w.stride*width), left, int64(4*o.rows), &w.rows[0], resume)
		w.land(o.dw, to, p)
		for r := range to {
			to[r] += o.width
		}
	}
}
