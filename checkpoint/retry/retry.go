// Package retry does an operation again that failed for a reason which may pass: a server
// that asks for time, a connection that broke. It decides how often and how long to pause;
// which reasons may pass is its caller's knowledge, said by Transient.
//
// Pauses grow and are drawn at random between nothing and their length, so that many who
// failed together do not come back together. A Budget is shared by all who speak to one
// server: where most of what they send fails, sending it again only adds to the load.
package retry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"g2c/internal/clock"
)

// transient is an error that may not come again.
type transient struct{ error }

// Unwrap gives the error that was marked.
func (t transient) Unwrap() error { return t.error }

// Transient marks an error as one that may not come again; nil stays nil.
func Transient(err error) error {
	if err == nil {
		return nil
	}
	return transient{err}
}

// IsTransient tells whether an error was marked.
func IsTransient(err error) bool {
	var t transient
	return errors.As(err, &t)
}

// Policy says how often an operation is tried. It does not change once used, and may be
// used from many goroutines.
type Policy struct {
	// Attempts is how often an operation is tried in all, at least once.
	Attempts int
	// The first pause is at most First, every other at most twice the one before, and none
	// longer than Longest.
	First, Longest time.Duration
	Clock          clock.Clock
	// Budget bounds the attempts of all operations together; nil does not.
	Budget *Budget
	// Random draws from [0, 1); nil is math/rand.
	Random func() float64
}

// Default is a policy that outlasts about half a minute without a server.
func Default() Policy {
	return Policy{Attempts: 12, First: 100 * time.Millisecond, Longest: 20 * time.Second, Clock: clock.Real{}, Budget: NewBudget(200)}
}

// Do runs an operation until it succeeds, fails for good, or the policy, the budget or the
// context says that it is enough. What it returns then is the last error, without its mark.
func (p Policy) Do(ctx context.Context, op func(context.Context) error) error {
	longest := p.First
	for attempt := 1; ; attempt++ {
		err := op(ctx)
		var t transient
		switch {
		case err == nil:
			p.Budget.earn()
			return nil
		case !errors.As(err, &t):
			return err
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ctx.Err(), t.error)
		case attempt >= p.Attempts || !p.Budget.spend():
			return gaveUp(attempt, t.error)
		}
		select {
		case <-p.Clock.After(p.pause(longest)):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), t.error)
		}
		longest = min(2*longest, p.Longest)
	}
}

func gaveUp(attempts int, err error) error {
	if attempts == 1 {
		return err
	}
	return fmt.Errorf("given up after %d attempts: %w", attempts, err)
}

func (p Policy) pause(longest time.Duration) time.Duration {
	draw := rand.Float64
	if p.Random != nil {
		draw = p.Random
	}
	return time.Duration(draw() * float64(longest))
}

// Budget is how many attempts may be made beyond the first ones. A success earns a tenth of
// one, up to what there was at the beginning.
type Budget struct {
	mu          sync.Mutex
	tenths, all int
}

// costTenths is an attempt, in what a success earns.
const costTenths = 10

// NewBudget makes a budget of so many attempts.
func NewBudget(attempts int) *Budget {
	return &Budget{tenths: attempts * costTenths, all: attempts * costTenths}
}

func (b *Budget) earn() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tenths = min(b.tenths+1, b.all)
}

func (b *Budget) spend() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tenths < costTenths {
		return false
	}
	b.tenths -= costTenths
	return true
}
