package agent

import (
	"slices"
	"time"

	"g2c/api"
)

// maxLeft bounds the generations that are remembered as left. Only what a record
// still lists can be asked for again, so the rest may go.
const maxLeft = 10_000

// Core decides what a worker does. It has no clock and does nothing itself: times,
// which only ever rise, arrive in its methods, and orders and reports are taken
// from it after each. It belongs to one goroutine.
type Core struct {
	slots    int
	runs     map[api.Key]*run
	left     map[api.Key]uint64 // newest generation of a task that was left here
	record   *Record            // nil until the session has told it
	outbox   outbox
	orders   []Order
	lease    lease
	now      time.Duration // as far as it was told
	draining bool
	notice   time.Duration // within which the worker has to be gone; 0 if nobody says
}

// run is a task that really runs. It lives through the generations that its worker is
// part of.
type run struct {
	Assignment        // the newest that it was given
	trains     uint64 // the generation that it is in: it may still use all that it had then
	said       uint64 // the newest generation that was reported as started
	using      int    // slots: the most of the generations from trains on
	ending     ending
	since      time.Duration // when it was told so, or last called stuck
	notice     time.Duration // how long saving may take; 0 for as long as usual
}

// ending is how a run was told to end. A later value overrides an earlier one.
type ending uint8

const (
	running  ending = iota
	saving          // preempted, or the worker drains
	stopping        // not wanted any more, or cut off
)

// OrderKind is what is to be done with a run.
type OrderKind uint8

// The kinds of order.
const (
	Start  OrderKind = 1 + iota
	Save             // its state, and end
	Stop             // at once; saving is allowed if it takes no time
	Change           // go on as another generation, or with other members
)

// Order is something to be done now. Each Start leads to one Ended.
type Order struct {
	Kind OrderKind
	Assignment
}

// Outcome is how a run ended.
type Outcome struct {
	Kind      ReportKind // Done, Failed or Interrupted
	Reason    string     // of Failed
	Permanent bool       // of Failed
}

// NewCore is the core of a worker that runs nothing.
func NewCore(slots int) *Core {
	return &Core{slots: slots, runs: map[api.Key]*run{}, left: map[api.Key]uint64{}}
}

// Orders takes what is to be done, in order.
func (c *Core) Orders() []Order {
	orders := c.orders
	c.orders = nil
	return orders
}

// Reports are those with a number above one, which nobody has answered yet.
func (c *Core) Reports(above uint64) []Report { return c.outbox.above(above) }

// Running lists what runs, by the order of keys.
func (c *Core) Running() []Assignment {
	out := make([]Assignment, 0, len(c.runs))
	for _, r := range c.runs {
		out = append(out, r.Assignment)
	}
	slices.SortFunc(out, func(a, b Assignment) int { return slices.Compare(a.Task[:], b.Task[:]) })
	return out
}

// Told takes a record, which from now on belongs to the core. It is obeyed once
// every report has been answered, since one from before may ask for what has ended.
// One that comes out of its turn is not looked at.
func (c *Core) Told(r Record) {
	if r.Index < c.outbox.index || c.record != nil && r.Index < c.record.Index {
		return
	}
	c.record = &r
	c.obey()
}

// Answered takes the answer to a report.
func (c *Core) Answered(a Answer) {
	c.outbox.answered(a)
	c.obey()
}

// Started hears from a run that it trains as a generation, and so has left those before.
func (c *Core) Started(task api.Key, generation uint64) {
	r := c.runs[task]
	if r == nil || r.Generation != generation || r.ending != running {
		return
	}
	r.trains, r.using = generation, r.Slots
	if r.said < generation {
		r.said = generation
		c.outbox.add(Report{Kind: Started, Task: task, Generation: generation})
	}
}

// Ended hears from a task's run that it is over.
func (c *Core) Ended(task api.Key, o Outcome) {
	r := c.runs[task]
	if r == nil {
		panic("agent: a run ended that was not started")
	}
	delete(c.runs, task)
	c.leave(task, r.Generation)
	report := Report{Kind: o.Kind, Task: task, Generation: r.Generation, Reason: o.Reason, Permanent: o.Permanent}
	switch {
	case o.Kind == Done:
	case r.ending == stopping:
		// Whatever came of it was asked for: its error too.
		report = Report{Kind: Released, Task: task, Generation: r.Generation}
	case o.Kind == Interrupted && r.ending == running:
		report.Kind, report.Reason = Failed, "it stopped, though nobody had asked it to"
	}
	c.outbox.add(report)
	c.obey()
}

// Drain stops taking assignments for ever, and has all that runs save its state and
// end, within a time if it is not 0.
func (c *Core) Drain(now, notice time.Duration) {
	c.now, c.draining, c.notice = now, true, notice
	for _, a := range c.Running() {
		r := c.runs[a.Task]
		r.notice = part(notice, saveAt)
		c.end(r, saving)
	}
	c.obey()
}

// Gone says whether a worker that drains is ready to go: nothing runs, and every
// report was answered.
func (c *Core) Gone() bool { return c.draining && len(c.runs) == 0 && c.outbox.empty() }

// Stranger says whether the coordinator has never heard of this worker.
func (c *Core) Stranger() bool { return c.lease.length == 0 }

func (c *Core) leave(task api.Key, generation uint64) {
	c.left[task] = max(c.left[task], generation)
	if len(c.left) <= maxLeft || c.record == nil {
		return
	}
	for k := range c.left {
		if !slices.ContainsFunc(c.record.Assignments, func(a Assignment) bool { return a.Task == k }) {
			delete(c.left, k)
		}
	}
}

// end tells a run to end, unless it was told as much before.
func (c *Core) end(r *run, how ending) {
	if r.ending >= how {
		return
	}
	was := r.ending
	r.ending = how
	switch {
	case how == stopping:
		r.since = c.now
		c.orders = append(c.orders, Order{Stop, r.Assignment})
	case was == running:
		r.since = c.now
		c.orders = append(c.orders, Order{Save, r.Assignment})
	}
}

// obey makes what runs what the record says, as far as that can be done now.
func (c *Core) obey() {
	if c.record == nil || c.lease.cut || !c.outbox.empty() {
		return
	}
	for _, a := range c.Running() {
		if r := c.runs[a.Task]; !c.wants(r) {
			c.end(r, stopping)
		}
	}
	// What was released is not looked at again: one report will do.
	c.record.Assignments = slices.DeleteFunc(c.record.Assignments, func(a Assignment) bool {
		return a.Terminating && c.release(a)
	})
	for _, a := range c.record.Assignments {
		if !a.Terminating {
			c.take(a)
		}
	}
}

// wants says whether the record still asks for a run, as the generation that it knows or
// as a later one.
func (c *Core) wants(r *run) bool {
	return slices.ContainsFunc(c.record.Assignments, func(a Assignment) bool {
		return a.Task == r.Task && a.Generation >= r.Generation && !a.Terminating
	})
}

// release reports that a generation has been left, if it has.
func (c *Core) release(a Assignment) bool {
	if r := c.runs[a.Task]; r != nil && r.trains <= a.Generation {
		return false
	}
	c.leave(a.Task, a.Generation)
	c.outbox.add(Report{Kind: Released, Task: a.Task, Generation: a.Generation})
	return true
}

// take does what an assignment asks for.
func (c *Core) take(a Assignment) {
	r := c.runs[a.Task]
	switch {
	case r != nil && r.Generation <= a.Generation:
		c.change(r, a)
	case r != nil || a.Generation <= c.left[a.Task]:
	case c.draining: // deregistering gives it back
	case a.Preempting: // it has not begun, so there is nothing to save
		c.leave(a.Task, a.Generation)
		c.outbox.add(Report{Kind: Interrupted, Task: a.Task, Generation: a.Generation})
	case c.used()+a.Slots <= c.slots:
		c.runs[a.Task] = &run{Assignment: a, trains: a.Generation, using: a.Slots}
		c.orders = append(c.orders, Order{Start, a})
	}
}

// change tells a run what has become of its gang. It keeps what it has until it trains as
// the new generation; one that needs more than is free yet is told later.
func (c *Core) change(r *run, a Assignment) {
	switch more := max(a.Slots-r.using, 0); {
	case r.ending == stopping:
		return // what it is part of then it begins anew
	case r.ending == saving:
		r.Assignment = a // what it reports is of this one
		return
	case r.Generation < a.Generation && c.used()+more > c.slots:
		return
	case r.Generation < a.Generation || !slices.Equal(r.Gang, a.Gang):
		r.Assignment, r.using = a, max(r.using, a.Slots)
		c.orders = append(c.orders, Order{Change, a})
	}
	if a.Preempting {
		r.notice = a.Within
		c.end(r, saving)
	}
}

func (c *Core) used() int {
	n := 0
	for _, r := range c.runs {
		n += r.using
	}
	return n
}
