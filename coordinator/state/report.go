package state

import (
	"fmt"
	"slices"

	"g2c/coordinator/command"
)

// about finds the task that a report speaks of, if the reporter is of its gang. Any
// other report still says that its worker has left the generations up to one: if
// the state waits for that, it is taken as such, and neither a task nor an error is
// returned.
func (s *State) about(r command.Report, left uint64) (*Task, error) {
	t := s.task(r.Task)
	if t == nil {
		return nil, fmt.Errorf("report on %s: %w", r.Task.Short(), ErrUnknownTask)
	}
	w, ok := s.workers.Get(r.Worker)
	if !ok || w.Incarnation != r.Incarnation || w.Lost {
		return nil, fmt.Errorf("report of %s: %w", r.Worker, ErrStale)
	}
	if t.Generation == r.Generation && t.slotsOn(r.Worker) > 0 {
		return s.editTask(t.Seq), nil
	}
	if s.letGo(r, left) {
		return nil, nil
	}
	return nil, fmt.Errorf("report of %s on generation %d of %s: %w", r.Worker, r.Generation, t.Work.Name(), ErrStale)
}

// letGo frees what a worker was terminating of the generations up to one, and reports
// whether there was any.
func (s *State) letGo(r command.Report, left uint64) bool {
	t := s.task(r.Task)
	w := s.editWorker(r.Worker)
	if !w.settle(t.Seq, left) {
		return false
	}
	s.putWorker(w)
	return true
}

// started also says that the worker has left the generations before, but not this
// one: a report that comes after the order to stop frees nothing.
func (s *State) started(c command.Started) error {
	before := max(c.Generation, 1) - 1
	t, err := s.about(c.Report, before)
	if t == nil {
		return err
	}
	s.letGo(c.Report, before)
	if t.Status == Placed {
		t.Started = s.at
		s.move(t, Running)
	}
	return nil
}

func (s *State) done(c command.Done) error {
	t, err := s.about(c.Report, c.Generation)
	if t == nil {
		return err
	}
	t.Completions++
	s.vacate(t, c.Worker)
	s.finish(t, c.Worker)
	return nil
}

// finish ends a task that has its result.
func (s *State) finish(t *Task, home string) {
	t.Home, t.Reason, t.NotBefore = home, "", 0
	s.move(t, Done)
}

func (s *State) failed(c command.Failed) error {
	t, err := s.about(c.Report, c.Generation)
	if t == nil {
		return err
	}
	s.vacate(t, c.Worker)
	t.Failures++
	t.Reason = c.Reason
	if c.Permanent || t.Failures >= MaxAttempts {
		s.move(t, Failed)
		s.orphan(t)
		return nil
	}
	t.NotBefore = s.at + backoffMS(t.Failures)
	if !slices.Contains(t.Avoid, c.Worker) && len(t.Avoid) < maxAvoid {
		t.Avoid = append(slices.Clone(t.Avoid), c.Worker)
	}
	s.move(t, Pending)
	return nil
}

func (s *State) interrupted(c command.Interrupted) error {
	t, err := s.about(c.Report, c.Generation)
	if t == nil {
		return err
	}
	s.vacate(t, c.Worker)
	s.move(t, Pending)
	return nil
}

// released is meant for holds. A worker that lets go of what it is still expected
// to run has lost it.
func (s *State) released(c command.Released) error {
	t, err := s.about(c.Report, c.Generation)
	if t == nil {
		return err
	}
	s.vacate(t, c.Worker)
	t.Reason = "worker " + c.Worker + " let go of it"
	s.move(t, Pending)
	return nil
}

func (s *State) found(c command.Found) error {
	for _, k := range c.Tasks {
		t := s.task(k)
		if t == nil || t.Status == Done {
			continue
		}
		t = s.editTask(t.Seq)
		s.vacate(t, "")
		s.finish(t, "")
	}
	return nil
}
