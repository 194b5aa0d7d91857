package kernels_test

import (
	"strings"
	"testing"

	"g2c/kernels"
)

// spec is a state with slots x, y of four reals and label of two integers.
func spec(t *testing.T) *kernels.StateSpec {
	t.Helper()
	s, err := kernels.NewStateSpec(
		kernels.Group{Name: "reals", Slots: []kernels.Slot{{Name: "x", Type: kernels.Real(2, 2)}, {Name: "y", Type: kernels.Real(2, 2)}}},
		kernels.Group{Name: "integers", Slots: []kernels.Slot{{Name: "label", Type: kernels.Ints(2)}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// chain is x -> relu -> affine -> y.
func chain() *kernels.Program {
	r := kernels.Real(2, 2)
	return &kernels.Program{
		Name:   "chain",
		Values: []kernels.Value{{Type: r, Slot: "x"}, {Type: r}, {Type: r, Slot: "y"}},
		Instrs: []kernels.Instr{
			{Op: kernels.Activation{Act: kernels.ReLU}, In: []int{0}, Out: []int{1}},
			{Op: kernels.Affine{Scale: 2, Shift: -1}, In: []int{1}, Out: []int{2}},
		},
		Segments: []kernels.Segment{{Name: "first", To: 1}, {Name: "second", From: 1, To: 2}},
	}
}

func TestDump(t *testing.T) {
	const want = `program chain
segment first
    0  %1 f32[2,2] = activation{act=relu}(@x f32[2,2])
segment second
    1  @y f32[2,2] = affine{scale=2 shift=-1}(%1 f32[2,2])
`
	if got := chain().String(); got != want {
		t.Errorf("the dump is\n%s\nwant\n%s", got, want)
	}
}

func TestCheck(t *testing.T) {
	if err := chain().Check(spec(t)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		damage     func(p *kernels.Program)
	}{
		{"an unknown slot", "wants slot z", func(p *kernels.Program) { p.Values[0].Slot = "z" }},
		{"a slot of another element type", "wants slot label", func(p *kernels.Program) { p.Values[0].Slot = "label" }},
		{"a slot of another size", "wants slot x", func(p *kernels.Program) { p.Values[0].Type = kernels.Real(2, 3) }},
		{"a value read before it is written", "reads %1 before it is written", func(p *kernels.Program) { p.Instrs[0], p.Instrs[1] = p.Instrs[1], p.Instrs[0] }},
		{"a value that is not there", "reads %9", func(p *kernels.Program) { p.Instrs[1].In = []int{9} }},
		{"a negative value", "reads %-1", func(p *kernels.Program) { p.Instrs[1].In = []int{-1} }},
		{"a result that is not there", "writes %9", func(p *kernels.Program) { p.Instrs[1].Out = []int{9} }},
		{"a temporary written twice", "writes %1 a second time", func(p *kernels.Program) { p.Instrs[1].Out = []int{1} }},
		{"operands that do not fit", "add: 1 operands", func(p *kernels.Program) { p.Instrs[0].Op = kernels.Add{} }},
		{"a result of another shape", "gives f32[2,2] for %1", func(p *kernels.Program) { p.Values[1].Type = kernels.Real(4) }},
		{"too few results", "has 2 results", func(p *kernels.Program) { p.Instrs[0].Op = twoResults{} }},
		{"a gap between segments", "does not follow", func(p *kernels.Program) { p.Segments[1].From = 2 }},
		{"a segment that runs backwards", "does not follow", func(p *kernels.Program) { p.Segments[0].To = -1 }},
		{"instructions in no segment", "segments end at 1 of 2", func(p *kernels.Program) { p.Segments = p.Segments[:1] }},
		{"segments past the end", "segments end at 5 of 2", func(p *kernels.Program) { p.Segments[1].To = 5 }},
	} {
		p := chain()
		c.damage(p)
		if err := p.Check(spec(t)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// twoResults gives its operand twice.
type twoResults struct{ kernels.Copy }

func (twoResults) Infer(in []kernels.Type) ([]kernels.Type, error) {
	return []kernels.Type{in[0], in[0]}, nil
}

// TestSlotInAnotherShape: a slot may be seen in another shape of as many
// elements, a group as one flat tensor.
func TestSlotInAnotherShape(t *testing.T) {
	p := chain()
	for i := range p.Values {
		p.Values[i].Type = kernels.Real(4)
	}
	if err := p.Check(spec(t)); err != nil {
		t.Error(err)
	}
	flat := kernels.Real(2 * kernels.SlotAlign)
	p = &kernels.Program{
		Name:     "flat",
		Values:   []kernels.Value{{Type: flat, Slot: "reals"}},
		Instrs:   []kernels.Instr{{Op: kernels.Affine{Scale: 2}, In: []int{0}, Out: []int{0}}},
		Segments: []kernels.Segment{{Name: "all", To: 1}},
	}
	if err := p.Check(spec(t)); err != nil {
		t.Error(err)
	}
}

func TestSegment(t *testing.T) {
	p := chain()
	if p.Segment("second") != 1 || p.Segment("third") != -1 {
		t.Errorf("segments are found at %d and %d", p.Segment("second"), p.Segment("third"))
	}
}

// TestCost holds counts to numbers worked out by hand.
func TestCost(t *testing.T) {
	x, w, y := kernels.Real(2, 8, 8, 3), kernels.Real(5, 4, 4, 3), kernels.Real(2, 4, 4, 5)
	g := kernels.Geometry{Stride: 2, PadH: 1, PadW: 1}
	const flops = 2 * (2 * 4 * 4) * 5 * (4 * 4 * 3) // pixels × channels out × taps
	const bytes = 4 * (2*8*8*3 + 5*4*4*3 + 2*4*4*5)
	for _, c := range []struct {
		op      kernels.Op
		in, out []kernels.Type
		want    kernels.Cost
	}{
		{kernels.Conv2D{Geometry: g}, []kernels.Type{x, w}, []kernels.Type{y}, kernels.Cost{FLOPs: flops, Bytes: bytes}},
		{kernels.Conv2DGradX{Geometry: g, H: 8, W: 8}, []kernels.Type{y, w}, []kernels.Type{x}, kernels.Cost{FLOPs: flops, Bytes: bytes}},
		{kernels.Conv2DGradW{Geometry: g, Segments: kernels.Segments{Groups: 1, Shards: 1}, R: 4, S: 4}, []kernels.Type{x, y},
			[]kernels.Type{kernels.Real(1, 5, 4, 4, 3)}, kernels.Cost{FLOPs: flops, Bytes: bytes}},
		{kernels.Linear{}, []kernels.Type{kernels.Real(4, 7), kernels.Real(3, 7), kernels.Real(3)}, []kernels.Type{kernels.Real(4, 3)},
			kernels.Cost{FLOPs: 2 * 4 * 3 * 7, Bytes: 4 * (28 + 21 + 3 + 12)}},
		{kernels.Copy{}, []kernels.Type{kernels.Real(9)}, []kernels.Type{kernels.Real(9)}, kernels.Cost{Bytes: 72}},
		{kernels.Pixels{Size: 4}, []kernels.Type{kernels.Bytes(1, 6, 6, 3), kernels.Ints(1, 4)}, []kernels.Type{kernels.Real(1, 4, 4, 3)},
			kernels.Cost{FLOPs: 8 * 48, Bytes: 108 + 16 + 192}},
	} {
		if got, err := c.op.Infer(c.in); err != nil || !got[0].Equal(c.out[0]) {
			t.Errorf("%s gives %v (%v), want %v", c.op.Name(), got, err, c.out)
		}
		if got := c.op.Cost(c.in, c.out); got != c.want {
			t.Errorf("%s costs %+v, want %+v", c.op.Name(), got, c.want)
		}
	}
	p := chain()
	if got, want := p.Cost(), p.InstrCost(0).Add(p.InstrCost(1)); got != want || got != (kernels.Cost{FLOPs: 12, Bytes: 64}) {
		t.Errorf("the chain costs %+v, its instructions %+v", got, want)
	}
}
