package ref

import "g2c/kernels"

// eachAlong pairs the elements of part with those of whole that hold it at
// position from of an axis.
func eachAlong(axis, from int, part, whole kernels.Shape, f func(part, whole int)) {
	inner := part[axis+1:].Len()
	for o := range part[:axis].Len() {
		for a := range part[axis] {
			for i := range inner {
				f((o*part[axis]+a)*inner+i, (o*whole[axis]+from+a)*inner+i)
			}
		}
	}
}

func concat(op kernels.Concat, in, out []tensor) {
	from := 0
	for _, x := range in {
		eachAlong(op.Axis, from, x.Shape(), out[0].Shape(), func(p, w int) { out[0].F[w] = x.F[p] })
		from += x.Shape()[op.Axis]
	}
}

func slice(op kernels.Slice, in, out []tensor) {
	eachAlong(op.Axis, op.From, out[0].Shape(), in[0].Shape(), func(p, w int) { out[0].F[p] = in[0].F[w] })
}

func sliceGrad(op kernels.SliceGrad, in, out []tensor) {
	clear(out[0].F)
	eachAlong(op.Axis, op.From, in[0].Shape(), out[0].Shape(), func(p, w int) { out[0].F[w] = in[0].F[p] })
}
