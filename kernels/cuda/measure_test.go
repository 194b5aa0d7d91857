//go:build gpu

package cuda_test

import (
	"slices"
	"testing"
	"time"

	"g2c/kernels"
	"g2c/kernels/cuda"
)

// Tuning tries each tile that can serve, marks the table's, and leaves the choice as it
// was.
func TestTune(t *testing.T) {
	d, err := cuda.Open(0, cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	op := kernels.Conv2D{Geometry: kernels.Geometry{Stride: 1, PadH: 1, PadW: 1}}
	in := []kernels.Type{kernels.Half(1, 9, 9, 8), kernels.Half(16, 3, 3, 8)}
	var before []cuda.Trial
	for range 2 {
		trials, err := d.Tune(op, in, 1)
		if err != nil {
			t.Fatal(err)
		}
		chosen := 0
		for i, trial := range trials {
			if trial.Chosen {
				chosen++
			}
			if trial.Time <= 0 || before != nil && (before[i].Tile != trial.Tile || before[i].Chosen != trial.Chosen) {
				t.Errorf("trial %d: %+v, before %+v", i, trial, before)
			}
		}
		if len(trials) < 3 || chosen != 1 {
			t.Errorf("trials: %+v", trials)
		}
		before = trials
	}
	if _, err := d.Tune(kernels.Add{}, in, 1); err == nil {
		t.Error("an addition was tuned")
	}
}

// What is brief is timed in a graph, and still does what it does.
func TestBriefInstructions(t *testing.T) {
	d, err := cuda.Open(0, cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	spec, p, err := kernels.Single(kernels.Copy{}, []kernels.Type{kernels.Real(8)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.NewState(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e, err := d.Load(p, s)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	want := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	if err := s.PutF32("in0", want); err != nil {
		t.Fatal(err)
	}
	times, err := e.(*cuda.Exec).TimeInstrs(2)
	if err != nil || len(times) != 1 || times[0] <= 0 {
		t.Fatalf("times %v, %v", times, err)
	}
	got := make([]float32, len(want))
	if err := s.GetF32("out0", got); err != nil || !slices.Equal(got, want) {
		t.Errorf("y is %v, %v", got, err)
	}
}

// Ceilings are measured, for both kinds of products.
func TestPeaks(t *testing.T) {
	d, err := cuda.Open(0, cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, half := range []bool{false, true} {
		flops, bytes, err := d.Peaks(time.Now, half)
		if err != nil || !(flops > 0) || !(bytes > 0) {
			t.Errorf("bf16 %v: %v FLOP/s, %v B/s, %v", half, flops, bytes, err)
		}
	}
}
