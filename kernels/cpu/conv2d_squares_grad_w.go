package cpu

import (
	"g2c/kernels"
	"g2c/kernels/host"
)

// squareGradient is a weight gradient by squares: see winograd.go. Squares of
// gradients and the pixels that they read go to the transformed domain, where
// each place is a matrix product over squares, in the order of samples, rows and
// columns, a chain for each shard.
type squareGradient struct {
	dev       *Device
	x, dy, dw []float32
	seg       kernels.Segments
	grid      squareGrid
	xSize     int // floats of a sample
	dySize    int
	xCols     int
	channels  int // of x
	outs      int // of dy
	panels    []panel
	tiles     int // of rows of results
	v, z      domain
	sums      int // floats of the sums that outlive a block; 0 where a block is all
	zeros     []float32
	scratch   *host.Scratch[float32]

	kept                  []float32
	shard                 int
	first                 int // square of the block that is there, of the shard's
	inputTask, outputTask func(member, item int)
}

// correlateSquares makes a weight gradient by squares.
func (d *Device) correlateSquares(g kernels.Geometry, seg kernels.Segments, s *host.Scratch[float32], x, dy, dw tensor) func() {
	xs, ds := x.Shape(), dy.Shape()
	p := &squareGradient{
		dev: d, x: x.F, dy: dy.F, dw: dw.F, seg: seg, scratch: s,
		grid:  newSquareGrid(g, xs[0], ds[1], ds[2], xs[1], xs[2]),
		xSize: xs[1] * xs[2] * xs[3], dySize: ds[1] * ds[2] * ds[3], xCols: xs[2],
		channels: xs[3], outs: ds[3],
	}
	p.prepare()
	return p.run
}

func (p *squareGradient) prepare() {
	d := p.dev
	p.panels = cut(d.micro, p.channels)
	p.tiles = (p.outs + tileRows - 1) / tileRows
	many := min(squaresAtOnce, p.perShard())
	p.v, p.z = newDomain(many, padded(p.panels)), newDomain(many, p.tiles*tileRows)
	if p.perShard() > squaresAtOnce {
		p.sums = places * p.tiles * tileRows * padded(p.panels)
	}
	p.scratch.Reserve(p.sums + p.v.floats() + p.z.floats())
	p.zeros = p.scratch.Keep(max(p.channels, p.outs))
	d.need(0, 1, tileRows)
	d.needSquares(places * tileRows * d.micro[0].columns)
	p.inputTask = func(member, item int) { p.transform(&d.members[member], item) }
	p.outputTask = func(member, item int) { p.multiply(&d.members[member], item) }
}

// perShard is the number of squares of a shard.
func (p *squareGradient) perShard() int { return p.grid.samples / p.seg.Shards * p.grid.perSample() }

// block is the number of squares of the block that is there.
func (p *squareGradient) block() int { return min(squaresAtOnce, p.perShard()-p.first) }

func (p *squareGradient) run() {
	s := p.scratch.Floats(p.sums + p.v.floats() + p.z.floats())
	p.kept, s = s[:p.sums], s[p.sums:]
	p.z.take(p.v.take(s))
	for p.shard = range p.seg.Shards {
		for p.first = 0; p.first < p.perShard(); p.first += squaresAtOnce {
			p.dev.team.run(2*p.block(), p.inputTask)
			p.dev.team.run(p.tiles*len(p.panels), p.outputTask)
		}
	}
}

// transform takes a square of pixels or, in the items after those, of gradients
// to the transformed domain.
func (p *squareGradient) transform(w *workspace, item int) {
	i := item % p.block()
	per := p.grid.perSample()
	sample, square := segmentSample(p.seg, p.grid.samples, p.shard, (p.first+i)/per), (p.first+i)%per
	if item < p.block() {
		p.grid.sourceAddresses(&w.addressed, square, p.x[sample*p.xSize:], p.xCols, p.channels, &p.zeros[0])
		p.dev.transforms(p.channels).input(int64(p.channels), &w.addressed[0], &p.v.v[i*p.v.row], int64(4*p.v.step),
			&w.square[0], &inputConstants[0])
		return
	}
	p.grid.resultAddresses(&w.addressed, square, p.dy[sample*p.dySize:], p.outs, &p.zeros[0])
	p.dev.transforms(p.outs).gradient(int64(p.outs), &w.addressed[0], &p.z.v[i*p.z.row], int64(4*p.z.step),
		&w.square[0], &gradientConstants[0])
}

// multiply computes a tile of rows and a panel of columns at every place and,
// after the last block, takes them back to weights.
func (p *squareGradient) multiply(w *workspace, item int) {
	tile, n := item%p.tiles, p.panels[item/p.tiles]
	columns := n.kernel.columns
	size := places * tileRows * columns
	sums := w.spare[:size]
	if p.sums > 0 {
		sums = p.kept[places*tileRows*(p.tiles*n.first+tile*columns):][:size]
	}
	for place := range places {
		for r := range tileRows {
			w.rows[r] = &sums[(place*tileRows+r)*columns]
		}
		w.right[0] = &p.v.v[place*p.v.step+n.first]
		n.kernel.outer(1, &w.right[0], int64(p.block()), int64(4*p.v.row), &p.z.v[place*p.z.step+tile*tileRows], int64(4*p.z.row),
			&w.rows[0], int64(p.first))
	}
	if p.first+p.block() < p.perShard() {
		return
	}
	x := p.dev.transforms(n.count)
	for r := range min(tileRows, p.outs-tile*tileRows) {
		to := ((p.shard*p.outs+tile*tileRows+r)*winogradTaps*winogradTaps)*p.channels + n.first
		x.gradW(int64(n.count), &sums[r*columns], int64(4*tileRows*columns), &p.dw[to], int64(4*p.channels),
			&w.square[0], &gradWConstants[0])
	}
}

// segmentSample is the index of sample i of a shard.
func segmentSample(seg kernels.Segments, samples, shard, i int) int {
	per := seg.Per(samples)
	return seg.First(samples, i/per, shard) + i%per
}
