package kernelstest

import (
	"math"
	"slices"
	"testing"

	"g2c/kernels"
	"g2c/kernels/ref"
)

// broken is a device that does something after every run of a program.
type broken struct {
	kernels.Device
	after func(e *brokenExec)
}

type brokenExec struct {
	kernels.Exec
	state kernels.State
	after func(e *brokenExec)
	runs  int
}

func (b *broken) Load(p *kernels.Program, s kernels.State) (kernels.Exec, error) {
	e, err := b.Device.Load(p, s)
	return &brokenExec{Exec: e, state: s, after: b.after}, err
}

func (e *brokenExec) Run() error {
	if err := e.Exec.Run(); err != nil {
		return err
	}
	e.runs++
	e.after(e)
	return nil
}

// edit changes the content of a slot or group of real numbers; without it,
// nothing happens.
func (e *brokenExec) edit(slot string, change func(v []float64)) {
	t, ok := e.state.Spec().Type(slot)
	if !ok || t.DType != kernels.F32 {
		return
	}
	v := make([]float64, t.Shape.Len())
	if err := e.state.GetF64(slot, v); err != nil {
		panic(err)
	}
	change(v)
	if err := e.state.PutF64(slot, v); err != nil {
		panic(err)
	}
}

func (e *brokenExec) hasSlot(slot string) bool {
	_, ok := e.state.Spec().Type(slot)
	return ok
}

// result edits result 0 wherever it stands.
func (e *brokenExec) result(change func(v []float64)) {
	p := e.Program()
	e.edit(p.Values[p.Instrs[0].Out[0]].Slot, change)
}

func ulp(v []float64) { v[0] = float64(math.Nextafter32(float32(v[0]), 2)) }

// faults are what a backend may do wrong.
var faults = []struct {
	name  string
	after func(e *brokenExec)
}{
	{"a wrong element", func(e *brokenExec) { e.result(func(v []float64) { v[len(v)/2] += 0.01 }) }},
	{"an element not written", func(e *brokenExec) { e.result(func(v []float64) { v[len(v)-1] = math.NaN() }) }},
	{"an infinite element", func(e *brokenExec) { e.result(func(v []float64) { v[0] = math.Inf(1) }) }},
	{"two elements exchanged", func(e *brokenExec) { e.result(func(v []float64) { v[0], v[1] = v[1], v[0] }) }},
	{"a write before a result", func(e *brokenExec) { e.edit("before/out0", func(v []float64) { v[len(v)-1] = 0 }) }},
	{"a write behind a result", func(e *brokenExec) { e.edit("after/out0", func(v []float64) { v[0] = 0 }) }},
	{"a write into a gap", func(e *brokenExec) {
		e.edit("group/out0", func(v []float64) { v[len(v)-kernels.SlotAlign-1] = 1e-30 })
	}},
	{"a changed operand", func(e *brokenExec) {
		if e.hasSlot("out0") {
			e.edit("in0", func(v []float64) { v[0]++ })
		} else {
			e.edit("in1", func(v []float64) { v[0]++ })
		}
	}},
	{"another second run", func(e *brokenExec) {
		if e.runs == 2 {
			e.result(ulp)
		}
	}},
}

// faulty are cases with gaps behind their results, in and out of place.
func faulty(t *testing.T) []testCase {
	m := &maker{seed: 1}
	m.add("", kernels.Conv2D{Geometry: zeros(1, 1, 1)}, m.reals(1, 5, 5, 64), m.reals(7, 3, 3, 64))
	m.add("", kernels.Add{}, m.reals(37), m.reals(37))
	m.add("", kernels.InstanceNorm{Act: kernels.ReLU, Eps: instanceEps}, m.reals(1, 5, 5, 3))
	m.add("", kernels.MaxPool{Window: kernels.Window{K: 3, Stride: 2}}, m.reals(1, 5, 5, 3))
	for _, c := range m.cases {
		if err := c.check([]kernels.Device{ref.New()}, 1); err != nil {
			t.Fatal(err)
		}
	}
	return m.cases
}

func TestFaultsAreCaught(t *testing.T) {
	for _, c := range faulty(t) {
		for _, f := range faults {
			if err := c.check([]kernels.Device{&broken{ref.New(), f.after}}, 1); err == nil {
				t.Errorf("%v passes with %s", c, f.name)
			}
		}
	}
}

func TestInPlaceFaultIsCaught(t *testing.T) {
	caught := 0
	for _, c := range faulty(t) {
		d := &broken{ref.New(), func(e *brokenExec) {
			if !e.hasSlot("out0") {
				e.result(ulp)
			}
		}}
		if c.check([]kernels.Device{d}, 1) != nil {
			caught++
		}
	}
	if caught != 1 { // add alone may work in place
		t.Errorf("%d cases caught, want 1", caught)
	}
}

func TestOtherBitsAreCaught(t *testing.T) {
	for _, c := range faulty(t) {
		d := &broken{ref.New(), func(e *brokenExec) { e.result(ulp) }}
		if err := c.check([]kernels.Device{ref.New(), d}, 1); err == nil {
			t.Errorf("%v: a device with other bits passes", c)
		}
	}
}

// TestSwallowedNaNIsCaught runs every case with a NaN on a device that turns it
// into zero.
func TestSwallowedNaNIsCaught(t *testing.T) {
	d := &broken{ref.New(), func(e *brokenExec) {
		e.result(func(v []float64) {
			for i := range v {
				if math.IsNaN(v[i]) {
					v[i] = 0
				}
			}
		})
	}}
	n := 0
	for _, f := range families {
		for _, c := range f.list(1) {
			if c.note != "nan" {
				continue
			}
			n++
			if err := c.check([]kernels.Device{d}, 1); err == nil {
				t.Errorf("%v passes on a device that swallows NaN", c)
			}
		}
	}
	if n < 40 {
		t.Errorf("%d cases with a NaN only", n)
	}
}

// TestRoundingPasses holds that results rounded to float32 once are near.
func TestRoundingPasses(t *testing.T) {
	round := func(v []float64) {
		for i := range v {
			v[i] = float64(float32(v[i]))
		}
	}
	Run(t, func(testing.TB) kernels.Device {
		return &broken{ref.New(), func(e *brokenExec) {
			p := e.Program()
			for _, id := range slices.Compact(slices.Clone(p.Instrs[0].Out)) {
				e.edit(p.Values[id].Slot, round)
			}
		}}
	}, Options{})
}

// TestSeeds: other seeds draw other operands of the same cases.
func TestSeeds(t *testing.T) {
	for _, f := range families {
		a, b := f.list(1), f.list(2)
		differ := 0
		for i := range a {
			if a[i].String() != b[i].String() {
				t.Fatalf("%s: case %d is %v and %v", f.name, i, a[i], b[i])
			}
			for k := range a[i].in {
				if !slices.Equal(a[i].in[k].V, b[i].in[k].V) {
					differ++
				}
			}
		}
		if differ < len(a)/2 {
			t.Errorf("%s: seeds change %d operands of %d cases", f.name, differ, len(a))
		}
	}
}
