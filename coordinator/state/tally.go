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

// standing says that a task has a status.
type standing struct {
	rank uint8 // of the status
	task uint64
}

func (s standing) compare(o standing) int {
	return cmp.Or(cmp.Compare(s.rank, o.rank), cmp.Compare(s.task, o.task))
}

func newStandings() *cow.Map[standing, struct{}] {
	return cow.New[standing, struct{}](standing.compare)
}

// rankOf is a status as a small number, from 1 on; 0 for none.
func rankOf(s Status) uint8 {
	switch s {
	case Pending:
		return 1
	case Placed:
		return 2
	case Running:
		return 3
	case Done:
		return 4
	case Failed:
		return 5
	case Cancelled:
		return 6
	}
	return 0
}

// tally counts a task that stood somewhere, or nowhere, where it stands now. What an
// experiment that is being submitted wants is counted at the end.
func (s *State) tally(task uint64, was, now Status) {
	if was == now {
		return
	}
	if r := rankOf(was); r != 0 {
		s.byStatus.Delete(standing{r, task})
	}
	if r := rankOf(now); r != 0 {
		s.byStatus.Set(standing{r, task}, struct{}{})
	}
	s.counts.move(was, now)
	for at := range s.wishes.From(wished{task: task}) {
		if at.task != task {
			break
		}
		if at.experiment == s.counting {
			continue
		}
		if c, ok := s.standings.Get(at.experiment); ok {
			c.move(was, now)
			s.standings.Set(at.experiment, c)
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

// TasksIn lists the tasks of a status in the order they were submitted, from a number on.
func (d *data) TasksIn(status Status, from uint64) iter.Seq[*Task] {
	return func(yield func(*Task) bool) {
		rank := rankOf(status)
		for k := range d.byStatus.From(standing{rank, from}) {
			if k.rank != rank {
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
		if !d.byStatus.Has(standing{rankOf(t.Status), t.Seq}) {
			return fmt.Errorf("%s is %s, and not in the list of those", t.Work.Name(), t.Status)
		}
	}
	if all != d.counts || d.byStatus.Len() != d.tasks.Len() {
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
