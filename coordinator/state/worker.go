package state

import (
	"fmt"
	"slices"

	"g2c/coordinator/command"
)

// maxShown is the highest incarnation that is believed of a worker of an older release,
// which makes its own of its clock: one far above leaves none to be issued.
const maxShown = 1<<63 - 1

func (s *State) join(c command.Join) error {
	if !s.apart() {
		return s.join3(c)
	}
	w := &Worker{ID: c.Worker, Mode: command.Ready}
	_, known := s.workers.Get(c.Worker)
	if known {
		w = s.editWorker(c.Worker)
	}
	incarnation := c.Incarnation
	if c.Issue {
		incarnation = s.lastIncarnation + 1
	}
	same := known && w.Incarnation == incarnation
	switch {
	case incarnation > maxShown && incarnation > s.lastIncarnation:
		return fmt.Errorf("worker %s shows incarnation %d, which was never issued: %w", c.Worker, incarnation, ErrStale)
	case known && incarnation < w.Incarnation:
		return fmt.Errorf("worker %s shows incarnation %d, and %d has joined since: %w", c.Worker, incarnation, w.Incarnation, ErrStale)
	case same && w.differs(c):
		return errChanged(c.Worker)
	}
	if known && !same {
		w = s.succeed(w, c)
	}
	s.lastIncarnation = max(s.lastIncarnation, incarnation)
	w.Incarnation, w.Boot, w.Left = incarnation, c.Boot, nil
	s.welcome(w, c)
	return nil
}

// succeed ends what the process before ran. If its host has not been down since, the
// process died alone.
func (s *State) succeed(w *Worker, c command.Join) *Worker {
	left := slices.Clone(w.Left)
	if len(w.Allocations) > 0 {
		left = append(left, w.runs(s, c.Progress)...)
		s.abandon(w, "worker "+w.ID+" started anew")
		w = s.editWorker(c.Worker)
	}
	if c.Boot != "" && c.Boot == w.Boot {
		s.died(w.ID, "it died", left)
		w = s.editWorker(c.Worker)
	}
	return w
}

// differs says whether a worker that joins is not what it was.
func (w *Worker) differs(c command.Join) bool {
	return w.Class != c.Class || w.Device != c.Device || w.Memory != c.Memory || w.Slots != c.Slots
}

func errChanged(worker string) error {
	return fmt.Errorf("worker %s changed what it is without a new incarnation: %w", worker, ErrStale)
}

// welcome stores a worker that has joined.
func (s *State) welcome(w *Worker, c command.Join) {
	w.Class, w.Device, w.Memory = c.Class, c.Device, c.Memory
	w.Host, w.Slots, w.Cached, w.Address = c.Host, c.Slots, slices.Clone(c.Cached), c.Address
	w.Lost, w.Joined = false, s.at
	s.putWorker(w)
}

func (s *State) cache(c command.Cache) error {
	w, err := s.incarnate(c.Worker, c.Incarnation)
	if err != nil {
		return err
	}
	w.Cached = slices.Clone(c.Cached)
	s.putWorker(w)
	return nil
}

// incarnate is a copy of a worker to change, if it is the process that is meant.
func (s *State) incarnate(id string, incarnation uint64) (*Worker, error) {
	w, ok := s.workers.Get(id)
	switch {
	case !ok:
		return nil, fmt.Errorf("worker %s: %w", id, ErrUnknownWorker)
	case w.Incarnation != incarnation:
		return nil, fmt.Errorf("worker %s: %w", id, ErrStale)
	}
	return s.editWorker(id), nil
}

func (s *State) lost(c command.Lost) error {
	w, err := s.incarnate(c.Worker, c.Incarnation)
	if err != nil {
		return err
	}
	if w.Lost {
		return nil
	}
	w.Lost = true
	if !s.apart() {
		s.abandon(w, "worker "+w.ID+" was lost")
		return nil
	}
	left := w.runs(s, c.Progress)
	alone := s.hostLives(w)
	if !alone {
		w.Left = left[:min(len(left), maxLeft)]
	}
	s.abandon(w, "worker "+w.ID+" was lost")
	if alone {
		s.died(w.ID, "it died", left)
	}
	return nil
}

func (s *State) leave(c command.Leave) error {
	w, ok := s.workers.Get(c.Worker)
	switch {
	case !ok:
		return fmt.Errorf("worker %s: %w", c.Worker, ErrUnknownWorker)
	case s.apart() && w.Incarnation != c.Incarnation:
		return fmt.Errorf("worker %s is incarnation %d, not %d: %w", c.Worker, w.Incarnation, c.Incarnation, ErrStale)
	}
	s.abandon(s.editWorker(c.Worker), "worker "+c.Worker+" left")
	s.dropWorker(w)
	return nil
}

// abandon stores a worker that runs nothing any more: its process is gone, or has
// stopped by its lease. Gangs that are large enough without it go on as their next
// generation, from the step that their members have; the others are pending.
func (s *State) abandon(w *Worker, reason string) {
	had := w.Allocations
	w.Allocations = nil
	s.putWorker(w)
	for _, h := range had {
		t, _ := s.tasks.Get(h.Task)
		if h.Terminating || t.Generation != h.Generation {
			continue
		}
		t = s.editTask(h.Task)
		if s.apart() && t.Preempting && t.Parts[0].Worker != w.ID {
			s.losePart(t, w.ID, reason) // the trainer has still to save
			continue
		}
		if s.shrink(t, w.ID, reason) {
			continue
		}
		t.Reason = reason
		s.vacate(t, "")
		s.move(t, Pending)
	}
}

func (s *State) setMode(c command.SetMode) error {
	if _, ok := s.workers.Get(c.Worker); !ok {
		return fmt.Errorf("worker %s: %w", c.Worker, ErrUnknownWorker)
	}
	w := s.editWorker(c.Worker)
	w.Mode, w.From, w.Until, w.Reason = c.Mode, c.From, c.Until, s.clipped(c.Reason, maxReason)
	s.putWorker(w)
	return nil
}
