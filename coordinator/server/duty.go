package server

import (
	"slices"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/state"
)

// duty is what a session has told its worker to do, and so what there is to tell. It
// knows nothing of streams. The zero duty has told nothing.
type duty struct {
	grace  int64 // milliseconds in which a task has to save and stop; negative for any time
	told   []*apiv1.Assignment
	astray bool // the state had another process in the worker's place: what was told is not so
}

// next is what the worker's process is to be told of a state: all its assignments if
// they changed, or always; nil if there is nothing to tell. Works, the large part, come
// once for as long as their tasks stay on the list. It names the tasks to be done.
func (d *duty) next(snapshot *state.Snapshot, worker string, incarnation uint64, now int64, always bool) (m *apiv1.Assignments, tasks []api.Key) {
	w := snapshot.Worker(worker)
	if w == nil || w.Lost || w.Incarnation != incarnation {
		d.told, d.astray = nil, true
		return nil, nil // its next heartbeat joins it again
	}
	list := make([]*apiv1.Assignment, len(w.Allocations))
	for i, a := range w.Allocations {
		list[i] = d.assignment(snapshot, a, now)
	}
	if !always && !d.astray && slices.EqualFunc(list, d.told, sameAssignment) {
		return nil, nil
	}
	worked := map[string]bool{} // tasks whose work was told with the last list
	for _, a := range d.told {
		worked[a.Task] = !a.Terminating
	}
	d.told, d.astray = list, false
	m = &apiv1.Assignments{Index: snapshot.Index(), Assignments: slices.Clone(list)}
	for i, a := range w.Allocations {
		if a.Terminating {
			continue
		}
		t := snapshot.TaskAt(a.Task)
		tasks = append(tasks, t.Work.Key)
		if !worked[list[i].Task] {
			m.Assignments[i] = withWork(list[i], snapshot, t)
		}
	}
	return m, tasks
}

// withWork adds a task's work, which does not come with every list, as whoever it runs
// for wants it run.
func withWork(a *apiv1.Assignment, snapshot *state.Snapshot, t *state.Task) *apiv1.Assignment {
	wish, _ := snapshot.Wish(t)
	work := snapshot.WorkFor(t, wish)
	return &apiv1.Assignment{
		Task: a.Task, Generation: a.Generation, Slots: a.Slots, Preempting: a.Preempting, Gang: a.Gang, Work: work.Encode(), SaveWithinMs: a.SaveWithinMs,
	}
}

func (d *duty) assignment(snapshot *state.Snapshot, h state.Allocation, now int64) *apiv1.Assignment {
	t := snapshot.TaskAt(h.Task)
	a := &apiv1.Assignment{
		Task: t.Work.Key.String(), Generation: h.Generation, Slots: uint32(h.Slots), Terminating: h.Terminating, Preempting: t.Preempting && !h.Terminating,
	}
	if h.Terminating {
		return a
	}
	if a.Preempting && d.grace >= 0 {
		a.SaveWithinMs = uint32(min(max(t.Stopping+d.grace-now, 1), d.grace)) // a clock may have been ahead
	}
	for _, p := range t.Parts {
		m := &apiv1.GangMember{Worker: p.Worker, Slots: uint32(p.Slots)}
		if w := snapshot.Worker(p.Worker); w != nil {
			m.Host, m.Address = w.Host, w.Address
		}
		a.Gang = append(a.Gang, m)
	}
	return a
}

// sameAssignment leaves out the time that is left, which nobody has to be told again.
func sameAssignment(a, b *apiv1.Assignment) bool {
	return a.Task == b.Task && a.Generation == b.Generation && a.Slots == b.Slots && a.Terminating == b.Terminating && a.Preempting == b.Preempting &&
		slices.EqualFunc(a.Gang, b.Gang, func(x, y *apiv1.GangMember) bool {
			return x.Worker == y.Worker && x.Slots == y.Slots && x.Host == y.Host && x.Address == y.Address
		})
}
