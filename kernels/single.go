package kernels

import "fmt"

// Single is a program of one operation, on operands of given types in the slots in0, in1,
// ... with results in out0, out1, ...: to compute or time it alone. Each slot is a group of
// its own.
func Single(op Op, in []Type) (*StateSpec, *Program, error) {
	out, err := op.Infer(in)
	if err != nil {
		return nil, nil, err
	}
	p := &Program{Name: op.Name(), Segments: []Segment{{Name: "all", To: 1}}}
	var groups []Group
	add := func(kind string, types []Type) (ids []int) {
		for k, t := range types {
			name := fmt.Sprintf("%s%d", kind, k)
			groups = append(groups, Group{Name: "group/" + name, Slots: []Slot{{Name: name, Type: t}}})
			ids = append(ids, len(p.Values))
			p.Values = append(p.Values, Value{Type: t, Slot: name})
		}
		return ids
	}
	p.Instrs = []Instr{{Op: op, In: add("in", in), Out: add("out", out)}}
	spec, err := NewStateSpec(groups...)
	return spec, p, err
}
