package sim

import (
	"math"
	"slices"
	"time"

	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// hints is what workers report of what they have left, if they do.
func (w *world) hints() scheduler.Hints {
	if !w.cfg.hints {
		return nil
	}
	return reported{w}
}

// reported is what workers report.
type reported struct{ w *world }

// Late implements scheduler.Hints: who is slower than the quickest of a gang is waited for.
func (h reported) Late() (out []scheduler.Late) {
	for t := range h.w.state.Snapshot().Tasks(0) {
		quickest := int64(math.MaxInt64)
		for _, p := range t.Parts {
			quickest = min(quickest, h.w.byID[p.Worker].slow)
		}
		for _, p := range t.Parts {
			if slow := h.w.byID[p.Worker].slow; slow > quickest {
				out = append(out, scheduler.Late{Task: t.Work.Key, Generation: t.Generation, Worker: p.Worker, Waited: 1 - float64(quickest)/float64(slow)})
			}
		}
	}
	return out
}

// Slow implements scheduler.Hints.
func (h reported) Slow() (out []string) {
	for id, n := range h.w.byID {
		if n.slow > 1 {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// Remaining implements scheduler.Hints.
func (h reported) Remaining(t *state.Task) (int64, bool) {
	j := h.w.store[t.Work.Key]
	if r := h.w.furthest(t); r != nil {
		return r.remaining().Milliseconds(), true
	}
	slots, slow := t.Gang().Min, int64(1)
	if t.Parts != nil {
		slots, slow = t.Slots(), h.w.byID[t.Parts[0].Worker].slow
	}
	return (time.Duration(j.all-j.saved)*stepWork/time.Duration(slots)*time.Duration(slow) + startTime).Milliseconds(), true
}
