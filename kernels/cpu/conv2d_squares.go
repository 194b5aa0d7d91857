package cpu

import (
	"fmt"

	"g2c/kernels"
	"g2c/kernels/host"
)

// squareProduct is a convolution, or an input gradient without reflection, by
// squares: see winograd.go.
//
//	dst[n,p,q,j] = bias[j] + sum over r,s,i of src[n, p+r-padH, q+s-padW, i] * weight(r,s,i,j)
type squareProduct struct {
	dev      *Device
	src, dst []float32
	bias     []float32 // zeros for none
	w        tensor
	back     bool // the weights are those of an input gradient: turned around, k summed over
	grid     squareGrid
	srcSize  int // floats of a sample of the source
	dstSize  int
	srcCols  int
	inner    int // channels of the source
	outer    int // channels of the result
	panels   []panel
	v, m     domain
	pack     *host.Pack[float32]
	zeros    []float32
	scratch  *host.Scratch[float32]

	packed                          []float32 // weights, transformed
	first                           int       // square of the block that is there
	packTask, inputTask, outputTask func(member, item int)
	productTask                     func(member, item int)
}

// packChannels is how many of the summed channels are packed together: as many
// as are transposed at once.
const packChannels = 8

// convolveSquares makes a convolution by squares.
func (d *Device) convolveSquares(g kernels.Geometry, c call, o convOperands) func() {
	xs, ys := o.x.Shape(), o.y.Shape()
	p := &squareProduct{
		dev: d, src: o.x.F, dst: o.y.F, bias: o.bias, w: o.w, scratch: c.Scratch,
		grid:  newSquareGrid(g, xs[0], ys[1], ys[2], xs[1], xs[2]),
		inner: xs[3], outer: ys[3], srcCols: xs[2],
		srcSize: xs[1] * xs[2] * xs[3], dstSize: ys[1] * ys[2] * ys[3],
	}
	p.prepare(c, "squares")
	return p.run
}

// convolveSquaresBack makes an input gradient by squares. Without reflection it
// is a convolution with the kernel turned around; what reflection adds comes
// after.
func (d *Device) convolveSquaresBack(g kernels.Geometry, c call, dy, w, dx tensor) func() {
	ds, xs := dy.Shape(), dx.Shape()
	turned := kernels.Geometry{Stride: 1, PadH: winogradTaps - 1 - g.PadH, PadW: winogradTaps - 1 - g.PadW}
	p := &squareProduct{
		dev: d, src: dy.F, dst: dx.F, w: w, back: true, scratch: c.Scratch,
		grid:  newSquareGrid(turned, xs[0], xs[1], xs[2], ds[1], ds[2]),
		inner: ds[3], outer: xs[3], srcCols: ds[2],
		srcSize: ds[1] * ds[2] * ds[3], dstSize: xs[1] * xs[2] * xs[3],
	}
	p.prepare(c, "squares back")
	if g.Mode == kernels.Zero {
		return p.run
	}
	folds := d.folds(g, c, dy, w, dx)
	return func() {
		p.run()
		for _, f := range folds {
			f.run()
		}
	}
}

func (p *squareProduct) prepare(c call, layout string) {
	d := p.dev
	p.panels = cut(d.micro, p.outer)
	many := min(squaresAtOnce, p.squares())
	p.v, p.m = newDomain(many, p.inner), newDomain(many, padded(p.panels))
	weights := p.weights()
	p.pack = c.Pack(p.w, layout, weights)
	p.scratch.Reserve(weights + p.v.floats() + p.m.floats())
	p.zeros = p.scratch.Keep(max(p.inner, p.outer))
	if p.bias == nil {
		p.bias = p.zeros
	}
	d.need(tileRows, 0, tileRows)
	d.needSquares(max(p.outer, winogradTaps*winogradTaps*packChannels*d.micro[0].columns))
	p.packTask = func(member, item int) { p.transformWeights(&d.members[member], item) }
	p.inputTask = func(member, item int) { p.transformInput(&d.members[member], item) }
	p.productTask = func(member, item int) { p.multiply(&d.members[member], item) }
	p.outputTask = func(member, item int) { p.transformOutput(&d.members[member], item) }
}

// squares is the number of all squares.
func (p *squareProduct) squares() int { return p.grid.samples * p.grid.perSample() }

// block is the number of squares of the block that is there.
func (p *squareProduct) block() int { return min(squaresAtOnce, p.squares()-p.first) }

func (p *squareProduct) run() {
	t := p.dev.team
	s := p.scratch.Floats(p.v.floats() + p.m.floats() + p.weights())
	packed, stale := p.pack.Use(p.m.take(p.v.take(s)))
	p.packed = packed
	if stale {
		t.run(len(p.panels)*(p.inner/packChannels), p.packTask)
	}
	for p.first = 0; p.first < p.squares(); p.first += squaresAtOnce {
		t.run(p.block(), p.inputTask)
		t.run(places*len(p.panels), p.productTask)
		t.run(p.block(), p.outputTask)
	}
}

// weights is the number of floats of the transformed weights: by panel, place and
// summed channel, places askew.
func (p *squareProduct) weights() int {
	return places * (p.inner*padded(p.panels) + len(p.panels)*placeSkew)
}

// placeFloats is the distance of a panel's places.
func (p *squareProduct) placeFloats(n panel) int { return p.inner*n.kernel.columns + placeSkew }

// panelWeights are the transformed weights of a panel.
func (p *squareProduct) panelWeights(i int) []float32 {
	return p.packed[places*(p.inner*p.panels[i].first+i*placeSkew):]
}

// transformWeights packs the weights of a panel and a few summed channels.
func (p *squareProduct) transformWeights(w *workspace, item int) {
	n, first := p.panels[item%len(p.panels)], item/len(p.panels)*packChannels
	to := p.panelWeights(item % len(p.panels))
	if p.back {
		p.turnWeights(w, n, first, to)
		return
	}
	const taps = winogradTaps * winogradTaps
	columns := n.kernel.columns
	tap := packChannels * columns
	temp := w.spare[:taps*tap]
	if n.count < columns {
		clear(temp)
	}
	for t := range taps {
		for k := 0; k < n.count; k += 8 {
			from := &p.w.F[((n.first+k)*taps+t)*p.inner+first]
			transpose8(1, from, int64(4*taps*p.inner), &temp[t*tap+k], int64(4*columns))
		}
	}
	x := p.dev.transforms(columns)
	for c := range packChannels {
		x.weights(int64(columns), &temp[c*columns], int64(4*tap), &to[(first+c)*columns], int64(4*p.placeFloats(n)),
			&w.square[0], &weightsConstants[0])
	}
}

// turnWeights does so for an input gradient: the channels of w are the columns, and
// the taps run backwards.
func (p *squareProduct) turnWeights(w *workspace, n panel, first int, to []float32) {
	const last = winogradTaps*winogradTaps - 1
	x, columns := p.dev.transforms(n.count), n.kernel.columns
	for k := first; k < first+packChannels; k++ {
		if n.count < columns {
			for place := range places {
				clear(to[place*p.placeFloats(n)+k*columns+n.count:][:columns-n.count])
			}
		}
		from := &p.w.F[(k*(last+1)+last)*p.outer+n.first]
		x.weights(int64(n.count), from, int64(-4*p.outer), &to[k*columns], int64(4*p.placeFloats(n)), &w.square[0], &weightsConstants[0])
	}
}

// transformInput takes a square of pixels to the transformed domain.
func (p *squareProduct) transformInput(w *workspace, item int) {
	sample, square := (p.first+item)/p.grid.perSample(), (p.first+item)%p.grid.perSample()
	p.grid.sourceAddresses(&w.addressed, square, p.src[sample*p.srcSize:], p.srcCols, p.inner, &p.zeros[0])
	p.dev.transforms(p.inner).input(int64(p.inner), &w.addressed[0], &p.v.v[item*p.v.row], int64(4*p.v.step),
		&w.square[0], &inputConstants[0])
}

// multiply is the matrix product of a place and a panel.
func (p *squareProduct) multiply(w *workspace, item int) {
	place, n := item/len(p.panels), p.panels[item%len(p.panels)]
	right := &p.panelWeights(item % len(p.panels))[place*p.placeFloats(n)]
	v, m := p.v.v[place*p.v.step:], p.m.v[place*p.m.step:]
	last := p.block() - 1
	for t := 0; t <= last; t += tileRows {
		for r := range tileRows {
			square := min(t+r, last)
			w.left[r] = &v[square*p.v.row]
			w.rows[r] = &m[square*p.m.row+n.first]
		}
		n.kernel.dot(1, &w.left[0], int64(p.inner), right, nil, &w.rows[0], 0)
	}
}

// transformOutput takes a square of products back to pixels.
func (p *squareProduct) transformOutput(w *workspace, item int) {
	sample, square := (p.first+item)/p.grid.perSample(), (p.first+item)%p.grid.perSample()
	p.grid.resultAddresses(&w.addressed, square, p.dst[sample*p.dstSize:], p.outer, &w.spare[0])
	p.dev.transforms(p.outer).output(int64(p.outer), &p.m.v[item*p.m.row], int64(4*p.m.step), &w.addressed[0],
		&w.square[0], &outputConstants[0], &p.bias[0])
}

// folds are what reflection adds to an input gradient that was computed without:
// the second row from each border also has the gradient of what was mirrored
// there, through the row of taps that lies outside, and so have columns. Rows
// come first and take columns with them as reflection has them; columns then see
// rows without.
func (d *Device) folds(g kernels.Geometry, c call, dy, w, dx tensor) []*dotProduct {
	ds, ws, xs := dy.Shape(), w.Shape(), dx.Shape()
	rows, cols := axes(g, xs[1], xs[2], ws[1], ws[2])
	mirrored := cols.backward()[0]
	rows.geometry.Mode = kernels.Zero
	plain := rows.backward()[0]
	fold := func(phases ...phase) *dotProduct {
		p := &dotProduct{
			dev: d, src: dy.F, dst: dx.F, scratch: c.Scratch, resume: 1,
			samples: xs[0], inner: ds[3], outer: xs[3], dstPlane: xs[1] * xs[2],
			lattice: newLattice(&phases[0].h, &phases[0].w), phases: phases,
		}
		p.pack = func(f *phase, n panel, to []float32) { packTaps(f, n, w, to) }
		p.prepare(c, w, fmt.Sprintf("fold %d", len(phases[0].h.taps)))
		return p
	}
	onto := func(in, out, tap int) axis {
		a := axis{source: out, taps: []int{tap}, outs: []int{1}, reads: []int32{0}}
		if tap > 0 {
			a.outs[0], a.reads[0] = in-2, int32(out-1)
		}
		a.join()
		return a
	}
	const last = winogradTaps - 1
	return []*dotProduct{
		fold(phase{h: onto(xs[1], ds[1], 0), w: mirrored, dstCols: xs[2]}, phase{h: onto(xs[1], ds[1], last), w: mirrored, dstCols: xs[2]}),
		fold(phase{h: plain, w: onto(xs[2], ds[2], 0), dstCols: xs[2]}, phase{h: plain, w: onto(xs[2], ds[2], last), dstCols: xs[2]}),
	}
}
