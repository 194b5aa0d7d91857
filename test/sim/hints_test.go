package sim

import (
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
