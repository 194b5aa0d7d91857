package agent

import (
	"math"
	"time"
)

// lease is how long the leader waits for a worker's word before it gives its tasks
// to others.
type lease struct {
	length time.Duration // 0 before the first session
	heard  time.Duration // when the leader last answered
	cut    bool          // it ran out: what runs is orphaned
	since  time.Duration // when it did
	seek   time.Duration // after how long without an answer another coordinator is looked for
}

// A worker that is not answered looks for another coordinator at seekAt parts of its
// lease. If none answers, what runs is orphaned at cutAt parts: it goes on, since its state
// is worth more than the slots of a worker that nobody reaches, and what it ends with is
// what another run of the task would; but nothing begins. A run that is orphaned for
// orphaned saves its state and ends: somebody else has long begun with it.
const (
	seekAt   = 0.35
	cutAt    = 0.5
	orphaned = 10 * time.Minute
)

func part(d time.Duration, of float64) time.Duration { return time.Duration(float64(d) * of) }

// Welcome begins a session: reports that nobody answered are to be sent again, and
// the record is not known until the coordinator sends it.
func (c *Core) Welcome(sent, length, heartbeat time.Duration) {
	// Between a heartbeat and the answer to the next all is well.
	seek := min(max(part(length, seekAt), heartbeat*7/4), part(length, cutAt)*9/10)
	c.lease = lease{length: length, heard: sent, seek: seek}
	c.record, c.outbox.index = nil, 0
}

// Cut says whether the lease ran out: only another session begins a new one.
func (c *Core) Cut() bool { return c.lease.cut }

// Silent says whether a session is not worth keeping, for nobody answers in it.
func (c *Core) Silent() bool {
	return c.lease.cut || c.now >= c.lease.heard+c.lease.seek
}

// Heard takes the leader's answer to what was sent at a time.
func (c *Core) Heard(sent time.Duration) { c.lease.heard = max(c.lease.heard, sent) }

// A run that was told to save its state and end is told to stop when it has not
// done so for slow, and is stuck when it has not for another hung, and again after each
// hung: its slots are of no use to anybody until it has ended.
const (
	slow = 2 * time.Minute
	hung = 5 * time.Minute
)

// Of the time in which a worker has to be gone, the parts after which what saves is told to
// stop, and what stops is ended by force: the rest is for the word to the coordinator, so that
// nobody has to wait for the end of a lease.
const (
	saveAt = 0.6
	stopAt = 0.25
)

// patience is how long a run may take to do what it was told.
func (c *Core) patience(r *run) time.Duration {
	switch {
	case r.ending == stopping && c.notice > 0:
		return min(hung, part(c.notice, stopAt))
	case r.ending == stopping:
		return hung
	case r.notice > 0:
		return min(slow, r.notice)
	}
	return slow
}

// Deadline is when Tick has something to do; false while nothing runs that would
// have to stop.
func (c *Core) Deadline() (time.Duration, bool) {
	if c.lease.length == 0 || len(c.runs) == 0 {
		return 0, false
	}
	at := c.lease.heard + part(c.lease.length, cutAt)
	if c.lease.cut {
		at = c.lease.since + orphaned
		if c.now >= at {
			at = math.MaxInt64 // what was told to stop has its own time
		}
	}
	for _, r := range c.runs {
		if r.ending != running {
			at = min(at, r.since+c.patience(r))
		}
	}
	return at, true
}

// Tick lets a time pass. It names a task that still runs long after it was told to stop,
// or after it was named before: only force ends it.
func (c *Core) Tick(now time.Duration) (stuck *Assignment) {
	c.now = now
	if c.lease.length == 0 {
		return nil
	}
	if now >= c.lease.heard+part(c.lease.length, cutAt) && !c.lease.cut {
		c.lease.cut, c.lease.since = true, now
	}
	over := c.lease.cut && now >= c.lease.since+orphaned
	for _, a := range c.Running() {
		r := c.runs[a.Task]
		late := r.ending != running && now-r.since >= c.patience(r)
		switch {
		case late && r.ending == stopping:
			r.since = now
			return &r.Assignment
		case late, over:
			c.end(r, stopping)
		}
	}
	return nil
}
