package state

import (
	"fmt"

	"g2c/coordinator/command"
)

func (s *State) place(c command.Place) error {
	t := s.task(c.Task)
	switch {
	case t == nil:
		return fmt.Errorf("place %s: %w", c.Task.Short(), ErrUnknownTask)
	case t.Status != Pending:
		return fmt.Errorf("place %s: %w", t.Work.Name(), ErrNotPending)
	case c.Generation != t.Generation+1:
		return fmt.Errorf("place %s: %w", t.Work.Name(), ErrStale)
	case t.WaitsOn > 0:
		return fmt.Errorf("place %s: %w", t.Work.Name(), ErrNotReady)
	}
	w, err := s.wishFor(t, c.Experiment)
	if err == nil {
		err = s.checkParts(t, w, c.Parts)
	}
	if err != nil {
		return fmt.Errorf("place %s: %w", t.Work.Name(), err)
	}
	t = s.editTask(t.Seq)
	t.Attempts++
	t.Reason = ""
	s.occupy(t, w, c.Parts)
	return nil
}

func (s *State) resize(c command.Resize) error {
	t := s.task(c.Task)
	switch {
	case t == nil:
		return fmt.Errorf("resize %s: %w", c.Task.Short(), ErrUnknownTask)
	case t.Parts == nil || t.Preempting:
		return fmt.Errorf("resize %s: %w", t.Work.Name(), ErrNotRunning)
	case c.Generation != t.Generation+1:
		return fmt.Errorf("resize %s: %w", t.Work.Name(), ErrStale)
	}
	w, err := s.wishFor(t, c.Experiment)
	if err == nil {
		err = s.checkParts(t, w, c.Parts)
	}
	if err != nil {
		return fmt.Errorf("resize %s: %w", t.Work.Name(), err)
	}
	t = s.editTask(t.Seq)
	s.vacateTo(t, c.Parts)
	s.occupy(t, w, c.Parts)
	return nil
}

// checkParts refuses parts that the task cannot run on now for somebody who wants it. What
// it holds already counts as free for it.
func (s *State) checkParts(t *Task, wish *Wish, parts []command.Part) error {
	slots := 0
	for _, p := range parts {
		w, ok := s.workers.Get(p.Worker)
		mine := t.slotsOn(p.Worker)
		switch {
		case !ok:
			return fmt.Errorf("on %s: %w", p.Worker, ErrUnknownWorker)
		case !w.Meets(t, wish.Need):
			return fmt.Errorf("on %s: %w", p.Worker, ErrWrongClass)
		case w.Lost || !w.Open(s.at) && p.Slots > mine:
			return fmt.Errorf("on %s: %w", p.Worker, ErrClosed)
		case p.Slots < 1 || p.Slots > w.Free()+mine:
			return fmt.Errorf("%d on %s: %w", p.Slots, p.Worker, ErrNoSlots)
		case s.together() && len(parts) > 1 && w.Address == "":
			return fmt.Errorf("on %s in a gang of %d workers: %w", p.Worker, len(parts), ErrNoAddress)
		}
		slots += p.Slots
	}
	if g := wish.Gang; !sortedParts(parts) || slots < g.Min || slots > g.Max {
		return fmt.Errorf("a gang of %d, want %d to %d: %w", slots, g.Min, g.Max, ErrNoSlots)
	}
	if !s.apart() {
		return s.quota3(t, slots)
	}
	return s.quota(wish.Project, more(t, wish, parts))
}

// slotsOn is the part of its gang on a worker.
func (t *Task) slotsOn(worker string) int {
	for _, p := range t.Parts {
		if p.Worker == worker {
			return p.Slots
		}
	}
	return 0
}

// occupy starts the next generation of a task that holds nothing any more, for a wish.
func (s *State) occupy(t *Task, wish *Wish, parts []command.Part) {
	t.Generation++
	given := Allocation{Task: t.Seq, Generation: t.Generation}
	if s.apart() {
		t.Charged, t.Project, t.Priority = wish.Experiment, wish.Project, wish.Priority
		given.Experiment, given.Project = wish.Experiment, wish.Project
	}
	t.Parts = append([]command.Part(nil), parts...)
	t.PlacedAt, t.Preempting, t.Stopping, t.NotBefore = s.at, false, 0, 0
	for _, p := range parts {
		w := s.editWorker(p.Worker)
		given.Slots = p.Slots
		w.Allocations = append(w.Allocations, given)
		s.putWorker(w)
	}
	s.use3(t, 1)
	s.move(t, Placed)
}

// vacate ends a generation: each worker's slots are terminating until it says that
// it has stopped. The worker that reports the end, if one does, has stopped.
func (s *State) vacate(t *Task, reporter string) {
	s.use3(t, -1)
	for _, p := range t.Parts {
		w := s.editWorker(p.Worker)
		for i := range w.Allocations {
			if h := &w.Allocations[i]; h.Task == t.Seq && h.Generation == t.Generation {
				h.Terminating, h.Since = true, s.at
			}
		}
		if p.Worker == reporter {
			w.settle(t.Seq, t.Generation)
		}
		s.putWorker(w)
	}
	t.Parts, t.Preempting, t.Stopping = nil, false, 0
	s.uncharge(t)
}

// vacateTo ends a generation whose next one is known. A worker that stays keeps
// what it has of it; only what it gives up is terminating.
func (s *State) vacateTo(t *Task, next []command.Part) {
	s.use3(t, -1)
	for _, p := range t.Parts {
		given := p.Slots
		for _, n := range next {
			if n.Worker == p.Worker {
				given = max(p.Slots-n.Slots, 0)
			}
		}
		w := s.editWorker(p.Worker)
		for i := range w.Allocations {
			if h := &w.Allocations[i]; h.Task == t.Seq && h.Generation == t.Generation {
				h.Terminating, h.Since, h.Slots = true, s.at, given
			}
		}
		w.dropEmpty()
		s.putWorker(w)
	}
	t.Parts = nil
}

// settle ends what a worker was terminating of a task, up to a generation.
func (w *Worker) settle(task, generation uint64) (settled bool) {
	kept := w.Allocations[:0]
	for _, h := range w.Allocations {
		if h.Task == task && h.Terminating && h.Generation <= generation {
			settled = true
			continue
		}
		kept = append(kept, h)
	}
	w.Allocations = kept
	return settled
}

func (w *Worker) dropEmpty() {
	kept := w.Allocations[:0]
	for _, h := range w.Allocations {
		if h.Slots > 0 {
			kept = append(kept, h)
		}
	}
	w.Allocations = kept
}

func (s *State) preempt(c command.Preempt) error {
	t := s.task(c.Task)
	if err := s.checkStop(t, c.Task.Short(), c.Generation); err != nil {
		return fmt.Errorf("preempt %w", err)
	}
	if t.Preempting {
		return nil
	}
	t = s.editTask(t.Seq)
	t.Preempting, t.Stopping, t.Reason = true, s.at, s.clipped(c.Reason, maxReason)
	s.putTask(t)
	return nil
}

func (s *State) evict(c command.Evict) error {
	t := s.task(c.Task)
	if err := s.checkStop(t, c.Task.Short(), c.Generation); err != nil {
		return fmt.Errorf("evict %w", err)
	}
	t = s.editTask(t.Seq)
	trainer := t.Parts[0].Worker
	s.vacate(t, "")
	t.Reason = s.clipped(c.Reason, maxReason)
	s.move(t, Pending)
	if c.Hung && s.apart() {
		s.died(trainer, "it hung", []Left{{Task: t.Seq, Step: c.Step, Words: c.Words}})
	}
	return nil
}

func (s *State) checkStop(t *Task, short string, generation uint64) error {
	switch {
	case t == nil:
		return fmt.Errorf("%s: %w", short, ErrUnknownTask)
	case t.Parts == nil:
		return fmt.Errorf("%s: %w", t.Work.Name(), ErrNotRunning)
	case t.Generation != generation:
		return fmt.Errorf("%s: %w", t.Work.Name(), ErrStale)
	}
	return nil
}
