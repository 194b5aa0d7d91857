package server

import (
	"sync"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// history is how long tasks took that this coordinator saw end: tasks of one experiment
// and kind, as those of a sweep, take about as long.
type history struct {
	mu    sync.Mutex
	known map[likeness]int64 // milliseconds, the latest counting most
}

// likeness is what tasks that take about as long have in common.
type likeness struct {
	experiment uint64
	kind       api.Kind
}

// maxLikenesses bounds a history; beyond it, it begins anew.
const maxLikenesses = 10_000

func likenessOf(s *state.Snapshot, t *state.Task) (likeness, bool) {
	w, ok := s.Wish(t)
	return likeness{w.Experiment, t.Work.Task.Kind}, ok
}

// ended notes how long a task took that is done.
func (h *history) ended(s *state.Snapshot, t *state.Task) {
	k, ok := likenessOf(s, t)
	took := t.Ended - t.Started
	if !ok || t.Status != state.Done || t.Started < t.PlacedAt || took <= 0 || t.Home == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= maxLikenesses {
		h.known = map[likeness]int64{}
	}
	if before, ok := h.known[k]; ok {
		took = (before + took) / 2
	}
	h.known[k] = took
}

func (h *history) of(k likeness) (ms int64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ms, ok = h.known[k]
	return ms, ok
}

// estimates are what is known of how long tasks still run. One plan has one: what it answered
// once it answers again, whatever workers say meanwhile.
type estimates struct {
	progressOf func(api.Key) *apiv1.Progress // nil if nobody said
	history    *history
	late       []scheduler.Late
	slow       []string
	snapshot   *state.Snapshot
	now        int64
	answered   map[uint64]estimate
}

type estimate struct {
	ms int64
	ok bool
}

var _ scheduler.Hints = (*estimates)(nil)

// Remaining implements scheduler.Hints.
func (h *estimates) Remaining(t *state.Task) (ms int64, ok bool) {
	a, known := h.answered[t.Seq]
	if !known {
		a.ms, a.ok = h.remaining(t)
		h.answered[t.Seq] = a
	}
	return a.ms, a.ok
}

// remaining goes by the steps that are left and their rate, as a worker says them, or by
// how long tasks like it took.
func (h *estimates) remaining(t *state.Task) (ms int64, ok bool) {
	if p := h.progressOf(t.Work.Key); p.GetStepsPerSecond() > 0 && p.GetSteps() >= p.GetStep() {
		return int64(min(float64(p.Steps-p.Step)/p.StepsPerSecond*1000, 1e15)), true
	}
	k, ok := likenessOf(h.snapshot, t)
	if !ok {
		return 0, false
	}
	took, ok := h.history.of(k)
	if t.Status == state.Running {
		took = max(took-(h.now-t.Started), 0)
	}
	return took, ok
}

// Late implements scheduler.Hints.
func (h *estimates) Late() []scheduler.Late { return h.late }

// Slow implements scheduler.Hints.
func (h *estimates) Slow() []string { return h.slow }
