package runner

import (
	"context"
	"errors"
	"testing"

	"g2c/internal/fault"
	"g2c/kernels"
)

// Tasks that run side by side have devices of their own, a task of several slots has
// several, and what ends gives its devices back.
func TestAPoolLendsEachDeviceOnce(t *testing.T) {
	type numbered struct {
		device
		n int
	}
	var runners []*Runner
	for n := range 3 {
		runners = append(runners, &Runner{Device: numbered{n: n}})
	}
	p := NewPool("local", runners...)
	two, err := p.take(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	one, err := p.take(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	a, b := together(two), together(one)
	if len(a.Others) != 1 || len(b.Others) != 0 {
		t.Fatalf("%d and %d helpers, want one and none", len(a.Others), len(b.Others))
	}
	seen := map[kernels.Device]bool{a.Device: true, a.Others[0]: true, b.Device: true}
	if len(seen) != 3 || p.Slots() != 3 {
		t.Errorf("%d devices of %d are lent", len(seen), p.Slots())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.take(ctx, 1); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("nothing is idle: %v", err)
	}
	p.give(two)
	if again, err := p.take(t.Context(), 2); err != nil || len(again) != 2 {
		t.Errorf("%d runners, %v", len(again), err)
	}
}

// Tasks on the processor have as many slots as they were given, and train alone: it is
// the same processor.
func TestOneProcessorIsNoHelp(t *testing.T) {
	p := NewPool("local", &Runner{Device: device{}, Alone: true}, &Runner{Device: device{}, Alone: true})
	two, err := p.take(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if r := together(two); len(r.Others) != 0 || len(p.idle) != 0 {
		t.Errorf("%d help, %d are idle", len(r.Others), len(p.idle))
	}
}
