package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"g2c/kernels"
)

// trial is one operation over operands of given types.
type trial struct {
	op kernels.Op
	in []kernels.Type
	// ints bounds integer operands: [0, ints).
	ints int
}

func (t trial) String() string { return fmt.Sprintf("%s{%s}%v", t.op.Name(), t.op.Attrs(), t.in) }

// program is the trial as a program: operands are slots, results temporaries.
func (t trial) program(tb testing.TB) (*kernels.Program, *kernels.StateSpec) {
	tb.Helper()
	out, err := t.op.Infer(t.in)
	if err != nil {
		tb.Fatal(err)
	}
	p := &kernels.Program{Name: t.op.Name(), Instrs: []kernels.Instr{{Op: t.op}}, Segments: []kernels.Segment{{Name: "all", To: 1}}}
	var groups []kernels.Group
	for i, in := range t.in {
		name := fmt.Sprintf("in%d", i)
		groups = append(groups, kernels.Group{Name: "group" + name, Slots: []kernels.Slot{{Name: name, Type: in}}})
		p.Instrs[0].In = append(p.Instrs[0].In, len(p.Values))
		p.Values = append(p.Values, kernels.Value{Type: in, Slot: name})
	}
	for _, o := range out {
		p.Instrs[0].Out = append(p.Instrs[0].Out, len(p.Values))
		p.Values = append(p.Values, kernels.Value{Type: o})
	}
	spec, err := kernels.NewStateSpec(groups...)
	if err != nil {
		tb.Fatal(err)
	}
	return p, spec
}

// operands draws values that float32 holds exactly.
func (t trial) operands(seed uint64) [][]float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	ops := make([][]float64, len(t.in))
	for i, in := range t.in {
		ops[i] = make([]float64, in.Shape.Len())
		for j := range ops[i] {
			switch in.DType {
			case kernels.I32:
				ops[i][j] = float64(r.IntN(t.ints))
			case kernels.U8:
				ops[i][j] = float64(r.IntN(256))
			default:
				ops[i][j] = float64(float32(r.NormFloat64()))
			}
		}
	}
	return ops
}

// load prepares the trial on a device with its operands in place.
func (t trial) load(tb testing.TB, d kernels.Device, ops [][]float64) kernels.Exec {
	tb.Helper()
	p, spec := t.program(tb)
	s, err := d.NewState(spec)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := d.Load(p, s)
	if err != nil {
		tb.Fatal(err)
	}
	for i, v := range ops {
		if err := e.PutValue(i, v); err != nil {
			tb.Fatal(err)
		}
	}
	return e
}

// run gives the results. They are filled with NaN before.
func (t trial) run(tb testing.TB, d kernels.Device, ops [][]float64) [][]float64 {
	tb.Helper()
	e := t.load(tb, d, ops)
	p := e.Program()
	var out [][]float64
	for _, id := range p.Instrs[0].Out {
		v := make([]float64, p.Values[id].Type.Shape.Len())
		for i := range v {
			v[i] = math.NaN()
		}
		if p.Values[id].Type.DType == kernels.F32 {
			if err := e.PutValue(id, v); err != nil {
				tb.Fatal(err)
			}
		}
		out = append(out, v)
	}
	if err := e.Run(); err != nil {
		tb.Fatal(err)
	}
	for k, id := range p.Instrs[0].Out {
		if err := e.GetValue(id, out[k]); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

// open makes a device that is closed with the test.
func open(tb testing.TB, o Options) *Device {
	tb.Helper()
	d, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// isas are the instruction sets of this machine.
func isas() []ISA {
	var is []ISA
	for _, i := range []ISA{Portable, AVX2, AVX512} {
		if has(i) {
			is = append(is, i)
		}
	}
	return is
}

// same reports whether two results hold the same bits.
func same(a, b [][]float64) error {
	for k := range a {
		for i := range a[k] {
			if math.Float64bits(a[k][i]) != math.Float64bits(b[k][i]) {
				return fmt.Errorf("result %d, element %d: %v and %v", k, i, a[k][i], b[k][i])
			}
		}
	}
	return nil
}
