package main

import (
	"errors"
	"strings"
	"testing"

	"g2c/experiments/spec"
	"g2c/internal/fault"
)

// The class of an experiment's tasks is the only one that the workers offer, of the kind
// that its device names; what is not clear is asked for, in words that name the choice.
func TestTheClassOfASubmission(t *testing.T) {
	both := map[string]int{"cpu-2": 3, "cuda-sm90a-1": 2}
	for _, c := range []struct {
		device  string
		offered map[string]int
		want    string
		class   error
		says    string
	}{
		{"auto", map[string]int{"cuda-sm90a-1": 1}, "cuda-sm90a-1", nil, ""},
		{"auto", both, "", fault.ErrSpec, "cpu-2 (3 workers), cuda-sm90a-1 (2 workers)"},
		{"cpu", both, "cpu-2", nil, ""},
		{"cuda", both, "cuda-sm90a-1", nil, ""},
		{"cuda:0,1", both, "cuda-sm90a-1", nil, ""},
		{"ref", both, "", fault.ErrSpec, "device ref"},
		{"cpu", map[string]int{"cpu-2": 1, "cpu-portable-1": 1}, "", fault.ErrSpec, "--class cpu-2"},
		{"auto", nil, "", fault.ErrUnavailable, "--class"},
	} {
		got, err := chooseClass(c.device, c.offered)
		if got != c.want || !errors.Is(err, c.class) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s of %v: %q, %v", c.device, c.offered, got, err)
		}
	}
	for class, ok := range map[string]bool{"": true, "cpu-2": true, "cuda-sm90a-1": true, "cuda-sm80-1-driver550.54": true, "gpu": false, "cpu": false, "cpu-2-driver1": false} {
		if err := checkClass(class); (err == nil) != ok || !ok && !errors.Is(err, fault.ErrSpec) {
			t.Errorf("--class %q: %v", class, err)
		}
	}
}

// With a class, planning opens no device: the spec may name one that this machine has not.
func TestPlanningForAClassNeedsNoDevice(t *testing.T) {
	file, err := readSpec("quickstart", []string{"device=cuda", "data.synthetic={patients: 4, patches: 4, seed: 1}", "data.size=64"})
	if err != nil {
		t.Fatal(err)
	}
	file.Spec.Device = spec.Device("no such device")
	f := experimentFlags{store: t.TempDir(), imageFlags: imageFlags{cache: t.TempDir()}, only: "pretrain"}
	e, _, err := f.look(t.Context(), file, "cuda-sm90a-1")
	if err != nil || e.plan.Numerics != "cuda-sm90a-1" {
		t.Errorf("%v: %+v", err, e)
	}
	if _, _, err := f.look(t.Context(), file, ""); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("without a class: %v", err)
	}
}
