package host

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"testing"

	"g2c/internal/memlimit"
	"g2c/kernels"
)

const mib = 1 << 20

func spec(t *testing.T, floats int) *kernels.StateSpec {
	t.Helper()
	s, err := kernels.NewStateSpec(kernels.Group{Name: "g", Slots: []kernels.Slot{{Name: "x", Type: kernels.Real(floats)}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// resident is the memory that this process occupies.
func resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("SKIPPED: this system does not tell what a process occupies")
	}
	pages, err := strconv.ParseInt(string(bytes.Fields(text)[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// States in turn take the memory of one, and give it back.
func TestStatesGiveTheirMemoryBack(t *testing.T) {
	const floats = 64 * mib / 4
	values := make([]float32, floats)
	for i := range values {
		values[i] = 1
	}
	before := resident(t)
	for range 4 {
		s, err := NewState[float32](spec(t, floats))
		if err == nil {
			err = s.PutF32("x", values)
		}
		if err != nil {
			t.Fatal(err)
		}
		if taken := resident(t) - before; taken < 60*mib || taken > 100*mib {
			t.Errorf("a state of 64 MiB and what there was before take %d MiB", taken/mib)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if left := resident(t) - before; left > 30*mib {
			t.Errorf("%d MiB are left of a state", left/mib)
		}
	}
}

// A state is no longer used after its end: its memory is gone.
func TestAClosedStateIsRefused(t *testing.T) {
	s, err := NewState[float32](spec(t, 2*mib))
	if err != nil {
		t.Fatal(err)
	}
	p := doubling(2 * mib)
	e, err := Load(p, s, doubler, same)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	one := make([]float64, 2*mib)
	_, again := Load(p, s, doubler, same)
	for what, err := range map[string]error{
		"run": e.Run(), "segment": e.RunSegment(0), "instruction": e.RunInstr(0), "value": e.GetValue(1, one),
		"put": s.PutF32("x", make([]float32, 2*mib)), "load": again,
	} {
		if !errors.Is(err, errClosed) {
			t.Errorf("%s after the end: %v", what, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// doubling writes twice the slot to a temporary, and twice that to the slot.
func doubling(n int) *kernels.Program {
	real := kernels.Real(n)
	return &kernels.Program{
		Name: "doubling", Values: []kernels.Value{{Type: real, Slot: "x"}, {Type: real}, {Type: real, Slot: "x"}},
		Instrs:   []kernels.Instr{{Op: kernels.Affine{Scale: 2}, In: []int{0}, Out: []int{1}}, {Op: kernels.Affine{Scale: 2}, In: []int{1}, Out: []int{2}}},
		Segments: []kernels.Segment{{From: 0, To: 2}},
	}
}

var doubler = map[string]Kernel[float32]{"affine": func(c Call[float32]) (func(), error) {
	c.Scratch.Reserve(c.In[0].Shape().Len())
	return func() {
		temp := c.Scratch.Floats(len(c.In[0].F))
		copy(temp, c.In[0].F)
		for i, v := range temp {
			c.Out[0].F[i] = 2 * v
		}
	}, nil
}}

func same(p *kernels.Program) *kernels.Program { return p }

// Programs of one state take turns in the arena of the largest, in whatever order they are
// loaded, and in one scratch.
func TestProgramsShareAnArena(t *testing.T) {
	const floats = 4 * mib
	groups, err := kernels.NewStateSpec(
		kernels.Group{Name: "g", Slots: []kernels.Slot{{Name: "x", Type: kernels.Real(floats)}}},
		kernels.Group{Name: "h", Slots: []kernels.Slot{{Name: "y", Type: kernels.Real(floats / 2)}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	large, small := doubling(floats), doubling(floats/2)
	for i := range small.Values {
		if small.Values[i].Slot != "" {
			small.Values[i].Slot = "y"
		}
	}
	s, err := Open[float32](groups, 0, same, small, nil, large)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var execs []*Exec[float32]
	for _, p := range []*kernels.Program{small, large} {
		e, err := Load(p, s, doubler, same)
		if err != nil {
			t.Fatal(err)
		}
		execs = append(execs, e)
	}
	var taken int64
	for _, b := range s.blocks {
		taken += int64(len(b.bytes))
	}
	// Two groups, the arena and scratch of the large program, and that of the small one before it.
	if want := int64(4 * (floats + floats/2 + floats + floats + floats/2)); taken > want {
		t.Errorf("%d MiB are taken, want %d", taken/mib, want/mib)
	}
	if a, b := &execs[0].values[1].F[0], &execs[1].values[1].F[0]; a != b {
		t.Error("the programs have arenas of their own")
	}
	if m := execs[1].Memory(); !m.Shared || m.Arena != 4*floats {
		t.Errorf("%+v", m)
	}
	x, y := make([]float32, floats), make([]float32, floats/2)
	for i := range x {
		x[i] = float32(i)
	}
	if err := errors.Join(s.PutF32("x", x), s.PutF32("y", x[:floats/2]), execs[0].Run(), execs[1].Run(), execs[0].Run(), s.GetF32("x", x), s.GetF32("y", y)); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		if x[i] != 4*float32(i) || i < len(y) && y[i] != 16*float32(i) {
			t.Fatalf("element %d is %v", i, x[i])
		}
	}
}

// More than there is is refused before it is taken; what there is, is not.
func TestTooLittleMemoryIsReckoned(t *testing.T) {
	left, known := memlimit.Now()
	if !known {
		t.Skip("SKIPPED: this system does not tell what memory is left")
	}
	p := doubling(mib)
	if _, err := Open[float32](spec(t, mib), 2*left.Bytes, same, p); !errors.Is(err, kernels.ErrMemory) {
		t.Errorf("twice %d MiB: %v", left.Bytes/mib, err)
	}
	s, err := Open[float32](spec(t, mib), left.Bytes/4, same, p)
	if err != nil {
		t.Fatalf("a quarter of %d MiB: %v", left.Bytes/mib, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	// What its programs turn out to take beside is counted too.
	if s, err = Open[float32](spec(t, mib), left.Bytes/4, same, p); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.take(s.left); !errors.Is(err, kernels.ErrMemory) {
		t.Errorf("more than is left: %v", err)
	}
	r := Room[float32](spec(t, mib), p, nil)
	if r.State != 4*mib || r.Arena != 4*mib || r.Free <= 0 || r.Of == "" {
		t.Errorf("%+v", r)
	}
}
