package scheduler

import (
	"cmp"
	"slices"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// evict ends the grace of those that were asked to stop and have not.
func (p *pass) evict() {
	for seq, t := range p.stopping.All() {
		if over(p.policy.GraceMS, t.Stopping, p.now) {
			p.touched[seq] = true
			p.plan.Commands = append(p.plan.Commands, command.Evict{
				Task: t.Work.Key, Generation: t.Generation, Reason: "it was asked to save its state and did not",
			})
		}
	}
}

// empty takes tasks off workers that are being drained: a gang that is large
// enough without them goes on, another saves and stops.
func (p *pass) empty() {
	for id, w := range p.special.All() {
		if !w.record.Emptying(p.now) {
			continue
		}
		for _, h := range w.record.Allocations {
			t := p.s.TaskAt(h.Task)
			if h.Terminating || t.Preempting || p.touched[t.Seq] {
				continue
			}
			p.touched[t.Seq] = true
			rest := slices.DeleteFunc(slices.Clone(t.Parts), func(v command.Part) bool {
				return p.workers[v.Worker].record.Emptying(p.now)
			})
			if slots(rest) >= t.Gang().Min {
				p.plan.Commands = append(p.plan.Commands, command.Resize{Task: t.Work.Key, Generation: t.Generation + 1, Parts: rest, Experiment: t.Charged})
				continue
			}
			p.plan.Commands = append(p.plan.Commands, command.Preempt{
				Task: t.Work.Key, Generation: t.Generation, Reason: "worker " + id + " is being emptied",
			})
		}
	}
}

func slots(parts []command.Part) int {
	n := 0
	for _, p := range parts {
		n += p.Slots
	}
	return n
}

// victim is a running task that may have to give.
type victim struct {
	task  *state.Task
	here  int  // its slots where they are wanted
	whole bool // it may be stopped, not only shrunk
	gives int
}

// help asks running tasks to make way for the first task of a queue, if that gets
// it all it needs, and returns how many it asks. Slots that are coming anyway
// count. First gangs give what they have above their least, then whole tasks stop:
// the least urgent, and of these the youngest, which lose least.
func (p *pass) help(t *turn, l *line, v verdict) int {
	need := v.need - v.free - v.coming
	if need <= 0 {
		return 0
	}
	avoid := p.avoided(l.pool)
	victims := p.victims(t, l, avoid)
	for i := range victims {
		c := &victims[i]
		c.gives = max(min(c.task.Slots()-c.task.Gang().Min, c.here, need), 0)
		need -= c.gives
	}
	for i := range victims {
		if c := &victims[i]; need > 0 && c.whole && c.gives < c.here {
			need -= c.here - c.gives
			c.gives = c.here
		}
	}
	if need > 0 {
		return 0
	}
	asked := 0
	for _, c := range victims {
		if c.gives > 0 {
			p.stops = append(p.stops, p.ask(c, l, avoid))
			p.touched[c.task.Seq] = true
			asked++
		}
	}
	return asked
}

// ask is the command that makes a victim give.
func (p *pass) ask(c victim, l *line, avoid []*worker) command.Command {
	t := c.task
	if t.Slots()-c.gives < t.Gang().Min {
		return command.Preempt{Task: t.Work.Key, Generation: t.Generation, Reason: "makes way for " + l.task.Work.Name()}
	}
	rest := slices.Clone(t.Parts)
	for i := len(rest) - 1; i >= 0 && c.gives > 0; i-- {
		if !p.serves(rest[i].Worker, l.pool, avoid) {
			continue
		}
		n := min(rest[i].Slots, c.gives)
		rest[i].Slots -= n
		c.gives -= n
	}
	rest = slices.DeleteFunc(rest, func(v command.Part) bool { return v.Slots == 0 })
	return command.Resize{Task: t.Work.Key, Generation: t.Generation + 1, Parts: rest, Experiment: t.Charged}
}

// victims lists the running tasks that have to give to a project's waiter, as much
// of them as may be asked.
func (p *pass) victims(t *turn, l *line, avoid []*worker) []victim {
	poor := t.used+l.pool.shape.min <= p.share(t.name)
	var all []victim
	for seq, r := range p.running.All() {
		if r.Preempting || p.touched[seq] {
			continue
		}
		c := victim{task: r, here: p.slotsIn(r, l.pool, avoid)}
		switch {
		case c.here == 0:
			continue
		case r.Project == t.name:
			c.whole = r.Priority < l.task.Priority
		case !poor:
			continue
		default:
			c.whole = true
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b victim) int {
		return cmp.Or(cmp.Compare(a.task.Priority, b.task.Priority), cmp.Compare(b.task.PlacedAt, a.task.PlacedAt), cmp.Compare(b.task.Seq, a.task.Seq))
	})
	// Another project gives only what it has above its share.
	surplus := map[string]int{}
	kept := all[:0]
	for _, c := range all {
		name := c.task.Project
		if name == t.name {
			kept = append(kept, c)
			continue
		}
		if _, ok := surplus[name]; !ok {
			surplus[name] = p.s.Usage(name) - p.share(name)
		}
		if surplus[name] <= 0 {
			continue
		}
		c.whole = c.task.Slots() <= surplus[name]
		if !c.whole {
			c.here = min(c.here, surplus[name])
		}
		surplus[name] -= c.here
		kept = append(kept, c)
	}
	return kept
}

// slotsIn counts a gang's slots that would serve a pool's shape, were they free.
func (p *pass) slotsIn(t *state.Task, pool *pool, avoid []*worker) int {
	n := 0
	for _, v := range t.Parts {
		if p.serves(v.Worker, pool, avoid) {
			n += v.Slots
		}
	}
	return n
}

func (p *pass) serves(id string, pool *pool, avoid []*worker) bool {
	w := p.workers[id]
	return w.open && w.kind.suits(pool.shape) && !slices.Contains(avoid, w)
}

// share is what a project may count on: the slots of all open workers, divided by
// weight over those who run or wait.
func (p *pass) share(name string) int {
	if p.shares == nil {
		p.shares = map[string]int{}
		capacity, weights := 0, 0
		for _, k := range p.kinds {
			capacity += k.slots
		}
		names := map[string]bool{}
		for n := range p.projects {
			names[n] = true
		}
		for _, t := range p.running.All() {
			names[t.Project] = true
		}
		for n := range names {
			weights += p.s.Project(n).Weight
		}
		for n := range names {
			p.shares[n] = int(int64(capacity) * int64(p.s.Project(n).Weight) / int64(weights))
		}
	}
	return p.shares[name]
}
