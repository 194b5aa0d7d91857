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
	t.Deaths, t.Gone = 0, false
	s.move(t, Done)
}

func (s *State) failed(c command.Failed) error {
	t, err := s.about(c.Report, c.Generation)
	if t == nil {
		return err
	}
	member := s.apart() && t.Parts[0].Worker != c.Worker
	if member && t.Preempting {
		s.partStops(t, c.Worker)
		return nil
	}
	if member && s.goOn(t, c.Worker, c.Reason) {
		t = s.editTask(t.Seq)
		t.avoid(c.Worker)
		s.putTask(t)
		return nil
	}
	s.vacate(t, c.Worker)
	t.Failures++
	t.Reason = s.clipped(c.Reason, maxReason)
	// Only the trainer has seen the task fail: what a member cannot do is of its placement.
	if c.Permanent && !member || t.Failures >= MaxAttempts {
		s.move(t, Failed)
		s.orphan(t)
		return nil
	}
	t.NotBefore = s.at + backoffMS(t.Failures)
	t.avoid(c.Worker)
	s.move(t, Pending)
	return nil
}

// avoid has a task that is being changed keep away from a worker.
func (t *Task) avoid(worker string) {
	if !slices.Contains(t.Avoid, worker) && len(t.Avoid) < maxAvoid {
		t.Avoid = append(slices.Clone(t.Avoid), worker)
	}
}

// goOn has a gang go on as its next generation without a worker that has left it, from the
// step that its members have. It reports false, and changes nothing, if the gang is to stop,
// or would be too small.
func (s *State) goOn(t *Task, worker, reason string) bool {
	if !s.together() || !s.shrink(t, worker, s.clipped(reason, maxReason)) {
		return false
	}
	w := s.editWorker(worker)
	w.settle(t.Seq, t.Generation)
	s.putWorker(w)
	return true
}

// shrink is the next generation of a gang, without a worker. It reports false, and changes
// nothing, if the gang is to stop, would be too small, or is wanted by nobody.
func (s *State) shrink(t *Task, worker, reason string) bool {
	rest := t.without(worker)
	wish, err := s.wishFor(t, t.Charged)
	if err != nil || slots(rest) < wish.Gang.Min || t.Preempting {
		return false
	}
	t.Reason = reason
	s.vacateTo(t, rest)
	s.occupy(t, wish, rest)
	return true
}

// without is a gang without a worker.
func (t *Task) without(worker string) []command.Part {
	return slices.DeleteFunc(slices.Clone(t.Parts), func(p command.Part) bool { return p.Worker == worker })
}

func slots(parts []command.Part) int {
	n := 0
	for _, p := range parts {
		n += p.Slots
	}
	return n
}

func (s *State) interrupted(c command.Interrupted) error {
	t, err := s.about(c.Report, c.Generation)
	if t == nil {
		return err
	}
	if s.goOn(t, c.Worker, "worker "+c.Worker+" has left its gang") {
		return nil
	}
	if s.apart() && t.Parts[0].Worker != c.Worker {
		s.partStops(t, c.Worker)
		return nil
	}
	s.vacate(t, c.Worker)
	s.move(t, Pending)
	return nil
}

// partStops frees what a gang has on a worker that is not its trainer's. The state of the
// task is the trainer's to save: the gang stays until that has reported, and is asked to
// stop if it was not.
func (s *State) partStops(t *Task, worker string) {
	w := s.editWorker(worker)
	w.Allocations = slices.DeleteFunc(w.Allocations, func(a Allocation) bool {
		return a.Task == t.Seq && (a.Generation == t.Generation || a.Terminating && a.Generation < t.Generation)
	})
	s.putWorker(w)
	s.losePart(t, worker, "worker "+worker+" has left its gang")
}

// losePart takes a worker that is gone out of a gang.
func (s *State) losePart(t *Task, worker, reason string) {
	t.Parts = t.without(worker)
	if !t.Preempting {
		t.Preempting, t.Stopping, t.Reason = true, s.at, reason
	}
	s.putTask(t)
}

// released is meant for what is terminating. A worker that lets go of what it is still expected
// to run has lost it.
func (s *State) released(c command.Released) error {
	t, err := s.about(c.Report, c.Generation)
	if t == nil {
		return err
	}
	if s.apart() && t.Preempting && t.Parts[0].Worker != c.Worker {
		s.partStops(t, c.Worker)
		return nil
	}
	if s.goOn(t, c.Worker, "worker "+c.Worker+" let go of it") {
		return nil
	}
	s.vacate(t, c.Worker)
	t.Reason = "worker " + c.Worker + " let go of it"
	s.move(t, Pending)
	return nil
}

func (s *State) found(c command.Found) error {
	for _, k := range c.Tasks {
		t := s.task(k)
		if t == nil || t.Status == Done && !t.Gone {
			continue
		}
		t = s.editTask(t.Seq)
		s.vacate(t, "")
		s.finish(t, "")
	}
	return nil
}

// missing takes the results of tasks for lost. What reads one and still waits has it made
// again; so has whoever asks for the task later.
func (s *State) missing(c command.Missing) error {
	for _, k := range c.Tasks {
		t := s.task(k)
		if t == nil || t.Status != Done || t.Gone {
			continue
		}
		t = s.editTask(t.Seq)
		t.Missed++
		t.Gone, t.Home = true, ""
		s.putTask(t)
		for _, seq := range s.readersOf(k) {
			if r, _ := s.tasks.Get(seq); r.Status == Pending {
				s.remake(r)
			}
		}
	}
	return nil
}

// remake has those inputs of a task that waits made again whose results are missing, as
// far as somebody wants them.
func (s *State) remake(t *Task) {
	if !s.apart() {
		return
	}
	for _, k := range t.inputs {
		in := s.task(k)
		if in == nil || in.Status != Done || !in.Gone {
			continue
		}
		if first, _ := s.wanted(in.Seq); first != nil {
			s.revive(s.editTask(in.Seq))
		}
	}
}
