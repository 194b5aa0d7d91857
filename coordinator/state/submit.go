package state

import (
	"fmt"
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
)

// DefaultProject is that of experiments that name none.
const DefaultProject = "default"

func (s *State) submit(c command.Submit) error {
	if s.byID.Has(c.Experiment) {
		return fmt.Errorf("experiment %s: %w", c.Experiment, ErrExists)
	}
	for i := range c.Works {
		if w := &c.Works[i]; w.Key != w.Task.Key() {
			return fmt.Errorf("%s: %w", w.Name(), ErrBadWork)
		}
	}
	finished := make(map[api.Key]bool, len(c.Finished))
	for _, k := range c.Finished {
		finished[k] = true
	}
	var seqs []uint64
	for i := range c.Works {
		seqs = append(seqs, s.admit(&c.Works[i], c.Need, finished[c.Works[i].Key]))
	}
	s.lastExperiment++
	e := &Experiment{
		Seq: s.lastExperiment, ID: c.Experiment, Name: c.Name, Project: c.Project, Priority: c.Priority,
		Owner: s.principal, Submitted: s.at, Tasks: s.withInputs(seqs),
	}
	if e.Project == "" {
		e.Project = DefaultProject
	}
	s.putExperiment(e)
	s.indexExperiment(e)
	for _, seq := range e.Tasks {
		s.want(seq, finished)
	}
	return nil
}

// admit finds a work's task, or makes it: cancelled until it is wanted, or done.
func (s *State) admit(w *api.Work, need command.Need, finished bool) uint64 {
	if seq, ok := s.byKey.Get(w.Key); ok {
		return seq
	}
	s.lastTask++
	t := &Task{Seq: s.lastTask, Work: w, work: hashOf(w.Encode()), inputs: w.Task.Inputs(), Need: need, Submitted: s.at, Status: Cancelled}
	if finished {
		t.Status, t.Ended = Done, s.at
	}
	t.WaitsOn = s.waitsOn(t)
	s.putTask(t)
	s.indexTask(t)
	return t.Seq
}

// withInputs is a list of tasks and all they need that is known, sorted, each
// once. What is not known is a ready model of the store: the submitter saw to it.
func (s *State) withInputs(seqs []uint64) []uint64 {
	seen := make(map[uint64]bool, len(seqs))
	var all []uint64
	for todo := seqs; len(todo) > 0; {
		seq := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[seq] {
			continue
		}
		seen[seq] = true
		all = append(all, seq)
		t, _ := s.tasks.Get(seq)
		for _, k := range t.inputs {
			if in, ok := s.byKey.Get(k); ok && !seen[in] {
				todo = append(todo, in)
			}
		}
	}
	slices.Sort(all)
	return all
}

// want brings a task that an experiment has just listed to life, if it is not
// done. Being asked for again is a new chance for what failed.
func (s *State) want(seq uint64, finished map[api.Key]bool) {
	t := s.editTask(seq)
	s.charge(t)
	switch {
	case t.Status == Done:
		s.putTask(t)
	case finished[t.Work.Key]:
		s.finish(t, "")
	case t.Status.Live():
		s.putTask(t)
	default:
		s.revive(t)
	}
}

// revive makes a task pending that had ended without result.
func (s *State) revive(t *Task) {
	t.Failures, t.Avoid, t.NotBefore, t.Reason, t.Ended = 0, nil, 0, "", 0
	s.move(t, Pending)
}

func (s *State) retry(c command.Retry) error {
	if c.Experiment == "" {
		t := s.task(c.Task)
		if t == nil {
			return fmt.Errorf("retry %s: %w", c.Task.Short(), ErrUnknownTask)
		}
		if first, _ := s.wanted(t.Seq); first == nil {
			return fmt.Errorf("retry %s: %w", t.Work.Name(), ErrNotWanted)
		}
		s.retryAll(s.withInputs(s.withReaders(s.withInputs([]uint64{t.Seq}))))
		return nil
	}
	e := s.experiment(c.Experiment)
	switch {
	case e == nil:
		return fmt.Errorf("retry %s: %w", c.Experiment, ErrUnknownExperiment)
	case e.Cancelled:
		return fmt.Errorf("retry %s: %w", c.Experiment, ErrNotWanted)
	}
	s.retryAll(e.Tasks)
	return nil
}

// withReaders adds what was cancelled since a task of the list failed.
func (s *State) withReaders(seqs []uint64) []uint64 {
	seen := make(map[uint64]bool, len(seqs))
	for _, seq := range seqs {
		seen[seq] = true
	}
	for i := 0; i < len(seqs); i++ {
		t, _ := s.tasks.Get(seqs[i])
		if t.Status != Failed && t.Status != Cancelled {
			continue
		}
		for _, r := range s.readersOf(t.Work.Key) {
			if !seen[r] {
				seen[r] = true
				seqs = append(seqs, r)
			}
		}
	}
	return seqs
}

// retryAll gives wanted tasks that ended without result, or that wait after a
// failure, another chance.
func (s *State) retryAll(seqs []uint64) {
	for _, seq := range seqs {
		t := s.editTask(seq)
		if first, _ := s.wanted(seq); first == nil {
			continue
		}
		switch {
		case t.Status == Failed, t.Status == Cancelled:
			s.revive(t)
		case t.Status == Pending && t.NotBefore != 0:
			t.NotBefore = 0
			s.putTask(t)
		}
	}
}
