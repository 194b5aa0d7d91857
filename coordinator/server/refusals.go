package server

import (
	"fmt"
	"path"
	"sync"

	"g2c/coordinator/command"
	"g2c/internal/clock"
)

// How many refused calls are recorded in the audit: it is replicated, and bounded, and
// whoever may do nothing is not to push out the lines of those who did something.
var (
	refusalsOfOne = Limits{CallsPerSecond: 1. / 60, Burst: 5}
	refusalsOfAll = Limits{CallsPerSecond: 1, Burst: 60}
)

// refusals are calls that were refused here, on their way into the audit.
type refusals struct {
	one, all *limiter
	waiting  chan command.Entry

	mu   sync.Mutex
	more map[string]int // refused since the last that was recorded, by principal
}

func newRefusals(c clock.Clock) *refusals {
	return &refusals{
		one: newLimiter(refusalsOfOne, c), all: newLimiter(refusalsOfAll, c),
		waiting: make(chan command.Entry, refusalsOfAll.Burst), more: map[string]int{},
	}
}

// add has a refused call recorded, or counted with the next one of its principal that is.
func (r *refusals) add(principal, method string, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.one.allow(principal) || !r.all.allow("") {
		if _, known := r.more[principal]; known || len(r.more) < maxBuckets {
			r.more[principal]++
		}
		return
	}
	outcome := "refused: " + clip(why.Error(), maxReason)
	if n := r.more[principal]; n > 0 {
		outcome += fmt.Sprintf("; and %d calls before", n)
	}
	e := command.Entry{Principal: clip(principal, maxNameBytes), Command: command.Audit{Verb: "call", Subject: path.Base(method), Outcome: outcome}}
	select {
	case r.waiting <- e:
		delete(r.more, principal)
	default: // nobody leads here who could write it
		r.more[principal]++
	}
}

// recordRefusals writes refused calls into the audit.
func (r *leadership) recordRefusals() {
	for {
		select {
		case <-r.ctx.Done():
			return
		case e := <-r.refused.waiting:
			if _, err := r.propose(r.ctx, e); err != nil && r.ctx.Err() == nil {
				r.log.Warn("a refused call was not recorded", "principal", e.Principal, "why", err)
			}
		}
	}
}
