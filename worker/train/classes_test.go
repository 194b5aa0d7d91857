package train

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"g2c/api"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/kernels/rewrite"
)

// wideSteps are what 50 steps of both stages end in, on every machine with AVX2,
// at widths where convolutions go by squares: a hash of every slot.
var wideSteps = map[api.Kind]string{
	api.KindPretrain: "55dfebb0081bb01a",
	api.KindFinetune: "a072d0840210260f",
}

// wide makes a task's networks wide enough for every way of computing them.
func wide(t api.Task) api.Task {
	if t.Kind == api.KindPretrain {
		t.Pretrain.Generator.Width, t.Pretrain.DiscriminatorWidth = 8, 8
		return t
	}
	t.Finetune.Generator.Width, t.Finetune.Classifier.Width = 8, 32
	return t
}

// TestInstructionSetsAgreeOnWideSteps trains 50 steps of both stages with AVX2 and
// with AVX-512: the same bits, those that are committed; and a step allocates
// nothing.
func TestInstructionSetsAgreeOnWideSteps(t *testing.T) {
	tried := 0
	for _, isa := range []cpu.ISA{cpu.AVX2, cpu.AVX512} {
		d, err := cpu.New(cpu.Options{ISA: isa, Threads: 2})
		if err != nil {
			t.Logf("SKIPPED: %v", err)
			continue
		}
		tried++
		task, _ := gan(d, 2e-4)
		checkWideSteps(t, d, wide(task))
		task, _ = tuning(d, 0)
		checkWideSteps(t, d, wide(task))
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if tried == 0 {
		t.Skip("SKIPPED: this machine has neither AVX2 nor AVX-512")
	}
}

// TestRewritesMoveNoBits trains the same steps with each rewrite of programs alone:
// the same bits as without any.
func TestRewritesMoveNoBits(t *testing.T) {
	for _, r := range rewrite.All() {
		d, err := cpu.New(cpu.Options{Threads: 2, Rewrites: []rewrite.Rule{r}})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if d.Class() != api.ClassCPU {
			t.Skip("SKIPPED: this machine has neither AVX2 nor AVX-512")
		}
		task, _ := gan(d, 2e-4)
		programs, err := Programs(wide(task))
		if err != nil {
			t.Fatal(err)
		}
		changed := false
		for _, p := range programs {
			changed = changed || rewrite.Apply(p, []rewrite.Rule{r}).String() != p.String()
		}
		if !changed {
			t.Errorf("%s changes none of the programs of pretraining: this test shows nothing", r.Name)
		}
		checkWideSteps(t, d, wide(task))
		task, _ = tuning(d, 0)
		checkWideSteps(t, d, wide(task))
	}
}

func checkWideSteps(t *testing.T, d *cpu.Device, task api.Task) {
	t.Helper()
	s, _, err := newBenchStep(d, task)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.benchInput(); err != nil {
		t.Fatal(err)
	}
	for step := range 50 {
		if err := s.benchRun(int64(step + 1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := hashState(t, stateOf(s)); got != wideSteps[task.Kind] {
		t.Errorf("%s: 50 steps of %s end in %s, want %s", d.ISA(), task.Kind, got, wideSteps[task.Kind])
	}
	if n := testing.AllocsPerRun(3, func() {
		if err := s.benchRun(51); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%s: a step of %s allocates %v times", d.ISA(), task.Kind, n)
	}
}

func stateOf(s benchStep) kernels.State {
	if gan, ok := s.(*GANStep); ok {
		return gan.state
	}
	return s.(*G2CStep).state
}

// hashState is the hash of all slots of real numbers, in order.
func hashState(t *testing.T, s kernels.State) string {
	t.Helper()
	h := sha256.New()
	for _, g := range s.Spec().Groups {
		typ, ok := s.Spec().Type(g.Name)
		if !ok || typ.DType != kernels.F32 {
			continue
		}
		v := make([]float32, typ.Shape.Len())
		if err := s.GetF32(g.Name, v); err != nil {
			t.Fatal(err)
		}
		var b [4]byte
		for _, x := range v {
			if x != x {
				t.Fatalf("%s holds a NaN", g.Name)
			}
			binary.LittleEndian.PutUint32(b[:], math.Float32bits(x))
			h.Write(b[:])
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}
