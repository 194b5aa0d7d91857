package retry

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"g2c/internal/clock"
)

var errBusy = errors.New("busy")

// instant is a clock on which every wait is over at once; it keeps what was waited for.
type instant struct{ waits *[]time.Duration }

func (i instant) Now() time.Time { return time.Time{} }

func (i instant) After(d time.Duration) <-chan time.Time {
	*i.waits = append(*i.waits, d)
	c := make(chan time.Time, 1)
	c <- time.Time{}
	return c
}

// failing fails so often, and counts.
func failing(times int, calls *int) func(context.Context) error {
	return func(context.Context) error {
		if *calls++; *calls <= times {
			return Transient(errBusy)
		}
		return nil
	}
}

func TestDoTriesAgainWithGrowingPauses(t *testing.T) {
	var waits []time.Duration
	p := Policy{Attempts: 6, First: time.Second, Longest: 5 * time.Second, Clock: instant{&waits}, Random: func() float64 { return 1 }}
	calls := 0
	if err := p.Do(t.Context(), failing(5, &calls)); err != nil || calls != 6 {
		t.Errorf("%d calls, %v", calls, err)
	}
	want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}
	for i, w := range want {
		if i >= len(waits) || waits[i] != w {
			t.Fatalf("waits %v, want %v", waits, want)
		}
	}
	calls = 0
	err := p.Do(t.Context(), failing(6, &calls))
	if !errors.Is(err, errBusy) || IsTransient(err) || calls != 6 || !strings.Contains(err.Error(), "6 attempts") {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestDoEndsAtOnce(t *testing.T) {
	var waits []time.Duration
	p := Policy{Attempts: 6, First: time.Second, Longest: time.Second, Clock: instant{&waits}}
	final := errors.New("no such thing")
	if err := p.Do(t.Context(), func(context.Context) error { return final }); err != final || len(waits) > 0 {
		t.Errorf("%v after %v", err, waits)
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := p.Do(ctx, func(ctx context.Context) error { cancel(); calls++; return Transient(errBusy) })
	if !errors.Is(err, context.Canceled) || !errors.Is(err, errBusy) || calls != 1 {
		t.Errorf("cancelled: %d calls, %v", calls, err)
	}
}

// A context that ends during a pause ends the wait.
func TestDoLeavesAPauseWithItsContext(t *testing.T) {
	fake := clock.NewFake(time.Unix(0, 0))
	p := Policy{Attempts: 2, First: time.Hour, Longest: time.Hour, Clock: fake, Random: func() float64 { return 1 }}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Do(ctx, func(context.Context) error { return Transient(errBusy) }) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// All who share a budget have as many attempts together, and successes earn new ones.
func TestBudget(t *testing.T) {
	var waits []time.Duration
	p := Policy{Attempts: 100, First: 1, Longest: 1, Clock: instant{&waits}, Budget: NewBudget(3)}
	calls := 0
	if err := p.Do(t.Context(), failing(10, &calls)); !errors.Is(err, errBusy) || calls != 4 {
		t.Errorf("%d calls with a budget of 3, %v", calls, err)
	}
	for range 10 {
		if err := p.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	calls = 0
	if err := p.Do(t.Context(), failing(1, &calls)); err != nil || calls != 2 {
		t.Errorf("%d calls after ten successes, %v", calls, err)
	}
	for range 100 {
		p.Budget.earn()
	}
	if p.Budget.tenths != 30 {
		t.Errorf("the budget grew to %d tenths", p.Budget.tenths)
	}
}
