package kernelstest

import (
	"math"

	"g2c/kernels"
)

func concatCases(m *maker) {
	m.add("", kernels.Concat{Axis: 0}, m.reals(3))
	for _, sizes := range [][]int{{1, 1}, {3, 1, 2}, {17, 7}, {64, 96}, {1, 2, 3, 4}} {
		for axis := range 4 {
			d := []int{2, 3, 2, 5}
			x := d
			total := 0
			c := m.add("", kernels.Concat{Axis: axis})
			for _, n := range sizes {
				x = append([]int(nil), d...)
				x[axis] = n
				c.in = append(c.in, m.reals(x...))
				total += n
			}
			// The gradient of a part in the middle, and of the end.
			part := append([]int(nil), d...)
			part[axis] = total
			m.add("", kernels.Slice{Axis: axis, From: sizes[0], To: total}, m.reals(part...))
			m.add("", kernels.Slice{Axis: axis, From: 0, To: sizes[0]}, m.reals(part...))
			m.add("", kernels.SliceGrad{Axis: axis, From: sizes[0], Len: sizes[0] + x[axis]}, m.reals(x...))
			m.add("", kernels.SliceGrad{Axis: axis, From: 0, Len: x[axis] + 2}, m.reals(x...))
		}
	}
	m.add("", kernels.Slice{Axis: 1, From: 0, To: 4}, m.reals(3, 4))
	m.add("", kernels.SliceGrad{Axis: 0, From: 1, Len: 9}, m.reals(7))
	nan := math.NaN()
	m.add("nan", kernels.Concat{Axis: 1}, with(m.reals(2, 2), nan, 1), m.reals(2, 3))
	m.add("nan", kernels.Slice{Axis: 1, From: 1, To: 3}, with(m.reals(2, 4), nan, 3, 6))
	m.add("nan", kernels.SliceGrad{Axis: 1, From: 1, Len: 4}, with(m.reals(2, 2), nan, 3))
	same := m.add("one operand twice", kernels.Concat{Axis: 3}, m.reals(1, 2, 2, 3))
	same.in = append(same.in, same.in[0])
	same.same = true
}
