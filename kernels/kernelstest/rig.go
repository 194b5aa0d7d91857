package kernelstest

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"g2c/kernels"
)

// rig is one case on one device: a state whose slots lie between guards, and a
// program of one instruction.
type rig struct {
	c        testCase
	state    kernels.State
	exec     kernels.Exec
	outTypes []kernels.Type
	inSlot   []string
	outSlot  []string
	groups   []kernels.Group
}

// Values that stand around operands and results: an operand read past its end
// turns a result to NaN; a guard beside a result is an ordinary number that a
// stray write changes.
const (
	guardReal  = -12345.5
	guardInts  = 77
	poisonInts = -9
)

func newRig(d kernels.Device, c testCase, inPlace bool) (*rig, error) {
	r := &rig{c: c}
	types := c.types()
	var err error
	if r.outTypes, err = c.op.Infer(types); err != nil {
		return nil, err
	}
	r.layOut(types, inPlace)
	spec, err := kernels.NewStateSpec(r.groups...)
	if err != nil {
		return nil, err
	}
	if r.state, err = d.NewState(spec); err != nil {
		return nil, err
	}
	r.exec, err = d.Load(r.program(types), r.state)
	return r, err
}

// layOut makes a group of guard, slot, guard for each operand and each result
// that does not stand in an operand's place.
func (r *rig) layOut(types []kernels.Type, inPlace bool) {
	slot := func(name string, t kernels.Type) {
		g := kernels.Type{DType: t.DType, Shape: kernels.Shape{kernels.SlotAlign}}
		r.groups = append(r.groups, kernels.Group{Name: "group/" + name, Slots: []kernels.Slot{
			{Name: "before/" + name, Type: g}, {Name: name, Type: t}, {Name: "after/" + name, Type: g},
		}})
	}
	for i, t := range types {
		name := fmt.Sprintf("in%d", i)
		if i == 1 && r.c.same {
			name = "in0"
		} else {
			slot(name, t)
		}
		r.inSlot = append(r.inSlot, name)
	}
	for k, t := range r.outTypes {
		name := fmt.Sprintf("out%d", k)
		if operand := r.overwritten(k); inPlace && operand >= 0 {
			name = r.inSlot[operand]
		} else {
			slot(name, t)
		}
		r.outSlot = append(r.outSlot, name)
	}
}

// overwritten is the operand in whose place result k may stand, or -1.
func (r *rig) overwritten(k int) int {
	if op, ok := r.c.op.(kernels.InPlace); ok {
		for _, pair := range op.Overwrites() {
			if pair[0] == k {
				return pair[1]
			}
		}
	}
	return -1
}

func (r *rig) program(types []kernels.Type) *kernels.Program {
	p := &kernels.Program{Name: "case", Segments: []kernels.Segment{{Name: "all", To: 1}}}
	ids := map[string]int{}
	value := func(slot string, t kernels.Type) int {
		if _, ok := ids[slot]; !ok {
			ids[slot] = len(p.Values)
			p.Values = append(p.Values, kernels.Value{Type: t, Slot: slot})
		}
		return ids[slot]
	}
	instr := kernels.Instr{Op: r.c.op}
	for i, s := range r.inSlot {
		instr.In = append(instr.In, value(s, types[i]))
	}
	for k, s := range r.outSlot {
		instr.Out = append(instr.Out, value(s, r.outTypes[k]))
	}
	p.Instrs = []kernels.Instr{instr}
	return p
}

// run poisons results, writes operands, runs, and gives the results. Whatever
// else changed is an error.
func (r *rig) run() ([][]float64, error) {
	before, err := r.prepare()
	if err != nil {
		return nil, err
	}
	if err := r.exec.Run(); err != nil {
		return nil, err
	}
	for i, g := range r.groups {
		after, err := r.group(g)
		if err != nil {
			return nil, err
		}
		if err := r.unchanged(g, before[i], after); err != nil {
			return nil, err
		}
	}
	out := make([][]float64, len(r.outSlot))
	for k, s := range r.outSlot {
		if out[k], err = r.get(s, r.outTypes[k]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// prepare fills every group and gives their contents.
func (r *rig) prepare() ([][]float64, error) {
	for _, g := range r.groups {
		for _, s := range g.Slots {
			if err := r.put(s.Name, s.Type, r.initial(s)); err != nil {
				return nil, err
			}
		}
	}
	all := make([][]float64, len(r.groups))
	for i, g := range r.groups {
		var err error
		if all[i], err = r.group(g); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// initial is what a slot holds before a run.
func (r *rig) initial(s kernels.Slot) []float64 {
	if i := slices.Index(r.inSlot, s.Name); i >= 0 {
		return r.c.in[i].V
	}
	_, beside, guard := strings.Cut(s.Name, "/")
	fill := math.NaN()
	switch {
	case !s.Type.DType.IsReal() && guard:
		fill = guardInts
	case !s.Type.DType.IsReal():
		fill = poisonInts
	case guard && slices.Contains(r.outSlot, beside):
		fill = guardReal
	}
	v := make([]float64, s.Type.Shape.Len())
	for i := range v {
		v[i] = fill
	}
	return v
}

// unchanged compares a group, gaps included, before and after a run, but for a
// slot that is a result.
func (r *rig) unchanged(g kernels.Group, before, after []float64) error {
	offsets, _ := g.Offsets()
	for i := range before {
		if math.Float64bits(before[i]) == math.Float64bits(after[i]) || (math.IsNaN(before[i]) && math.IsNaN(after[i])) {
			continue
		}
		s := g.Slots[1]
		inside := i >= offsets[1] && i < offsets[1]+s.Type.Shape.Len()
		if inside && slices.Contains(r.outSlot, s.Name) {
			continue
		}
		return fmt.Errorf("%s of %v: place %d, from the slot's first element, changed from %g to %g", g.Name, s.Type, i-offsets[1], before[i], after[i])
	}
	return nil
}

func (r *rig) group(g kernels.Group) ([]float64, error) {
	t, _ := r.state.Spec().Type(g.Name)
	return r.get(g.Name, t)
}

func (r *rig) put(slot string, t kernels.Type, v []float64) error {
	switch t.DType {
	case kernels.I32:
		return r.state.PutI32(slot, convert[int32](v))
	case kernels.U8:
		return r.state.PutU8(slot, convert[uint8](v))
	}
	return r.state.PutF64(slot, v)
}

func (r *rig) get(slot string, t kernels.Type) ([]float64, error) {
	n := t.Shape.Len()
	switch t.DType {
	case kernels.I32:
		v := make([]int32, n)
		err := r.state.GetI32(slot, v)
		return convert[float64](v), err
	case kernels.U8:
		v := make([]uint8, n)
		err := r.state.GetU8(slot, v)
		return convert[float64](v), err
	}
	v := make([]float64, n)
	return v, r.state.GetF64(slot, v)
}

func convert[D, S float64 | int32 | uint8](v []S) []D {
	out := make([]D, len(v))
	for i, x := range v {
		out[i] = D(x)
	}
	return out
}

func (r *rig) close() error {
	if err := r.exec.Close(); err != nil {
		return err
	}
	return r.state.Close()
}
