package scheduler

import (
	"cmp"
	"math"
	"slices"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// victim is a running task that may have to give.
type victim struct {
	task  *state.Task
	here  int  // its slots where they are wanted
	least int  // of its gang
	whole bool // it may be stopped, not only shrunk
	gives int
}

// price is what it costs others to make way; less is better.
type price struct {
	priority int   // the highest of those that stop
	slots    int   // of those that stop
	placed   int64 // since when the oldest of them runs
}

func (a price) compare(b price) int {
	return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.slots, b.slots), cmp.Compare(b.placed, a.placed))
}

// help asks running tasks to make way for the head of a line, if that gets it all
// it needs, where it costs least. Slots that are coming anyway count: then nobody
// is asked. What comes free is reserved for it.
func (p *pass) help(c *claims, l *line, own *claim) bool {
	poor := p.poor(c, l)
	if own != nil && p.helpAt(c, l, own, poor) {
		return true
	}
	if own == nil && p.soonAnyway(c, l) {
		return true
	}
	if p.spans(l.pool) {
		v := p.newClaim(l, nil)
		if own != nil || p.claimed(c, l) || !p.helpAt(c, l, v, poor) {
			return false
		}
		c.list = append(c.list, v)
		return true
	}
	best, asked := p.cheapest(c, l, poor)
	if best == nil {
		return false
	}
	if own != nil {
		c.list = slices.DeleteFunc(c.list, func(v *claim) bool { return v == own })
	}
	c.yield(best)
	v := p.newClaim(l, best)
	c.list = append(c.list, v)
	if len(asked) == 0 {
		return p.helpAt(c, l, v, poor)
	}
	p.ask(c, v, asked)
	return true
}

// soonAnyway makes a claim for a line where workers say that its slots come free
// before others would have saved and stopped.
func (p *pass) soonAnyway(c *claims, l *line) bool {
	if p.hints == nil || p.spans(l.pool) || p.policy.GraceMS <= 0 {
		return false
	}
	best := p.newClaim(l, nil)
	best.start = p.now + p.policy.GraceMS/2
	for w := range p.roomy(c, l) {
		o := p.outlookOf(w, p.blank(1)) // what nobody knows does not count
		if start, spare := o.start(p.now, l.pool.request.min); start < best.start {
			best.worker, best.start, best.spare = w, start, spare
		}
	}
	if best.worker == nil {
		return false
	}
	best.asked = true
	c.yield(best.worker)
	c.list = append(c.list, best)
	return true
}

// helpAt has others make way where a line has its claim.
func (p *pass) helpAt(c *claims, l *line, v *claim, poor bool) bool {
	o := p.outlook(l, v)
	need := l.pool.request.min - o.free - o.soon
	if need <= 0 {
		v.asked = true
		v.start, v.spare = o.start(p.now, l.pool.request.min)
		return true
	}
	if !p.promising(l, poor) {
		return false
	}
	asked, _, ok := p.victims(l, p.scope(l, v.worker), need, poor)
	if ok {
		p.ask(c, v, asked)
	}
	return ok
}

// scope is the workers whose slots would serve a claim.
func (p *pass) scope(l *line, w *worker) []*worker {
	if w != nil {
		return []*worker{w}
	}
	var out []*worker
	avoid := p.avoided(l.pool)
	for _, k := range l.pool.classes {
		for _, w := range k.sizes.All() {
			if !slices.Contains(avoid, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// cheapest is the worker on which others make way for a line at the least price,
// and who they are; nil if there is none.
func (p *pass) cheapest(c *claims, l *line, poor bool) (*worker, []victim) {
	var best *worker
	var asked []victim
	var least price
	promising := p.promising(l, poor)
	coming := p.coming()
	if !promising && len(coming) == 0 {
		return nil, nil
	}
	for w := range p.roomy(c, l) {
		if !promising && !coming[w] {
			continue
		}
		o := p.outlookOf(w, p.blank(0))
		need := l.pool.request.min - o.free - o.soon
		if need <= 0 {
			return w, nil
		}
		if !promising || w.record.Slots-o.stuck < l.pool.request.min {
			continue
		}
		v, cost, ok := p.victims(l, []*worker{w}, need, poor)
		if ok && (best == nil || cost.compare(least) < 0) {
			best, asked, least = w, v, cost
		}
	}
	return best, asked
}

// coming is the workers of which something is expected back soon. It does not
// depend on what the pass does.
func (p *pass) coming() map[*worker]bool {
	if p.soon == nil {
		p.soon = map[*worker]bool{}
		for _, w := range p.leaving.All() {
			p.soon[w] = true
		}
		for _, t := range p.stopping.All() {
			for _, v := range t.Parts {
				p.soon[p.workers[v.Worker]] = true
			}
		}
	}
	return p.soon
}

// promising says whether anybody could be asked to make way for a line at all: by
// sums, so that lines that cannot be helped cost nothing, however many there are.
func (p *pass) promising(l *line, poor bool) bool {
	if a := p.accounts[l.bid.project]; a != nil && a.below(l.pool, l.next.priority)+l.pool.in(a.lent) > 0 {
		return true
	}
	if !poor {
		return false
	}
	for name := range p.accounts {
		if name != l.bid.project && p.surplus(name, l.pool) > 0 {
			return true
		}
	}
	return false
}

// poor says whether a project has less than its share even with the head of a line
// and with what is reserved for those of it that come before.
func (p *pass) poor(c *claims, l *line) bool {
	return p.in(l.bid.project, l.pool)+p.promised(c, l, true)+l.pool.request.min <= p.share(l.bid.project, l.pool).slots
}

// surplus is what a project has above its share, beside what it was asked to give.
func (p *pass) surplus(name string, pool *pool) int {
	a := p.accounts[name]
	n := pool.in(a.all) - pool.in(a.stopping) - p.share(name, pool).slots
	for _, k := range pool.classes {
		n -= p.asked[holding{name, k}]
	}
	return n
}

// victims are those of some workers' tasks that have to give so many slots, and
// what it costs. First gangs give what they have above their least, which was only
// lent, then whole tasks stop: the least urgent, and of these the youngest, which
// lose least.
func (p *pass) victims(l *line, scope []*worker, need int, poor bool) ([]victim, price, bool) {
	all := p.offers(l, scope, poor)
	for i := range all {
		c := &all[i]
		c.gives = max(min(c.task.Slots()-c.least, c.here, need), 0)
		need -= c.gives
	}
	cost := price{priority: math.MinInt, placed: math.MaxInt64}
	for i := range all {
		if c := &all[i]; need > 0 && c.whole && c.gives < c.here {
			need -= c.here - c.gives
			c.gives = c.here
			cost = price{max(cost.priority, c.task.Priority), cost.slots + c.task.Slots(), min(cost.placed, c.task.PlacedAt)}
		}
	}
	return slices.DeleteFunc(all, func(c victim) bool { return c.gives == 0 }), cost, need <= 0
}

// offers lists the tasks on some workers that have to give to a line, each with as
// much as may be asked of it.
func (p *pass) offers(l *line, scope []*worker, poor bool) []victim {
	var all []victim
	for _, w := range scope {
		for _, h := range w.record.Allocations {
			if h.Terminating || p.left[h.Task] {
				continue
			}
			t := p.tasks.at(h.Task).task
			if at := slices.IndexFunc(all, func(c victim) bool { return c.task == t }); len(scope) > 1 && at >= 0 {
				all[at].here += h.Slots
				continue
			}
			if v, ok := p.offer(l, t, poor); ok {
				v.here = h.Slots
				all = append(all, v)
			}
		}
	}
	slices.SortFunc(all, leastUrgent)
	return p.withinSurplus(l, all)
}

func leastUrgent(a, b victim) int {
	return cmp.Or(cmp.Compare(a.task.Priority, b.task.Priority), cmp.Compare(b.task.PlacedAt, a.task.PlacedAt), cmp.Compare(b.task.Seq, a.task.Seq))
}

// offer says whether a task has to give to a line, and whether it may be stopped.
func (p *pass) offer(l *line, t *state.Task, poor bool) (victim, bool) {
	wish, ok := charged(p.s, t)
	if t.Preempting || !ok || p.ending(t) {
		return victim{}, false
	}
	v := victim{task: t, least: wish.Gang.Min}
	switch {
	case t.Project == l.bid.project:
		v.whole = t.Priority < l.next.priority
	case !poor:
		return v, false
	default: // a project with less than a slot has a turn, not a share: it is not cut short
		v.whole = p.share(l.bid.project, l.pool).whole || over(p.policy.DwellMS, t.PlacedAt, p.now)
	}
	return v, true
}

// withinSurplus cuts what other projects give to what they have above their shares.
func (p *pass) withinSurplus(l *line, all []victim) []victim {
	var surplus map[string]int
	out := all[:0]
	for _, c := range all {
		name := c.task.Project
		if name == l.bid.project {
			out = append(out, c)
			continue
		}
		if surplus == nil {
			surplus = map[string]int{}
		}
		left, ok := surplus[name]
		if !ok {
			left = p.surplus(name, l.pool)
		}
		if left > 0 {
			c.whole = c.whole && c.task.Slots() <= left
			if !c.whole {
				c.here = min(c.here, left)
			}
			left -= c.here
			out = append(out, c)
		}
		surplus[name] = left
	}
	return out
}

// ask has victims make way for a claim.
func (p *pass) ask(c *claims, v *claim, asked []victim) {
	v.asked, v.start, v.spare = true, p.now+2*max(p.policy.GraceMS, 0), 0
	p.stop(c, v, asked, p.scope(v.line, v.worker))
}

// stop makes the commands for victims that give slots of some workers.
func (p *pass) stop(c *claims, by *claim, asked []victim, scope []*worker) {
	for _, v := range asked {
		t := v.task
		p.leave(t, v.gives)
		c.asked[by.line]++
		if t.Slots()-v.gives < v.least {
			c.stops = append(c.stops, command.Preempt{Task: t.Work.Key, Generation: t.Generation, Reason: "makes way for " + by.task.Work.Name()})
			continue
		}
		c.stops = append(c.stops, command.Resize{
			Task: t.Work.Key, Generation: t.Generation + 1, Parts: without(t.Parts, scope, v.gives), Experiment: p.wish(t.Charged),
		})
	}
}

// without is a gang that gave so many slots of some workers.
func without(parts []command.Part, scope []*worker, slots int) []command.Part {
	rest := slices.Clone(parts)
	for i := len(rest) - 1; i >= 0; i-- {
		if slices.ContainsFunc(scope, func(w *worker) bool { return w.record.ID == rest[i].Worker }) {
			n := min(rest[i].Slots, slots)
			rest[i].Slots -= n
			slots -= n
		}
	}
	return slices.DeleteFunc(rest, func(v command.Part) bool { return v.Slots == 0 })
}

// askQuota has less urgent tasks of a line's project make way in its quota, if that
// is enough. What is being released counts.
func (p *pass) askQuota(c *claims, l *line) bool {
	name := l.bid.project
	a := p.accounts[name]
	if a == nil {
		return false
	}
	need := a.steady + l.pool.request.min - p.s.Project(name).Quota
	for _, k := range p.classes {
		need -= p.asked[holding{name, k}]
	}
	if need <= 0 {
		return true
	}
	below := 0
	for at, slots := range a.urgency {
		if at.priority < l.next.priority {
			below += slots
		}
	}
	if below < need {
		return false
	}
	var all []victim
	for seq, t := range p.running.All() {
		wish, ok := charged(p.s, t)
		if ok && !t.Preempting && !p.left[seq] && t.Project == name && t.Priority < l.next.priority {
			all = append(all, victim{task: t, least: wish.Gang.Min})
		}
	}
	slices.SortFunc(all, leastUrgent)
	at := 0
	for ; need > 0 && at < len(all); at++ {
		all[at].gives = all[at].task.Slots()
		need -= all[at].gives
	}
	if need > 0 {
		return false
	}
	p.stop(c, p.newClaim(l, nil), all[:at], nil)
	return true
}
