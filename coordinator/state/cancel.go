package state

import (
	"fmt"
	"slices"

	"g2c/coordinator/command"
)

func (s *State) cancel(c command.Cancel) error {
	old := s.experiment(c.Experiment)
	if old == nil {
		return fmt.Errorf("cancel %s: %w", c.Experiment, ErrUnknownExperiment)
	}
	if old.Cancelled {
		return nil
	}
	before := s.figuresOf(old)
	e := *old
	e.Cancelled, e.Reason = true, s.clipped(c.Reason, maxReason)
	e.unhold()
	s.putExperiment(&e)
	s.count(&e, Figures{Live: -before.Live})
	for _, seq := range e.Tasks {
		t := s.editTask(seq)
		if first, _ := s.wanted(seq); first != nil {
			s.charge(t)
			s.putTask(t)
			continue
		}
		if t.Status.Live() {
			s.vacate(t, "")
			t.Reason = "its experiment was cancelled"
			if c.Reason != "" {
				t.Reason += ": " + c.Reason
			}
			t.Reason = s.clipped(t.Reason, maxReason)
			s.move(t, Cancelled)
		}
	}
	return nil
}

// orphan cancels everything that waits for a task which failed, and what waits for
// that.
func (s *State) orphan(failed *Task) {
	for _, seq := range s.readersOf(failed.Work.Key) {
		t := s.editTask(seq)
		if t.Status != Pending {
			continue
		}
		became := "failed"
		if failed.Status == Cancelled {
			became = "was cancelled"
		}
		t.Reason = "needs " + s.clipped(failed.Work.Name(), maxName) + ", which " + became
		s.move(t, Cancelled)
		s.orphan(t)
	}
}

func (s *State) forget(c command.Forget) error {
	held := map[uint64]bool{}
	for _, w := range s.workers.All() {
		for _, h := range w.Allocations {
			held[h.Task] = true
		}
	}
	var gone []*Experiment
	for _, e := range s.experiments.All() {
		busy := slices.ContainsFunc(e.Tasks, func(seq uint64) bool { return held[seq] })
		if !busy && s.ended(e) < c.Before {
			gone = append(gone, e)
		}
	}
	for _, e := range gone {
		f := s.figuresOf(e)
		s.count(e, Figures{-f.Experiments, -f.Tasks, -f.Live, -f.Bytes})
		drop(s, s.experiments, e.Seq)
		s.byID.Delete(e.ID)
		s.standings.Delete(e.Seq)
		s.changes.add(Change{Index: s.index, Kind: ExperimentChanged, Seq: e.Seq})
		for _, seq := range e.Tasks {
			s.dropWish(seq, e.Seq)
			if len(s.experimentsOf(seq)) == 0 {
				s.forgetTask(seq)
				continue
			}
			t := s.editTask(seq)
			s.charge(t)
			s.putTask(t)
		}
	}
	return nil
}

// ended is when the last task of an experiment ended; never, if one has not.
func (d *data) ended(e *Experiment) int64 {
	if d.CountsOf(e).Live() > 0 {
		return never
	}
	last := e.Submitted
	for _, seq := range e.Tasks {
		t, _ := d.tasks.Get(seq)
		last = max(last, t.Ended)
	}
	return last
}

const never = 1<<63 - 1

// forgetTask takes out a task that nobody lists. What read it has its result, or
// has ended too.
func (s *State) forgetTask(seq uint64) {
	t, _ := s.tasks.Get(seq)
	for _, k := range t.inputs {
		s.readers.Delete(read{k, seq})
	}
	s.byKey.Delete(t.Work.Key)
	s.tally(seq, t.Status, "")
	drop(s, s.tasks, seq)
	s.changes.add(Change{Index: s.index, Kind: TaskChanged, Seq: seq})
}
