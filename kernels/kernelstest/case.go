package kernelstest

import (
	"fmt"
	"strings"

	"g2c/internal/philox"
	"g2c/kernels"
	"g2c/kernels/tolerance"
)

// testCase is one operation over given operands.
type testCase struct {
	op kernels.Op
	in []tolerance.Tensor
	// note says what is special about the operands.
	note string
	// stands is set where the contract says that results stand where operands
	// stood: there is no other way to call the operation.
	stands bool
	// same makes operand 1 the very value that operand 0 is.
	same bool
}

// types are those of the operands.
func (c testCase) types() []kernels.Type {
	types := make([]kernels.Type, len(c.in))
	for i, t := range c.in {
		types[i] = t.Type
	}
	return types
}

// String names the case: operation, attributes, types of operands.
func (c testCase) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s{%s}(", c.op.Name(), c.op.Attrs())
	for i, t := range c.in {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(t.Type.String())
	}
	s.WriteString(")")
	if c.note != "" {
		s.WriteString(" " + c.note)
	}
	return s.String()
}

// maker collects cases and draws their operands.
type maker struct {
	seed  uint32
	drawn uint32
	cases []testCase
}

// add makes a case of an operation; note may be empty.
func (m *maker) add(note string, op kernels.Op, in ...tolerance.Tensor) *testCase {
	m.cases = append(m.cases, testCase{op: op, in: in, note: note})
	return &m.cases[len(m.cases)-1]
}

// drawing is the purpose of the suite's draws, which no training draw shares.
const drawing philox.Purpose = 1 << 16

// draw fills a tensor with f of uniform numbers in [-1,1), rounded to float32.
func (m *maker) draw(dims []int, f func(i int, u float64) float64) tolerance.Tensor {
	t := tolerance.Tensor{Type: kernels.Real(dims...)}
	t.V = make([]float64, t.Type.Shape.Len())
	m.drawn++
	for i := range t.V {
		w := philox.Words(m.seed, drawing, [4]uint32{uint32(i / 4), m.drawn, 0, 0})
		u := 2*float64(philox.Uniform(w[i%4])) - 1
		t.V[i] = float64(float32(f(i, u)))
	}
	return t
}

// reals draws numbers in [-1,1).
func (m *maker) reals(dims ...int) tolerance.Tensor {
	return m.draw(dims, func(_ int, u float64) float64 { return u })
}

// scaled draws numbers in [-scale,scale).
func (m *maker) scaled(scale float64, dims ...int) tolerance.Tensor {
	return m.draw(dims, func(_ int, u float64) float64 { return scale * u })
}

// positive draws numbers in [0.5,1.5).
func (m *maker) positive(dims ...int) tolerance.Tensor {
	return m.draw(dims, func(_ int, u float64) float64 { return 1 + u/2 })
}

// offset draws numbers around a mean that is large beside their spread.
func (m *maker) offset(mean float64, dims ...int) tolerance.Tensor {
	return m.draw(dims, func(_ int, u float64) float64 { return mean + u })
}

// constant is one number everywhere.
func (m *maker) constant(v float64, dims ...int) tolerance.Tensor {
	return m.draw(dims, func(int, float64) float64 { return v })
}

// mixed draws numbers of magnitudes from 2^-30 to 2^30.
func (m *maker) mixed(dims ...int) tolerance.Tensor {
	return m.draw(dims, func(i int, u float64) float64 {
		v := u
		for range i * 7 % 31 {
			v *= 2
		}
		for range i * 13 % 31 {
			v /= 2
		}
		return v
	})
}

// ties draws the integers from -2 to 2: equal values and zeros abound.
func (m *maker) ties(dims ...int) tolerance.Tensor {
	return m.draw(dims, func(_ int, u float64) float64 { return float64(int(u * 2.999)) })
}

// ints draws integers from 0 to below n.
func (m *maker) ints(n int, dims ...int) tolerance.Tensor {
	t := m.draw(dims, func(_ int, u float64) float64 { return float64(int((u + 1) / 2 * float64(n))) })
	t.Type.DType = kernels.I32
	return t
}

// bytes draws bytes.
func (m *maker) bytes(dims ...int) tolerance.Tensor {
	t := m.ints(256, dims...)
	t.Type.DType = kernels.U8
	return t
}

// with puts v at each place.
func with(t tolerance.Tensor, v float64, places ...int) tolerance.Tensor {
	for _, i := range places {
		t.V[i] = v
	}
	return t
}

// spread is one of the ways to fill an operand, with its name.
type spread struct {
	name string
	draw func(dims ...int) tolerance.Tensor
}

// hostile lists fillings that provoke overflow of squares' naive bounds,
// underflow, cancellation and ties.
func (m *maker) hostile() []spread {
	return []spread{
		{"large", func(d ...int) tolerance.Tensor { return m.scaled(1e15, d...) }},
		{"tiny", func(d ...int) tolerance.Tensor { return m.scaled(1e-30, d...) }},
		{"subnormal", func(d ...int) tolerance.Tensor { return m.scaled(1e-39, d...) }},
		{"zeros", func(d ...int) tolerance.Tensor { return m.constant(0, d...) }},
		{"mixed", m.mixed},
		{"ties", m.ties},
	}
}
