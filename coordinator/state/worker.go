package state

import (
	"fmt"
	"slices"

	"g2c/coordinator/command"
)

func (s *State) join(c command.Join) error {
	w := &Worker{ID: c.Worker, Mode: command.Ready}
	if _, ok := s.workers.Get(c.Worker); ok {
		w = s.editWorker(c.Worker)
	}
	same := w.Incarnation == c.Incarnation && w.Joined != 0
	if same && (w.Class != c.Class || w.Device != c.Device || w.Memory != c.Memory || w.Slots != c.Slots) {
		return fmt.Errorf("worker %s changed what it is without a new incarnation: %w", c.Worker, ErrStale)
	}
	if !same && len(w.Allocations) > 0 {
		s.abandon(w, "worker "+w.ID+" started anew")
		w = s.editWorker(c.Worker)
	}
	w.Incarnation, w.Class, w.Device, w.Memory = c.Incarnation, c.Class, c.Device, c.Memory
	w.Host, w.Slots, w.Cached = c.Host, c.Slots, slices.Clone(c.Cached)
	w.Lost, w.Joined = false, s.at
	s.putWorker(w)
	return nil
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
	s.abandon(w, "worker "+w.ID+" was lost")
	return nil
}

func (s *State) leave(c command.Leave) error {
	if _, ok := s.workers.Get(c.Worker); !ok {
		return fmt.Errorf("worker %s: %w", c.Worker, ErrUnknownWorker)
	}
	s.abandon(s.editWorker(c.Worker), "worker "+c.Worker+" left")
	drop(s, s.workers, c.Worker)
	return nil
}

// abandon stores a worker that runs nothing any more: its process is gone, or has
// stopped by its lease. Gangs that are large enough without it go on as their next
// generation, from the step that their members have; the others are pending.
func (s *State) abandon(w *Worker, reason string) {
	holds := w.Allocations
	w.Allocations = nil
	s.putWorker(w)
	for _, h := range holds {
		t, _ := s.tasks.Get(h.Task)
		if h.Terminating || t.Generation != h.Generation {
			continue
		}
		t = s.editTask(h.Task)
		rest := slices.DeleteFunc(slices.Clone(t.Parts), func(p command.Part) bool { return p.Worker == w.ID })
		left := 0
		for _, p := range rest {
			left += p.Slots
		}
		t.Reason = reason
		if left < t.Gang().Min || t.Preempting {
			s.vacate(t, "")
			s.move(t, Pending)
			continue
		}
		s.vacateTo(t, rest)
		s.occupy(t, rest)
	}
}

func (s *State) setMode(c command.SetMode) error {
	if _, ok := s.workers.Get(c.Worker); !ok {
		return fmt.Errorf("worker %s: %w", c.Worker, ErrUnknownWorker)
	}
	w := s.editWorker(c.Worker)
	w.Mode, w.From, w.Until, w.Reason = c.Mode, c.From, c.Until, c.Reason
	s.putWorker(w)
	return nil
}
