package sim

import (
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// hints is what workers report of what they have left, if they do.
func (w *World) hints() scheduler.Hints {
	if !w.cfg.Hints {
		return nil
	}
	return reported{w}
}

// reported is what workers report.
type reported struct{ w *World }

// Remaining implements scheduler.Hints.
func (h reported) Remaining(t *state.Task) (int64, bool) {
	left, ok := h.w.left[t.Work.Key]
	switch {
	case !ok:
		return 0, false
	case t.Parts == nil:
		return left/int64(t.Gang().Min) + startMS, true
	}
	v := h.w.byID[t.Parts[0].Worker]
	for _, r := range v.runs {
		if r.task == t.Work.Key && r.generation == t.Generation {
			return max(r.due-h.w.now, 0), true
		}
	}
	return left*v.slow/int64(t.Slots()) + startMS, true
}
