package kernels

import (
	"fmt"
	"strings"
)

// Program is a linear list of operations over slots of a State and temporaries
// of one arena. It says what happens, never how: a Device turns it into an Exec.
type Program struct {
	Name     string
	Values   []Value
	Instrs   []Instr
	Segments []Segment
}

// Value is one tensor of a program. A value with a Slot lives in the State; the
// slot's name may be a group's, which gives the whole group as one flat tensor. A
// slot may be seen in another shape of as many elements.
type Value struct {
	Type Type
	Slot string
	Note string // where it comes from, for dumps; not part of the meaning
}

// Instr is one operation. In and Out are indices of Values. An operation that
// works in place on a slot names the same value on both sides.
type Instr struct {
	Op  Op
	In  []int
	Out []int
}

// Segment is a run of instructions, [From, To). Between segments a caller may do
// its own work: exchange gradients, look at a loss.
type Segment struct {
	Name     string
	From, To int
}

// Segment returns the index of a segment by name, or -1.
func (p *Program) Segment(name string) int {
	for i, s := range p.Segments {
		if s.Name == name {
			return i
		}
	}
	return -1
}

// Cost is the work of the whole program.
func (p *Program) Cost() Cost {
	var c Cost
	for i := range p.Instrs {
		c = c.Add(p.InstrCost(i))
	}
	return c
}

// InstrCost is the work of one instruction.
func (p *Program) InstrCost(i int) Cost {
	in := p.Instrs[i]
	return in.Op.Cost(p.types(in.In), p.types(in.Out))
}

func (p *Program) types(ids []int) []Type {
	ts := make([]Type, len(ids))
	for i, id := range ids {
		ts[i] = p.Values[id].Type
	}
	return ts
}

// Check verifies the program against the slots of a state: every slot exists
// with its type, every operation accepts its operands, every temporary is
// written once and before it is read, and segments cover the instructions.
func (p *Program) Check(spec *StateSpec) error {
	written := make([]bool, len(p.Values))
	for id, v := range p.Values {
		if v.Slot == "" {
			continue
		}
		t, ok := spec.Type(v.Slot)
		if !ok || t.DType != v.Type.DType || t.Shape.Len() != v.Type.Shape.Len() {
			return fmt.Errorf("program %s: value %%%d wants slot %s as %v, the state has %v", p.Name, id, v.Slot, v.Type, t)
		}
		written[id] = true
	}
	for i, in := range p.Instrs {
		if err := p.checkInstr(in, written); err != nil {
			return fmt.Errorf("program %s: instruction %d: %w", p.Name, i, err)
		}
	}
	at := 0
	for _, s := range p.Segments {
		if s.From != at || s.To < s.From {
			return fmt.Errorf("program %s: segment %s does not follow its predecessor", p.Name, s.Name)
		}
		at = s.To
	}
	if at != len(p.Instrs) {
		return fmt.Errorf("program %s: segments end at %d of %d instructions", p.Name, at, len(p.Instrs))
	}
	return nil
}

func (p *Program) checkInstr(in Instr, written []bool) error {
	for _, id := range in.In {
		if id < 0 || id >= len(p.Values) || !written[id] {
			return fmt.Errorf("%s reads %%%d before it is written", in.Op.Name(), id)
		}
	}
	out, err := in.Op.Infer(p.types(in.In))
	if err != nil {
		return err
	}
	if len(out) != len(in.Out) {
		return fmt.Errorf("%s has %d results, %d are named", in.Op.Name(), len(out), len(in.Out))
	}
	for k, id := range in.Out {
		if id < 0 || id >= len(p.Values) {
			return fmt.Errorf("%s writes %%%d, which does not exist", in.Op.Name(), id)
		}
		v := p.Values[id]
		if v.Slot == "" && written[id] {
			return fmt.Errorf("%s writes %%%d a second time", in.Op.Name(), id)
		}
		if !v.Type.Equal(out[k]) {
			return fmt.Errorf("%s gives %v for %%%d, which is %v", in.Op.Name(), out[k], id, v.Type)
		}
		written[id] = true
	}
	return nil
}

// String is the text dump: one line an instruction, the same bytes in every
// process.
func (p *Program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "program %s\n", p.Name)
	for _, s := range p.Segments {
		fmt.Fprintf(&b, "segment %s\n", s.Name)
		for i := s.From; i < s.To; i++ {
			b.WriteString(p.Line(i))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Line is the dump of one instruction.
func (p *Program) Line(i int) string {
	var b strings.Builder
	in := p.Instrs[i]
	fmt.Fprintf(&b, "%5d  ", i)
	p.writeList(&b, in.Out)
	fmt.Fprintf(&b, " = %s", in.Op.Name())
	if a := in.Op.Attrs(); a != "" {
		fmt.Fprintf(&b, "{%s}", a)
	}
	b.WriteByte('(')
	p.writeList(&b, in.In)
	b.WriteByte(')')
	return b.String()
}

// Signature is an instruction without the values it names: what it does to which
// shapes.
func (p *Program) Signature(i int) string {
	var b strings.Builder
	in := p.Instrs[i]
	b.WriteString(in.Op.Name())
	if a := in.Op.Attrs(); a != "" {
		fmt.Fprintf(&b, "{%s}", a)
	}
	for k, t := range p.types(in.In) {
		fmt.Fprintf(&b, "%s%v", [2]string{"(", ", "}[min(k, 1)], t)
	}
	b.WriteByte(')')
	return b.String()
}

func (p *Program) writeList(b *strings.Builder, ids []int) {
	for k, id := range ids {
		if k > 0 {
			b.WriteString(", ")
		}
		v := p.Values[id]
		if v.Slot != "" {
			fmt.Fprintf(b, "@%s %v", v.Slot, v.Type)
			continue
		}
		fmt.Fprintf(b, "%%%d %v", id, v.Type)
	}
}
