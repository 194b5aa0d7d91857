// Package clock is time as something that is handed in: the real one, or one that
// a test moves. It measures and waits; what a wait is for is its caller's business.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time and waits. It may be used by many goroutines.
type Clock interface {
	Now() time.Time
	// After sends the time once a duration has passed.
	After(d time.Duration) <-chan time.Time
}

// Real is the machine's clock. Its times have a monotonic reading, so that
// differences of two of them are true however the wall clock is set.
type Real struct{}

// Now implements Clock.
func (Real) Now() time.Time { return time.Now() }

// After implements Clock.
func (Real) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Fake is a clock that stands still until it is moved.
type Fake struct {
	mu      sync.Mutex
	now     time.Time
	alarms  []alarm
	changed chan struct{} // closed and made anew when an alarm is set
}

type alarm struct {
	at time.Time
	c  chan time.Time
}

// NewFake makes a clock that stands at a time.
func NewFake(now time.Time) *Fake { return &Fake{now: now, changed: make(chan struct{})} }

// Now implements Clock.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// After implements Clock.
func (f *Fake) After(d time.Duration) <-chan time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan time.Time, 1)
	if d <= 0 {
		c <- f.now
		return c
	}
	f.alarms = append(f.alarms, alarm{f.now.Add(d), c})
	close(f.changed)
	f.changed = make(chan struct{})
	return c
}

// Advance moves the clock and wakes whoever waited for a time that has come.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
	rest := f.alarms[:0]
	for _, a := range f.alarms {
		if a.at.After(f.now) {
			rest = append(rest, a)
			continue
		}
		a.c <- f.now
	}
	clear(f.alarms[len(rest):])
	f.alarms = rest
}

// Waiters is how many wait for a time, and a channel that is closed when one more
// does: so a test knows that who it is about to wake is asleep.
func (f *Fake) Waiters() (n int, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.alarms), f.changed
}
