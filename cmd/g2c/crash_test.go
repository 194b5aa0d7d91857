package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"g2c/api"
	"g2c/internal/fault"
)

// broken is a worker with a fault of ours.
type broken struct{}

func (broken) ID() string    { return "w" }
func (broken) Class() string { return "cpu-1" }
func (broken) Slots() int    { return 1 }

func (broken) Run(context.Context, api.Work, int) error {
	var none []int
	_ = none[len(none)]
	return nil
}

// A task that panics fails with words, and the program goes on.
func TestATaskThatPanicsFails(t *testing.T) {
	err := guarded{broken{}}.Run(t.Context(), api.Work{Names: []string{"finetune/a"}}, 1)
	if !errors.Is(err, fault.ErrTraining) || fault.ExitCode(err) != fault.ExitTraining {
		t.Fatalf("it ended with %v", err)
	}
	for _, want := range []string{"task finetune/a crashed", "index out of range", "report it", "g2c version"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}
