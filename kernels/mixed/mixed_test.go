package mixed_test

import (
	"math"
	"strings"
	"testing"

	"g2c/kernels"
	"g2c/kernels/mixed"
	"g2c/kernels/ref"
)

// program is a small network with all that the rules tell apart: a convolution of an
// image, a normalisation, sums, tanh, a loss, and the step back.
func program(t *testing.T) (*kernels.StateSpec, *kernels.Program) {
	t.Helper()
	spec, err := kernels.NewStateSpec(
		kernels.Group{Name: "weights", Slots: []kernels.Slot{{Name: "bias", Type: kernels.Real(3)}, {Name: "w", Type: kernels.Real(3, 3, 3, 3)}}},
		kernels.Group{Name: "rest", Slots: []kernels.Slot{
			{Name: "x", Type: kernels.Real(1, 4, 4, 3)}, {Name: "kept", Type: kernels.Real(1, 4, 4, 3)}, {Name: "loss", Type: kernels.Real(1)},
			{Name: "dw", Type: kernels.Real(1, 3, 3, 3, 3)}, {Name: "one", Type: kernels.Real()},
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	p := &kernels.Program{Name: "p"}
	value := func(slot string, dims ...int) int {
		p.Values = append(p.Values, kernels.Value{Type: kernels.Real(dims...), Slot: slot})
		return len(p.Values) - 1
	}
	image := func(slot string) int { return value(slot, 1, 4, 4, 3) }
	do := func(op kernels.Op, out []int, in ...int) {
		p.Instrs = append(p.Instrs, kernels.Instr{Op: op, In: in, Out: out})
	}
	g := kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}
	one := kernels.Segments{Groups: 1, Shards: 1}
	x, w, bias, seed := image("x"), value("w", 3, 3, 3, 3), value("bias", 3), value("one")
	c, n, mean, variance := image(""), image("kept"), value("", 1, 3), value("", 1, 3)
	do(kernels.Conv2D{Geometry: g}, []int{c}, x, w, bias)
	do(kernels.InstanceNorm{Act: kernels.ReLU, Eps: 1e-5}, []int{n, mean, variance}, c)
	a, b, y, loss := image(""), image(""), image(""), value("loss", 1)
	do(kernels.Add{}, []int{a}, n, c)
	do(kernels.Add{}, []int{b}, a, c)
	do(kernels.Activation{Act: kernels.Tanh}, []int{y}, b)
	do(kernels.L1{Segments: one, Scale: 1}, []int{loss}, y, x)
	p.Segments = append(p.Segments, kernels.Segment{Name: "forward", To: len(p.Instrs)})
	d, e, dw := image(""), image(""), value("dw", 1, 3, 3, 3, 3)
	do(kernels.L1Grad{Scale: 1}, []int{d}, y, x, seed)
	do(kernels.ActivationGrad{Act: kernels.Tanh}, []int{e}, d, y)
	do(kernels.Conv2DGradW{Geometry: g, Segments: one, R: 3, S: 3}, []int{dw}, x, e)
	p.Segments = append(p.Segments, kernels.Segment{Name: "backward", From: len(p.Instrs) - 3, To: len(p.Instrs)})
	return spec, p
}

// Each rule, seen in the dump: a copy of the weights first, casts at images and at what
// ends the network, one sum of three, a slot that stays float32.
func TestRules(t *testing.T) {
	spec, p := program(t)
	before := p.String()
	q := p
	state, err := mixed.Programs(spec, &q)
	if err != nil {
		t.Fatal(err)
	}
	if p.String() != before {
		t.Error("the program that was given changed")
	}
	var got []string
	for _, in := range q.Instrs {
		var types []string
		for _, id := range append(append([]int{}, in.In...), in.Out...) {
			types = append(types, q.Values[id].Slot+":"+q.Values[id].Type.DType.String())
		}
		got = append(got, in.Op.Name()+" "+strings.Join(types, " "))
	}
	want := []string{
		"cast weights:f32 bf16/weights:bf16",
		"cast x:f32 :bf16",
		"conv2d :bf16 bf16/w:bf16 bias:f32 :bf16",
		"instance_norm :bf16 :bf16 :f32 :f32",
		"cast :bf16 kept:f32",
		"cast :bf16 :f32",
		"add kept:f32 :f32 :f32 :f32",
		"activation :f32 :f32",
		"l1 :f32 x:f32 loss:f32",
		"l1_grad :f32 x:f32 one:f32 :f32",
		"activation_grad :f32 :f32 :f32",
		"cast :f32 :bf16",
		"conv2d_grad_w :bf16 :bf16 dw:f32",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("instructions:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if q.Segments[0].To != 9 || q.Segments[1].From != 9 || q.Segments[1].To != len(q.Instrs) {
		t.Errorf("segments: %v", q.Segments)
	}
	_, at, _, _ := spec.Place("w")
	if g, half, _, ok := state.Place("bf16/w"); !ok || half != at || state.Groups[g].Name != "bf16/weights" {
		t.Errorf("the copy of w is at %d, w at %d", half, at)
	}
}

// The rewritten program computes what the other does, but for roundings.
func TestMeaning(t *testing.T) {
	spec, p := program(t)
	want := run(t, spec, p)
	state, err := mixed.Programs(spec, &p)
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, state, p)
	const tolerance = 0.03 // a few roundings of 2^-8
	far := false
	for i, v := range want {
		if !(math.Abs(got[i]-v) <= tolerance*math.Max(1, math.Abs(v))) {
			t.Errorf("element %d of the gradient is %v, want %v", i, got[i], v)
		}
		far = far || got[i] != v
	}
	if !far {
		t.Error("nothing was rounded")
	}
}

// run fills the slots and gives dw and the loss.
func run(t *testing.T, spec *kernels.StateSpec, p *kernels.Program) []float64 {
	t.Helper()
	d := ref.New()
	s, err := d.NewState(spec)
	if err != nil {
		t.Fatal(err)
	}
	put := func(slot string, f func(i int) float64) {
		typ, _ := spec.Type(slot)
		v := make([]float64, typ.Shape.Len())
		for i := range v {
			v[i] = f(i)
		}
		if err := s.PutF64(slot, v); err != nil {
			t.Fatal(err)
		}
	}
	put("x", func(i int) float64 { return math.Mod(float64(i)*0.37, 1) })
	put("w", func(i int) float64 { return math.Mod(float64(i)*0.61, 1) - 0.5 })
	put("one", func(int) float64 { return 1 })
	e, err := d.Load(p, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(); err != nil {
		t.Fatal(err)
	}
	var all []float64
	for _, slot := range []string{"dw", "loss"} {
		typ, _ := spec.Type(slot)
		v := make([]float64, typ.Shape.Len())
		if err := s.GetF64(slot, v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v...)
	}
	return all
}
