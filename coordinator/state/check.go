package state

import (
	"errors"
	"fmt"

	"g2c/coordinator/command"
)

// Check recomputes from the records what is kept up to date, and holds the state
// to its invariants. It returns the first that is broken. It is for tests, the
// simulation, and what is read from disk.
func (d *data) Check() error {
	for _, check := range []func() error{d.checkTasks, d.checkGangs, d.checkAllocations, d.checkExperiments, d.checkSums} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// CheckSince holds the tasks and workers that changed after an index to their own
// invariants: what Check does, at a price that does not grow with the state.
func (d *data) CheckSince(index uint64) error {
	changes, ok := d.ChangesSince(index)
	if !ok {
		return d.Check()
	}
	for _, c := range changes {
		var err error
		if t := d.TaskAt(c.Seq); c.Kind == TaskChanged && t != nil {
			err = errors.Join(d.checkTask(t), d.checkGang(t))
		}
		if w := d.Worker(c.Name); c.Kind == WorkerChanged && w != nil {
			err = d.checkWorker(w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *data) checkTasks() error {
	for seq, t := range d.tasks.All() {
		if seq != t.Seq {
			return fmt.Errorf("task %d is under %d", t.Seq, seq)
		}
		if err := d.checkTask(t); err != nil {
			return err
		}
	}
	return nil
}

func (d *data) checkTask(t *Task) error {
	placed := t.Status == Placed || t.Status == Running
	switch {
	case t.Seq == 0 || t.Seq > d.lastTask || d.task(t.Work.Key) != t:
		return fmt.Errorf("task %d is not under its key", t.Seq)
	case t.Status != Done && t.Status != Failed && t.Status != Cancelled && !t.Status.Live():
		return fmt.Errorf("%s is %q", t.Work.Name(), t.Status)
	case placed != (len(t.Parts) > 0):
		return fmt.Errorf("%s is %s on %d workers", t.Work.Name(), t.Status, len(t.Parts))
	case t.WaitsOn != d.waitsOn(t):
		return fmt.Errorf("%s waits on %d inputs, counted %d", t.Work.Name(), t.WaitsOn, d.waitsOn(t))
	case t.Completions > 1 || t.Completions == 1 && t.Status != Done:
		return fmt.Errorf("%s was completed %d times and is %s", t.Work.Name(), t.Completions, t.Status)
	case len(d.experimentsOf(t.Seq)) == 0:
		return fmt.Errorf("no experiment lists %s", t.Work.Name())
	}
	first, priority := d.wanted(t.Seq)
	if first == nil && t.Status.Live() {
		return fmt.Errorf("nobody wants %s, which is %s", t.Work.Name(), t.Status)
	}
	if first != nil && (t.Project != first.Project || t.Priority != priority) {
		return fmt.Errorf("%s is charged to %s at %d", t.Work.Name(), t.Project, t.Priority)
	}
	return nil
}

func (d *data) checkGangs() error {
	usage := map[string]int{}
	for _, t := range d.tasks.All() {
		if err := d.checkGang(t); err != nil {
			return err
		}
		if len(t.Parts) > 0 {
			usage[t.Project] += t.Slots()
		}
	}
	for project, slots := range usage {
		if d.Usage(project) != slots {
			return fmt.Errorf("project %s uses %d slots, counted %d", project, d.Usage(project), slots)
		}
	}
	if len(usage) != d.usage.Len() {
		return fmt.Errorf("%d projects use slots, counted %d", d.usage.Len(), len(usage))
	}
	return nil
}

// checkGang holds a gang to be whole, each part held by its worker.
func (d *data) checkGang(t *Task) error {
	if len(t.Parts) == 0 {
		return nil
	}
	if slots, g := t.Slots(), t.Gang(); slots < g.Min || slots > g.Max || !sortedParts(t.Parts) {
		return fmt.Errorf("%s runs on %v, want %d to %d slots", t.Work.Name(), t.Parts, g.Min, g.Max)
	}
	for _, p := range t.Parts {
		w, ok := d.workers.Get(p.Worker)
		if !ok || w.Lost || !w.Fits(t) || !w.holds(t, p) {
			return fmt.Errorf("%s runs on %s, which does not hold it", t.Work.Name(), p.Worker)
		}
	}
	return nil
}

func (w *Worker) holds(t *Task, p command.Part) bool {
	for _, h := range w.Allocations {
		if h == (Allocation{Task: t.Seq, Generation: t.Generation, Slots: p.Slots}) {
			return true
		}
	}
	return false
}

func (d *data) checkAllocations() error {
	for id, w := range d.workers.All() {
		if id != w.ID {
			return fmt.Errorf("worker %s is under %s", w.ID, id)
		}
		if err := d.checkWorker(w); err != nil {
			return err
		}
	}
	return nil
}

// checkWorker holds every slot to be given once.
func (d *data) checkWorker(w *Worker) error {
	if w.Free() < 0 || w.Slots < 1 || w.Lost && len(w.Allocations) > 0 {
		return fmt.Errorf("worker %s has %d of %d slots free, %d holds", w.ID, w.Free(), w.Slots, len(w.Allocations))
	}
	for _, h := range w.Allocations {
		t := d.TaskAt(h.Task)
		if t == nil || h.Slots < 1 || h.Slots > w.Slots || h.Generation > t.Generation {
			return fmt.Errorf("worker %s holds %+v of no task", w.ID, h)
		}
		if !h.Terminating && (h.Generation != t.Generation || t.slotsOn(w.ID) != h.Slots) {
			return fmt.Errorf("worker %s holds %+v, %s runs on %v", w.ID, h, t.Work.Name(), t.Parts)
		}
	}
	return nil
}

func (d *data) checkExperiments() error {
	listings := 0
	for seq, e := range d.experiments.All() {
		if seq > d.lastExperiment || d.experiment(e.ID) != e {
			return fmt.Errorf("experiment %d is not under its id", seq)
		}
		for _, task := range e.Tasks {
			if d.TaskAt(task) == nil || !d.lists.Has(listing{task, seq}) {
				return fmt.Errorf("experiment %s lists task %d, which is not there", e.ID, task)
			}
		}
		listings += len(e.Tasks)
	}
	if listings != d.lists.Len() {
		return fmt.Errorf("%d listings, counted %d", d.lists.Len(), listings)
	}
	if d.requests.Len() != d.recent.Len() || d.requests.Len() > MaxRequests || d.audits.Len() > MaxAudit {
		return fmt.Errorf("%d requests, %d of them dated, %d audits", d.requests.Len(), d.recent.Len(), d.audits.Len())
	}
	return nil
}

// checkSums recomputes the hash.
func (d *data) checkSums() error {
	var fresh sum
	addAll(&fresh, d.tasks)
	addAll(&fresh, d.experiments)
	addAll(&fresh, d.workers)
	addAll(&fresh, d.projects)
	addAll(&fresh, d.requests)
	addAll(&fresh, d.tokens)
	addAll(&fresh, d.audits)
	if fresh != d.sum {
		return fmt.Errorf("the sum of the records' hashes is not what was kept")
	}
	return nil
}
