package runner

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"g2c/internal/fault"
)

// worker lends slots 0 to 3.
type worker struct {
	free []int
	said []string
}

// Take implements Lender.
func (w *worker) Take(_ context.Context, n int) ([]int, error) {
	if n > len(w.free) {
		return nil, fault.New(fault.ErrInterrupted, "stopped before it began")
	}
	taken := w.free[:n]
	w.free = w.free[n:]
	return taken, nil
}

// Give implements Lender.
func (w *worker) Give(numbers []int) error {
	w.free = append(w.free, numbers...)
	w.said = append(w.said, fmt.Sprint("free ", numbers))
	return nil
}

// closing is a device that says when it is closed.
type closing struct {
	device
	n  int
	of *worker
}

// Close implements kernels.Device.
func (c closing) Close() error {
	c.of.said = append(c.of.said, fmt.Sprint("close ", c.n))
	return nil
}

// What is lent is open while a task has it, and closed before it is given back.
func TestLentSlotsAreResized(t *testing.T) {
	w := &worker{free: []int{0, 1, 2, 3}}
	broken := errors.New("it does not open")
	lent := NewLent("w1", w, func(n int) (*Runner, error) {
		if n == 3 {
			return nil, broken
		}
		return &Runner{Name: fmt.Sprint(n), Device: closing{n: n, of: w}}, nil
	}, func(err error) { t.Error(err) })
	h := &holding{slots: lent}
	if r, err := h.take(t.Context(), 1); err != nil || r.Name != "0" || lent.ID() != "w1" {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, slots := range []int{3, 1} {
		if devices, err := h.resize(t.Context(), slots); err != nil || len(devices) != slots {
			t.Errorf("%d slots have %d devices: %v", slots, len(devices), err)
		}
	}
	if got := fmt.Sprint(w.said, w.free); got != "[close 1 close 2 free [1 2]] [3 1 2]" {
		t.Error(got)
	}
	if _, err := h.resize(t.Context(), 9); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("%v", err)
	}
	if _, err := h.resize(t.Context(), 2); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	h.give()
	if got := fmt.Sprint(w.said[3:], w.free); got != "[close 0 free [0]] [1 2 0]" {
		t.Error(got)
	}
}
