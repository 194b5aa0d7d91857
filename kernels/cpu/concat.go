package cpu

import "g2c/kernels"

// band is a run of positions along an axis, seen from the whole tensor: rows of
// part floats that lie whole apart, from an offset.
type band struct {
	rows, part, whole, offset int
}

// bandOf is the place of a part of a shape at position from of an axis.
func bandOf(axis, from int, part, whole kernels.Shape) band {
	inner := part[axis+1:].Len()
	return band{rows: part[:axis].Len(), part: part[axis] * inner, whole: whole[axis] * inner, offset: from * inner}
}

// floatsAtOnce is how much copying one item does at least.
const floatsAtOnce = 1 << 13

// eachBandRow calls f for every row of a band, many rows an item.
func (d *Device) eachBandRow(b band, f func(part, whole int)) func() {
	many := max(1, floatsAtOnce/b.whole)
	return d.eachRow((b.rows+many-1)/many, func(_ *workspace, item int) {
		for r := item * many; r < min((item+1)*many, b.rows); r++ {
			f(r*b.part, r*b.whole+b.offset)
		}
	})
}

// concat puts tensors side by side along an axis.
func (d *Device) concat(op kernels.Concat, c call) func() {
	y := c.Out[0]
	from := 0
	var runs []func()
	for _, x := range c.In {
		b := bandOf(op.Axis, from, x.Shape(), y.Shape())
		runs = append(runs, d.eachBandRow(b, func(part, whole int) { copy(y.F[whole:], x.F[part:][:b.part]) }))
		from += x.Shape()[op.Axis]
	}
	return func() {
		for _, run := range runs {
			run()
		}
	}
}

// slice takes positions From to To of an axis.
func (d *Device) slice(op kernels.Slice, c call) func() {
	x, y := c.In[0], c.Out[0]
	b := bandOf(op.Axis, op.From, y.Shape(), x.Shape())
	return d.eachBandRow(b, func(part, whole int) { copy(y.F[part:][:b.part], x.F[whole:]) })
}

// sliceGrad puts dy at positions From and on of an axis, with zeros elsewhere.
func (d *Device) sliceGrad(op kernels.SliceGrad, c call) func() {
	dy, dx := c.In[0], c.Out[0]
	b := bandOf(op.Axis, op.From, dy.Shape(), dx.Shape())
	return d.eachBandRow(b, func(part, whole int) {
		row := dx.F[whole-b.offset:][:b.whole]
		clear(row[:b.offset])
		clear(row[b.offset+copy(row[b.offset:], dy.F[part:][:b.part]):])
	})
}
