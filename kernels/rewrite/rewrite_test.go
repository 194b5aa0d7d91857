package rewrite_test

import (
	"math"
	"strings"
	"testing"

	"g2c/internal/philox"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/kernels/rewrite"
)

// spec has five tensors in and two out.
func spec(t *testing.T) *kernels.StateSpec {
	t.Helper()
	n := kernels.Real(3, 7)
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "all", Slots: []kernels.Slot{
		{Name: "v", Type: n}, {Name: "w", Type: n}, {Name: "x", Type: n}, {Name: "y", Type: n}, {Name: "z", Type: n},
		{Name: "out1", Type: n}, {Name: "out2", Type: n},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// assemble reads a program of lines "segment NAME" and "NAME = add|relu NAME...": names
// of slots, or of temporaries.
func assemble(t *testing.T, text string) *kernels.Program {
	t.Helper()
	p := &kernels.Program{Name: "test"}
	ids := map[string]int{}
	id := func(name string) int {
		if _, ok := ids[name]; !ok {
			v := kernels.Value{Type: kernels.Real(3, 7)}
			if len(name) == 1 || strings.HasPrefix(name, "out") {
				v.Slot = name
			}
			ids[name] = len(p.Values)
			p.Values = append(p.Values, v)
		}
		return ids[name]
	}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(line)
		if words[0] == "segment" {
			p.Segments = append(p.Segments, kernels.Segment{Name: words[1], From: len(p.Instrs), To: len(p.Instrs)})
			continue
		}
		var op kernels.Op = kernels.Add{}
		if words[2] == "relu" {
			op = kernels.Activation{Act: kernels.ReLU}
		}
		in := kernels.Instr{Op: op}
		for _, w := range words[3:] {
			in.In = append(in.In, id(w))
		}
		in.Out = []int{id(words[0])}
		p.Instrs = append(p.Instrs, in)
		p.Segments[len(p.Segments)-1].To++
	}
	return p
}

// Sums are joined where that changes nothing, and only there.
func TestFlattenAdds(t *testing.T) {
	rules, err := rewrite.Named("flatten-adds")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, before, after string }{
		{"first operand", "segment s\n t1 = add v w\n out1 = add t1 x", "segment s\n out1 = add v w x"},
		{"second operand", "segment s\n t1 = add v w\n out1 = add x t1", "segment s\n out1 = add v w x"},
		{"a chain", "segment s\n t1 = add v w\n t2 = add x t1\n t3 = add t2 y\n out1 = add t3 z", "segment s\n out1 = add v w x y z"},
		{"a later operand, whose roundings would move", "segment s\n t1 = add v w\n out1 = add x y t1", ""},
		{"a sum read twice by one", "segment s\n t1 = add v w\n out1 = add t1 t1", ""},
		{"a sum read by another too", "segment s\n t1 = add v w\n out1 = add t1 x\n out2 = relu t1", ""},
		{"a sum that is kept", "segment s\n out2 = add v w\n out1 = add out2 x", ""},
		{"not neighbours", "segment s\n t1 = add v w\n t2 = relu x\n out1 = add t1 t2", ""},
		{"another segment", "segment s\n t1 = add v w\n segment r\n out1 = add t1 x", ""},
		{"segments move up", "segment s\n t1 = add v w\n out1 = add t1 x\n segment r\n out2 = relu y", "segment s\n out1 = add v w x\n segment r\n out2 = relu y"},
	} {
		p := assemble(t, c.before)
		text := p.String()
		got := rewrite.Apply(p, rules)
		if err := got.Check(spec(t)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if p.String() != text {
			t.Errorf("%s: the rewrite changed the program it was given", c.name)
		}
		want := c.after
		if want == "" {
			want = c.before
		}
		if shape(got) != shape(assemble(t, want)) {
			t.Errorf("%s: got\n%s", c.name, got)
		}
		equalRuns(t, c.name, p, rules)
	}
}

// shape is a program without the numbers of its temporaries.
func shape(p *kernels.Program) string {
	var b strings.Builder
	for _, s := range p.Segments {
		b.WriteString(s.Name + ":")
		for _, in := range p.Instrs[s.From:s.To] {
			b.WriteString(" " + in.Op.Name() + "(")
			for _, id := range in.In {
				b.WriteString(p.Values[id].Slot + ",")
			}
			b.WriteString(")" + p.Values[in.Out[0]].Slot)
		}
	}
	return b.String()
}

// equalRuns runs a program as it is and rewritten, and compares all bits.
func equalRuns(t *testing.T, name string, p *kernels.Program, rules []rewrite.Rule) {
	t.Helper()
	before, after := run(t, p, nil), run(t, p, rules)
	for i := range before {
		if math.Float32bits(before[i]) != math.Float32bits(after[i]) {
			t.Fatalf("%s: number %d is %v, rewritten %v", name, i, before[i], after[i])
		}
	}
}

func run(t *testing.T, p *kernels.Program, rules []rewrite.Rule) []float32 {
	t.Helper()
	d, err := cpu.New(cpu.Options{Threads: 1, Rewrites: rules})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s, err := d.NewState(spec(t))
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := s.Spec().Type("all")
	all := make([]float32, typ.Shape.Len())
	for i := range all {
		all[i] = (philox.Uniform(philox.Words(1, philox.Weights, [4]uint32{uint32(i)})[0]) - 0.5) * float32(int(1)<<(i%9))
	}
	if err := s.PutF32("all", all); err != nil {
		t.Fatal(err)
	}
	e, err := d.Load(p, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(); err != nil {
		t.Fatal(err)
	}
	if err := s.GetF32("all", all); err != nil {
		t.Fatal(err)
	}
	return all
}

// Rules are chosen by name; a wrong name is an error that lists the right ones.
func TestNamed(t *testing.T) {
	for list, n := range map[string]int{"": len(rewrite.All()), "all": len(rewrite.All()), "none": 0, "flatten-adds": 1} {
		rules, err := rewrite.Named(list)
		if err != nil || len(rules) != n {
			t.Errorf("%q: %d rules, %v, want %d", list, len(rules), err, n)
		}
	}
	if _, err := rewrite.Named("flatten-adds,flaten"); err == nil || !strings.Contains(err.Error(), `"flaten"`) {
		t.Errorf("a wrong name: %v", err)
	}
}
