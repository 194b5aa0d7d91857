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
	for _, check := range []func() error{d.checkTasks, d.checkGangs, d.checkAllocations, d.checkExperiments, d.checkTally, d.checkFigures, d.checkRequests, d.checkSums} {
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
	case t.Completions > 1+t.Missed || t.Completions == 1+t.Missed && t.Status != Done:
		return fmt.Errorf("%s was completed %d times, its result was missing %d times, and it is %s", t.Work.Name(), t.Completions, t.Missed, t.Status)
	case t.Gone && (t.Status != Done || t.Missed == 0):
		return fmt.Errorf("%s is %s, and its result is missing", t.Work.Name(), t.Status)
	case len(d.experimentsOf(t.Seq)) == 0:
		return fmt.Errorf("no experiment lists %s", t.Work.Name())
	}
	first, priority := d.wanted(t.Seq)
	if first == nil && t.Status.Live() {
		return fmt.Errorf("nobody wants %s, which is %s", t.Work.Name(), t.Status)
	}
	if placed && d.apart() {
		return d.checkCharge(t)
	}
	if t.Charged != 0 || first != nil && (t.Project != first.Project || t.Priority != priority) {
		return fmt.Errorf("%s is charged to %s at %d", t.Work.Name(), t.Project, t.Priority)
	}
	return nil
}

// checkCharge holds a gang to be paid for by somebody who wants it, or did and has it
// stopped.
func (d *data) checkCharge(t *Task) error {
	e, _ := d.experiments.Get(t.Charged)
	switch {
	case e == nil || !d.wishes.Has(wished{t.Seq, t.Charged}):
		return fmt.Errorf("%s is charged to experiment %d, which does not list it", t.Work.Name(), t.Charged)
	case t.Project != e.Project || t.Priority != e.Priority:
		return fmt.Errorf("%s is charged to %s at %d, not to %s at %d", t.Work.Name(), t.Project, t.Priority, e.Project, e.Priority)
	case !e.active() && !t.Preempting:
		return fmt.Errorf("%s runs for %s, which is cancelled or held", t.Work.Name(), e.ID)
	}
	return nil
}

func (d *data) checkGangs() error {
	usage := map[string]int{}
	for _, t := range d.tasks.All() {
		if err := d.checkGang(t); err != nil {
			return err
		}
		if len(t.Parts) > 0 && !d.apart() {
			usage[t.Project] += t.Slots()
		}
	}
	for _, w := range d.workers.All() {
		for _, a := range w.Allocations {
			if d.apart() {
				usage[a.Project] += a.Slots
			}
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
	wish, _ := d.Wish(t)
	g := wish.Gang
	if d.apart() && t.Preempting { // members may have left before the trainer
		g.Min = 1
	}
	if slots := t.Slots(); slots < g.Min || slots > g.Max || !sortedParts(t.Parts) {
		return fmt.Errorf("%s runs on %v, want %d to %d slots", t.Work.Name(), t.Parts, g.Min, g.Max)
	}
	for _, p := range t.Parts {
		w, ok := d.workers.Get(p.Worker)
		if !ok || w.Lost || !w.Meets(t, wish.Need) || !w.holds(t, p) {
			return fmt.Errorf("%s runs on %s, which does not hold it", t.Work.Name(), p.Worker)
		}
	}
	return nil
}

func (w *Worker) holds(t *Task, p command.Part) bool {
	for _, h := range w.Allocations {
		want := Allocation{Task: t.Seq, Generation: t.Generation, Slots: p.Slots, Experiment: t.Charged}
		if t.Charged != 0 {
			want.Project = t.Project
		}
		if h == want {
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
		if e := d.ExperimentAt(h.Experiment); (e != nil) != d.apart() || e != nil && (e.Project != h.Project || !d.wishes.Has(wished{h.Task, e.Seq})) {
			return fmt.Errorf("worker %s holds %+v for nobody", w.ID, h)
		}
	}
	return nil
}

func (d *data) checkExperiments() error {
	listed := 0
	for seq, e := range d.experiments.All() {
		if seq > d.lastExperiment || d.experiment(e.ID) != e {
			return fmt.Errorf("experiment %d is not under its id", seq)
		}
		for _, task := range e.Tasks {
			w, ok := d.wishes.Get(wished{task, seq})
			if d.TaskAt(task) == nil || !ok || (w != nil) != d.apart() {
				return fmt.Errorf("experiment %s lists task %d, which is not there", e.ID, task)
			}
			if w != nil && (w.Task != task || w.Experiment != seq || w.Project != e.Project || w.Priority != e.Priority || w.Gang.Min < 1 || w.Gang.Max < w.Gang.Min) {
				return fmt.Errorf("experiment %s wishes %+v", e.ID, w)
			}
		}
		if e.apart != d.apart() || d.apart() && !d.projects.Has(e.Project) {
			return fmt.Errorf("experiment %s is of project %s, which is not there, or of another level", e.ID, e.Project)
		}
		listed += len(e.Tasks)
	}
	if listed != d.wishes.Len() {
		return fmt.Errorf("%d wishes, counted %d", d.wishes.Len(), listed)
	}
	if d.apart() && !d.projects.Has(DefaultProject) {
		return fmt.Errorf("project %s is not there", DefaultProject)
	}
	return nil
}

// checkFigures counts anew what projects and principals have.
func (d *data) checkFigures() error {
	fresh := newData()
	for _, e := range d.experiments.All() {
		if n := d.bytesOf(e); n != e.bytes {
			return fmt.Errorf("experiment %s takes %d bytes, counted %d", e.ID, n, e.bytes)
		}
		fresh.count(e, d.figuresOf(e))
	}
	for h, f := range fresh.figures.All() {
		if got, _ := d.figures.Get(h); got != f {
			return fmt.Errorf("%+v has %+v, counted %+v", h, f, got)
		}
	}
	if d.figures.Len() != fresh.figures.Len() || d.all != fresh.all {
		return fmt.Errorf("%d have something, counted %d; in all %+v, counted %+v", fresh.figures.Len(), d.figures.Len(), fresh.all, d.all)
	}
	return nil
}

// checkRequests holds the tables of requests to their bounds.
func (d *data) checkRequests() error {
	each := map[string]int{}
	for id, q := range d.requests.All() {
		dated, _ := d.recent.Get(q.Index)
		called, _ := d.callers.Get(call{q.caller(), q.Index})
		if id != q.ID || dated != id || called != id {
			return fmt.Errorf("request %q is not under its index %d", id, q.Index)
		}
		each[q.caller()]++
	}
	for name, n := range each {
		if d.requestsOf(name) != n || !d.crowd.Has(caller{n, name}) || d.apart() && n > MaxRequestsEach {
			return fmt.Errorf("%d requests of %q, counted %d", n, name, d.requestsOf(name))
		}
	}
	if n := d.requests.Len(); n != d.recent.Len() || n != d.callers.Len() || len(each) != d.kept.Len() || len(each) != d.crowd.Len() || n > MaxRequests || d.audits.Len() > MaxAudit {
		return fmt.Errorf("%d requests, %d of them dated, of %d principals, %d audits", n, d.recent.Len(), len(each), d.audits.Len())
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
	addAll(&fresh, d.users)
	addAll(&fresh, d.revoked)
	if d.apart() {
		addAll(&fresh, d.wishes)
	}
	if fresh != d.sum {
		return fmt.Errorf("the sum of the records' hashes is not what was kept")
	}
	return nil
}
