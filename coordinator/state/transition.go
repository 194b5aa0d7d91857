package state

import (
	"slices"

	"g2c/api"
)

// move stores a task that was changed, with a new status. What reads it waits for
// it exactly while it is live.
func (s *State) move(t *Task, to Status) {
	was := Status("")
	if old, ok := s.tasks.Get(t.Seq); ok {
		was = old.Status
	}
	t.Status = to
	switch {
	case to == Pending && was != Pending:
		t.Ready = s.at
	case !to.Live() && was != to:
		t.Ended = s.at
	}
	s.putTask(t)
	if was.Live() != to.Live() {
		s.tell(t, to.Live())
	}
	if to == Pending {
		s.remake(t)
	}
}

// tell lets those know who read a task that it has come to life, or has ended.
func (s *State) tell(t *Task, lives bool) {
	step := -1
	if lives {
		step = 1
	}
	s.countLive(t, step)
	for _, seq := range s.readersOf(t.Work.Key) {
		r := s.editTask(seq)
		r.WaitsOn += step
		if r.WaitsOn == 0 {
			r.Ready = s.at
		}
		s.putTask(r)
	}
}

// readersOf lists the tasks that read a key, in the order of their submission.
func (d *data) readersOf(k api.Key) []uint64 {
	var out []uint64
	for r := range d.readers.From(read{key: k}) {
		if r.key != k {
			break
		}
		out = append(out, r.reader)
	}
	return out
}

// experimentsOf lists the experiments that list a task, in the order of their
// submission.
func (d *data) experimentsOf(seq uint64) []*Experiment {
	var out []*Experiment
	for at := range d.wishes.From(wished{task: seq}) {
		if at.task != seq {
			break
		}
		e, _ := d.experiments.Get(at.experiment)
		out = append(out, e)
	}
	return out
}

// wanted finds the first experiment that wants a task, and the highest priority of
// all that do; nil if none does.
func (d *data) wanted(seq uint64) (first *Experiment, priority int) {
	for at := range d.wishes.From(wished{task: seq}) {
		if at.task != seq {
			break
		}
		e, _ := d.experiments.Get(at.experiment)
		switch {
		case e.Cancelled:
		case first == nil:
			first, priority = e, e.Priority
		default:
			priority = max(priority, e.Priority)
		}
	}
	return first, priority
}

// waitsOn counts the inputs of a task that are known and live.
func (d *data) waitsOn(t *Task) int {
	n := 0
	for i, k := range t.inputs {
		if in := d.task(k); in != nil && in.Status.Live() && !slices.Contains(t.inputs[:i], k) {
			n++
		}
	}
	return n
}
