package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestExitCodeSeesThroughWrapping(t *testing.T) {
	err := fmt.Errorf("task a: %w", New(ErrData, "open %s: %w", "x.png", fs.ErrNotExist).WithHint("check the path"))
	if got := ExitCode(err); got != ExitData {
		t.Errorf("exit code %d, want %d", got, ExitData)
	}
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, ErrData) {
		t.Error("class or cause lost")
	}
	if got, want := err.Error(), "task a: open x.png: file does not exist (check the path)"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if ExitCode(nil) != ExitDone || ExitCode(errors.New("?")) != ExitTraining {
		t.Error("nil or unclassed error has the wrong code")
	}
}

func TestACancelledContextIsAnInterrupt(t *testing.T) {
	if got := ExitCode(New(ErrUnavailable, "read: %w", context.Canceled)); got != ExitInterrupted {
		t.Errorf("exit code %d, want %d", got, ExitInterrupted)
	}
}

func TestNewKeepsSeveralCauses(t *testing.T) {
	err := New(ErrUnavailable, "%w: %w", fs.ErrClosed, fs.ErrPermission)
	for _, want := range []error{ErrUnavailable, fs.ErrClosed, fs.ErrPermission} {
		if !errors.Is(err, want) {
			t.Errorf("%v is lost", want)
		}
	}
}
