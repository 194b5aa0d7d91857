//go:build gpu

package cuda_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"g2c/kernels"
	"g2c/kernels/cuda"
	"g2c/kernels/emu/control"
)

// doubling is a state and a program y = x + x over it, with slots of n reals.
func doubling(t *testing.T, d kernels.Device, n int) (kernels.State, kernels.Exec) {
	t.Helper()
	return adding(t, d, n, 0, 0)
}

// adding is a program y = the sum of two slots, x (0) or y (1).
func adding(t *testing.T, d kernels.Device, n int, terms ...int) (kernels.State, kernels.Exec) {
	t.Helper()
	real := kernels.Real(n)
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "g", Slots: []kernels.Slot{{Name: "x", Type: real}, {Name: "y", Type: real}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.NewState(spec)
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Load(&kernels.Program{
		Name: "add", Values: []kernels.Value{{Type: real, Slot: "x"}, {Type: real, Slot: "y"}},
		Instrs: []kernels.Instr{{Op: kernels.Add{}, In: terms, Out: []int{1}}}, Segments: []kernels.Segment{{Name: "all", To: 1}},
	}, s)
	if err != nil {
		t.Fatal(err)
	}
	return s, e
}

func filled(n int, v float32) []float32 { return slices.Repeat([]float32{v}, n) }

// errWrong is a result that is not what the calls say.
type errWrong struct{ what string }

func (e errWrong) Error() string { return e.what }

func expect(what string, got []float32, want float32) error {
	for i, v := range got {
		if v != want {
			return errWrong{fmt.Sprintf("%s is %v at %d, want %v", what, v, i, want)}
		}
	}
	return nil
}

// overlap hands over copies and runs without ever waiting between them, and looks at
// what arrives.
func overlap(s kernels.State, e kernels.Exec, n int) error {
	first, second, got := make([]float32, n), make([]float32, n), make([]float32, n)
	var waits []func() error
	snapshot := func(to []float32) func() error {
		return func() error {
			wait, err := kernels.Snapshot(s, []string{"y"}, [][]float32{to})
			waits = append(waits, wait)
			return err
		}
	}
	for _, do := range []func() error{
		func() error { return s.PutF32("x", filled(n, 1)) },
		e.Run,
		func() error { return s.PutF32("x", filled(n, 2)) }, // behind the run that reads x
		func() error { return s.GetF32("y", got) },
		func() error { return expect("y", got, 2) },
		e.Run,
		snapshot(first),
		func() error { return s.PutF32("x", filled(n, 3)) },
		e.Run, // writes y behind the snapshot
		snapshot(second),
		func() error { return s.PutF32("y", filled(n, 9)) },
		func() error { return s.PutF32("x", filled(n, 4)) },
		func() error { return s.GetF32("y", got) },
		func() error { return expect("y, written by the host,", got, 9) },
		func() error { return waits[0]() },
		func() error { return waits[1]() },
		func() error { return expect("a snapshot", first, 4) },
		func() error { return expect("a later one", second, 6) },
		e.Run,
		func() error { return s.GetF32("y", got) },
		func() error { return expect("y", got, 8) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// overlapOn is overlap on a device of its own, with one of its waits left out.
func overlapOn(t *testing.T, early control.Early, leftOut int) error {
	t.Helper()
	d := open(t)
	defer d.Close()
	const n = 300
	s, e := doubling(t, d, n)
	control.SetEarly(early)
	defer control.SetEarly(0)
	if leftOut > 0 {
		control.SetFaults(fmt.Sprintf("wait:%d", leftOut))
		defer control.SetFaults("")
	}
	return overlap(s, e, n)
}

// Copies run beside segments and wait for the slots that they share with them, whether
// they come as early or as late as they may. Each wait is needed: without it, one of the
// orders ends in other numbers.
func TestCopiesWaitForSlots(t *testing.T) {
	for early := range control.AllEarly + 1 {
		if err := overlapOn(t, early, 0); err != nil {
			t.Errorf("early %b: %v", early, err)
		}
	}
	if !control.SetEarly(0) {
		t.Skip("SKIPPED: waits are left out on the emulated driver alone")
	}
	const (
		waits   = 15 // that overlap takes
		implied = 11 // by the wait for a snapshot that waited for the same run
	)
	for leftOut := 1; leftOut <= waits; leftOut++ {
		shown := 0
		for early := range control.AllEarly + 1 {
			if err := overlapOn(t, early, leftOut); err != nil {
				shown++
				t.Log(leftOut, early, err)
			}
		}
		if shown == 0 && leftOut != implied {
			t.Errorf("nothing shows that wait %d was left out", leftOut)
		}
	}
}

// What is larger than the memory that copies leave from goes in pieces, and many small
// copies share it.
func TestCopiesOfAllSizes(t *testing.T) {
	d := open(t)
	defer d.Close()
	const n = 5 << 20
	s, e := doubling(t, d, n)
	x, y := make([]float32, n), make([]float32, n)
	for k := range 3 {
		for i := range x {
			x[i] = float32(i*(k+1)%1000) / 8
		}
		if err := s.PutF32("x", x); err != nil {
			t.Fatal(err)
		}
		if k == 1 {
			if err := e.Run(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.GetF32("y", y); err != nil {
		t.Fatal(err)
	}
	for i, v := range y {
		if v != 2*float32(i*2%1000)/8 {
			t.Fatalf("y is %v at %d", v, i)
		}
	}
}

// Many copies go round the memory that they leave from, whose places are used again when
// their copies are done, early or late.
func TestCopiesGoRound(t *testing.T) {
	for _, early := range []control.Early{0, control.CopiesIn} {
		d := open(t)
		const n, times = 5000, 400
		s, e := adding(t, d, n, 0, 1)
		control.SetEarly(early)
		got := make([]float32, n)
		for k := range times {
			if err := s.PutF32("x", filled(n, float32(k))); err != nil {
				t.Fatal(err)
			}
			if err := e.Run(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.GetF32("y", got); err != nil {
			t.Fatal(err)
		}
		if err := expect("the sum of all copies", got, times*(times-1)/2); err != nil {
			t.Errorf("early %b: %v", early, err)
		}
		control.SetEarly(0)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A card that is lost in the middle of a copy stays lost, and a snapshot that was on its
// way fills nothing.
func TestLostInACopy(t *testing.T) {
	faultsOnDemand(t)
	for copies := 1; copies <= 2; copies++ {
		d := open(t)
		const n = 3 << 20 // in pieces
		s, e := doubling(t, d, n)
		got := filled(n, 7)
		err := func() error {
			if err := e.Run(); err != nil {
				return err
			}
			control.SetFaults(fmt.Sprintf("copy:%d", copies))
			defer control.SetFaults("")
			wait, err := kernels.Snapshot(s, []string{"x", "y"}, [][]float32{got, make([]float32, n)})
			if err != nil {
				return err
			}
			return wait()
		}()
		if err == nil || !strings.Contains(err.Error(), "is lost to this process") {
			t.Errorf("copy %d: %v", copies, err)
		}
		if err := expect("what the snapshot was to fill", got, 7); err != nil {
			t.Error(err)
		}
		if err := s.PutF32("x", got); err == nil || !strings.Contains(err.Error(), "is lost to this process") {
			t.Errorf("after it: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// guardedState is what optimizers and running statistics write, all ones, and a loss.
func guardedState(t *testing.T, d kernels.Device) (kernels.State, kernels.Exec) {
	t.Helper()
	real, pair := kernels.Real(40), kernels.Real(2)
	var slots []kernels.Slot
	var values []kernels.Value
	add := func(name string, typ kernels.Type) int {
		slots = append(slots, kernels.Slot{Name: name, Type: typ})
		values = append(values, kernels.Value{Type: typ, Slot: name})
		return len(values) - 1
	}
	p := &kernels.Program{Name: "updates", Segments: []kernels.Segment{{Name: "update", To: 3}}}
	w, m, v, g, h := add("w", real), add("m", real), add("v", real), add("g", real), add("hyper", pair)
	p.Instrs = append(p.Instrs, kernels.Instr{Op: kernels.Adam{Beta1: 0.5, Beta2: 0.9, Eps: 1e-8}, In: []int{w, m, v, g, h}, Out: []int{w, m, v}})
	w, m, h = add("w2", real), add("m2", real), add("lr", kernels.Real(1))
	p.Instrs = append(p.Instrs, kernels.Instr{Op: kernels.SGD{Momentum: 0.5}, In: []int{w, m, g, h}, Out: []int{w, m}})
	mean, variance, sums := add("mean", real), add("variance", real), add("sums", kernels.Real(2, 40))
	p.Instrs = append(p.Instrs, kernels.Instr{Op: kernels.RunningStats{Momentum: 0.1, Shards: 1, Count: 4}, In: []int{mean, variance, sums}, Out: []int{mean, variance}})
	p.Values = values
	slots = append(slots, kernels.Slot{Name: "loss", Type: kernels.Real()}, kernels.Slot{Name: "loss2", Type: kernels.Real()})
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "all", Slots: slots})
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.NewState(spec)
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Load(p, s)
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := spec.Type("all")
	if err := s.PutF32("all", filled(typ.Shape.Len(), 1)); err != nil {
		t.Fatal(err)
	}
	return s, e
}

// Behind a loss that is not finite nothing is updated, and nothing is after it.
func TestGuard(t *testing.T) {
	for _, sync := range []bool{false, true} {
		d, err := cuda.Open(0, cuda.Options{Sync: sync})
		if err != nil {
			t.Fatal(err)
		}
		s, e := guardedState(t, d)
		written := []string{"w", "m", "v", "w2", "m2", "mean", "variance"}
		run := func(loss float32) map[string][]float32 {
			t.Helper()
			if err := s.PutF32("loss2", []float32{loss}); err != nil {
				t.Fatal(err)
			}
			if err := e.(kernels.Guarded).RunGuarded(0, []string{"loss", "loss2"}); err != nil {
				t.Fatal(err)
			}
			all := map[string][]float32{}
			for _, name := range written {
				all[name] = make([]float32, 40)
				if err := s.GetF32(name, all[name]); err != nil {
					t.Fatal(err)
				}
			}
			return all
		}
		moved := run(3)
		made, n := cuda.Look(e, 0)
		defer func() {
			if again, _ := cuda.Look(e, 0); again != made || n != 2 {
				t.Errorf("sync %v: the guard's %d launches were built again", sync, n)
			}
		}()
		for _, name := range []string{"w", "w2", "m2", "variance"} {
			if moved[name][39] == 1 {
				t.Errorf("sync %v: %s was not updated", sync, name)
			}
		}
		for _, loss := range []float32{float32(math.Inf(-1)), 3, float32(math.NaN())} {
			for name, v := range run(loss) {
				if !slices.Equal(v, moved[name]) {
					t.Errorf("sync %v: %s was updated behind a loss of %v, or after one", sync, name, loss)
				}
			}
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Programs of one state take turns in one arena, and give the same results when a
// larger one has taken its place.
func TestOneArena(t *testing.T) {
	d := open(t)
	defer d.Close()
	const n = 1000
	s, e := doubling(t, d, n)
	if err := s.PutF32("x", filled(n, 1)); err != nil {
		t.Fatal(err)
	}
	before := e.Memory()
	real := kernels.Real(n)
	deep, err := d.Load(&kernels.Program{
		Name: "deep", Values: []kernels.Value{{Type: real, Slot: "x"}, {Type: real}, {Type: real}, {Type: real, Slot: "y"}},
		Instrs: []kernels.Instr{
			{Op: kernels.Add{}, In: []int{0, 0}, Out: []int{1}}, {Op: kernels.Add{}, In: []int{1, 0}, Out: []int{2}},
			{Op: kernels.Add{}, In: []int{2, 1}, Out: []int{3}},
		}, Segments: []kernels.Segment{{Name: "all", To: 3}},
	}, s)
	if err != nil {
		t.Fatal(err)
	}
	if m := deep.Memory(); !m.Shared || m.Arena <= before.Arena {
		t.Errorf("%+v beside %+v", m, before)
	}
	got := make([]float32, n)
	for _, c := range []struct {
		e    kernels.Exec
		want float32
	}{{e, 2}, {deep, 5}, {e, 2}, {deep, 5}} {
		if err := c.e.Run(); err != nil {
			t.Fatal(err)
		}
		if err := s.GetF32("y", got); err != nil {
			t.Fatal(err)
		}
		if err := expect("y", got, c.want); err != nil {
			t.Error(err)
		}
	}
}
