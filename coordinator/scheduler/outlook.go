package scheduler

import (
	"cmp"
	"math"
	"slices"

	"g2c/coordinator/state"
)

// never is when slots come back that hang.
const never = math.MaxInt64

// release is slots that are expected back at a time.
type release struct {
	at    int64
	slots int
	sure  bool // it is told, not guessed
}

// outlook is what is free of some workers, and when the rest is expected to be.
type outlook struct {
	since int64 // who was placed from then on is beside a reservation and not counted on; 0 for all are
	free  int
	soon  int // of those below, being released already, or of tasks that end by themselves
	stuck int // a worker was told to release them, and has not for longer than the grace
	later []release
}

// blank is an outlook of no workers. It may be used until the next one is made: a
// pass looks at thousands, one after the other.
func (p *pass) blank(since int64) outlook {
	return outlook{since: since, later: p.scratch[:0]}
}

// outlookOf adds one open worker to an outlook.
func (p *pass) outlookOf(w *worker, o outlook) outlook {
	o.free += w.free + w.held
	for _, h := range w.record.Allocations {
		switch t := p.tasks.at(h.Task); {
		case h.Terminating && over(p.policy.GraceMS, h.Since, p.now):
			o.stuck += h.Slots
		case h.Terminating:
			o.soon += h.Slots
			o.later = append(o.later, release{p.within(p.policy.GraceMS, h.Since), h.Slots, true})
		case t.task.Preempting || p.left[h.Task]:
			o.soon += h.Slots
			o.later = append(o.later, release{p.within(2*p.policy.GraceMS, t.task.Stopping), h.Slots, true})
		default:
			end, sure := p.end(t.task, o.since)
			if sure && end-p.now <= p.policy.GraceMS {
				o.soon += h.Slots
			}
			o.later = append(o.later, release{end, h.Slots, sure})
		}
	}
	p.scratch = o.later
	return o
}

// within is the end of a wait that began at a time, or begins now if that time
// does not count.
func (p *pass) within(limit, since int64) int64 {
	limit = max(limit, 0)
	if since == 0 || over(limit, since, p.now) {
		return p.now + limit
	}
	return since + limit
}

// end is when a running task is expected to end: by the hints, else it is taken to
// run as long again as it has run, as is the best guess if nothing is known. Who
// was placed beside a reservation must not be what it waits for.
func (p *pass) end(t *state.Task, since int64) (at int64, sure bool) {
	if p.hints != nil {
		if ms, ok := p.hints.Remaining(t); ok {
			return p.now + max(ms, 0), true
		}
	}
	if since > 0 && t.PlacedAt >= since {
		return never, false
	}
	return p.now + max(p.now-t.PlacedAt, 0), false
}

// ending says whether a running task ends sooner than it could save and stop, as its
// worker says: to ask it to would only cost it its place.
func (p *pass) ending(t *state.Task) bool {
	if p.hints == nil {
		return false
	}
	ms, ok := p.hints.Remaining(t)
	return ok && ms <= p.policy.GraceMS
}

// start is when so many slots are expected to be free, and how many more there will
// surely be then.
func (o outlook) start(now int64, need int) (at int64, spare int) {
	if o.free >= need {
		return now, o.free - need
	}
	slices.SortFunc(o.later, func(a, b release) int { return cmp.Compare(a.at, b.at) })
	slots, sure := o.free, o.free
	for _, r := range o.later {
		if slots >= need && r.at > at || r.at == never {
			break
		}
		at = r.at
		slots += r.slots
		if r.sure {
			sure += r.slots
		}
	}
	if slots < need {
		return never, 0
	}
	return at, max(sure-need, 0)
}
