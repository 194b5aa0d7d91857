package state

import (
	"cmp"
	"fmt"
	"iter"

	"g2c/coordinator/cow"
)

// TaskCounts is how many tasks stand where.
type TaskCounts struct{ Pending, Placed, Running, Done, Failed, Cancelled int }

// Live is how many have not ended.
func (c TaskCounts) Live() int { return c.Pending + c.Placed + c.Running }

// of is the count of a status; nil for none.
func (c *TaskCounts) of(s Status) *int {
	switch s {
	case Pending:
		return &c.Pending
	case Placed:
		return &c.Placed
	case Running:
		return &c.Running
	case Done:
		return &c.Done
	case Failed:
		return &c.Failed
	case Cancelled:
		return &c.Cancelled
	}
	return nil
}

// move counts a task that stood somewhere, or nowhere, elsewhere.
func (c *TaskCounts) move(from, to Status) {
	if n := c.of(from); n != nil {
		*n--
	}
	if n := c.of(to); n != nil {
		*n++
	}
}

// tallied is how a task was last counted. It comes along when its record is copied.
type tallied struct {
	status  Status
	project string
}

// standing says that a task has a status, in its project's list of those and in that of
// all, whose project is empty.
type standing struct {
	project string
	status  Status
	task    uint64
}

func (s standing) compare(o standing) int {
	return cmp.Or(cmp.Compare(s.project, o.project), cmp.Compare(s.status, o.status), cmp.Compare(s.task, o.task))
}

func newStandings() *cow.Map[standing, struct{}] {
	return cow.New[standing, struct{}](standing.compare)
}

// tally counts a task where it stands now, unless it was counted there. What an experiment
// that is being submitted wants is counted at the end.
func (s *State) tally(t *Task, now tallied) {
	was := t.tallied
	if was == now {
		return
	}
	t.tallied = now
	s.enter(was, t.Seq, false)
	s.enter(now, t.Seq, true)
	if was.status == now.status {
		return
	}
	s.counts.move(was.status, now.status)
	for at := range s.wishes.From(wished{task: t.Seq}) {
		if at.task != t.Seq {
			break
		}
		if at.experiment == s.counting {
			continue
		}
		if c, ok := s.standings.Get(at.experiment); ok {
			c.move(was.status, now.status)
			s.standings.Set(at.experiment, c)
		}
	}
}

// enter puts a task into the lists of its project, or takes it out.
func (d *data) enter(at tallied, task uint64, in bool) {
	if at.status == "" {
		return
	}
	for _, k := range [...]standing{{"", at.status, task}, {at.project, at.status, task}} {
		if in {
			d.byStatus.Set(k, struct{}{})
		} else {
			d.byStatus.Delete(k)
		}
	}
}

// countsOf counts an experiment's tasks anew.
func (d *data) countsOf(e *Experiment) (c TaskCounts) {
	for _, seq := range e.Tasks {
		if t, ok := d.tasks.Get(seq); ok { // Check refuses one that is not there
			c.move("", t.Status)
		}
	}
	return c
}

// Counts is how many tasks stand where.
func (d *data) Counts() TaskCounts { return d.counts }

// CountsOf is how many of an experiment's tasks stand where.
func (d *data) CountsOf(e *Experiment) TaskCounts {
	c, _ := d.standings.Get(e.Seq)
	return c
}

// Count is the number of tasks of a status.
func (d *data) Count(status Status) int {
	c := d.counts
	if n := c.of(status); n != nil {
		return *n
	}
	return 0
}

// TasksIn lists the tasks of a status that are charged to a project, or all of that
// status if it is empty, in the order they were submitted, from a number on.
func (d *data) TasksIn(project string, status Status, from uint64) iter.Seq[*Task] {
	return func(yield func(*Task) bool) {
		for k := range d.byStatus.From(standing{project, status, from}) {
			if k.project != project || k.status != status {
				return
			}
			if t, _ := d.tasks.Get(k.task); !yield(t) {
				return
			}
		}
	}
}

// checkTally counts anew.
func (d *data) checkTally() error {
	var all TaskCounts
	for _, t := range d.tasks.All() {
		all.move("", t.Status)
		for _, project := range [...]string{"", t.Project} {
			if !d.byStatus.Has(standing{project, t.Status, t.Seq}) {
				return fmt.Errorf("%s is %s in project %s, and not in the list of those", t.Work.Name(), t.Status, t.Project)
			}
		}
	}
	if all != d.counts || d.byStatus.Len() != 2*d.tasks.Len() {
		return fmt.Errorf("tasks are %+v, counted %+v with %d in lists", all, d.counts, d.byStatus.Len())
	}
	for _, e := range d.experiments.All() {
		if c := d.countsOf(e); c != d.CountsOf(e) {
			return fmt.Errorf("tasks of %s are %+v, counted %+v", e.ID, c, d.CountsOf(e))
		}
	}
	if d.standings.Len() != d.experiments.Len() {
		return fmt.Errorf("%d experiments, %d of them counted", d.experiments.Len(), d.standings.Len())
	}
	return nil
}
