package scheduler

import (
	"slices"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// claim is a reservation and what it means now.
type claim struct {
	line   *line
	task   *state.Task // the head of the line
	order  order       // of the same
	worker *worker     // whose slots; nil for all of the pool
	asked  bool        // others were asked to make way for it
	since  int64       // when it was made
	start  int64       // when it is expected to have its slots
	spare  int         // slots that it does not need even then
}

// claims is what is reserved for whom, and who was asked to make way.
type claims struct {
	list  []*claim
	quota map[string]*claim // to what is left of a project's quota
	stops []command.Command
	asked map[*line]int   // how many were asked in this pass
	share map[*line]int   // lines that ask for more than the share of their project
	far   map[*line]int64 // lines whose slots are expected too late to lie idle until then, and when
}

// newClaim is a claim of the head of a line.
func (p *pass) newClaim(l *line, w *worker) *claim {
	return &claim{line: l.self, task: l.head.task, order: l.next, worker: w, since: p.now}
}

// isOf says whether it is the claim of the task that is next in a line.
func (v *claim) isOf(l *line) bool { return v.line == l.self && v.order == l.next }

// of is the claim of the task that is next in a line; nil if it has none.
func (c *claims) of(l *line) *claim {
	for _, v := range c.list {
		if v.isOf(l) {
			return v
		}
	}
	return nil
}

// on is the claim to a worker's slots; nil if there is none.
func (c *claims) on(w *worker) *claim {
	for _, v := range c.list {
		if v.worker == w {
			return v
		}
	}
	return nil
}

// over is the claim to all of the pools that a node class is in; nil if there is none.
func (c *claims) over(k *nodeClass) *claim {
	for _, v := range c.list {
		if v.worker == nil && v.line.pool.has(k) {
			return v
		}
	}
	return nil
}

// remember makes reservations of claims, for the next plan: those whose task was
// placed are over.
func (c *claims) remember(placed map[uint64]bool) []reservation {
	var out []reservation
	for _, v := range c.list {
		seq := v.task.Seq
		if placed[seq] {
			continue
		}
		r := reservation{project: v.line.bid.project, request: v.line.pool.request, task: seq, asked: v.asked, since: v.since}
		if v.worker != nil {
			r.worker = v.worker.record.ID
		}
		out = append(out, r)
	}
	return out
}

// claims decides what is reserved in this pass: what was before and still makes
// sense, and new ones for heads of queues that have waited long enough.
func (p *pass) claims(bids []*bid, old []reservation) *claims {
	if len(old) == 0 && !slices.ContainsFunc(bids, p.waited) {
		return &claims{}
	}
	c := &claims{quota: map[string]*claim{}, asked: map[*line]int{}, share: map[*line]int{}, far: map[*line]int64{}}
	heads := p.heads(bids)
	p.renewAll(c, heads, old)
	before := map[*bid][]*line{} // the lines of a project that come before, with something left
	for _, l := range heads {
		if !p.hasWaited(l) && c.of(l) == nil {
			before[l.bid] = append(before[l.bid], l)
			continue
		}
		// What others gave up would go to those before: nobody is asked to.
		ask := !slices.ContainsFunc(before[l.bid], func(o *line) bool {
			return o.pool.request.min <= l.pool.request.min && o.pool.meets(l.pool) && p.leaves(c, o)
		})
		if p.consider(c, l, ask) {
			before[l.bid] = append(before[l.bid], l)
		}
	}
	return c
}

// waited says whether anybody of a bid has waited for long enough to have a claim.
func (p *pass) waited(b *bid) bool { return slices.ContainsFunc(b.lines, p.hasWaited) }

func (p *pass) hasWaited(l *line) bool {
	ready := l.head.task.Ready
	return over(p.policy.PreemptAfterMS, ready, p.now) || over(p.policy.PatienceMS, ready, p.now)
}

// leaves says whether some of a line could be placed, but not with what is free now.
func (p *pass) leaves(c *claims, l *line) bool {
	return p.feasible(l) && !(l.tasks.Len() == 1 && p.fits(c, l))
}

// heads is all lines: projects in the order of their turns, the lines of one in
// its order.
func (p *pass) heads(bids []*bid) []*line {
	for _, b := range bids {
		b.rank = p.rank(b.lines[0])
	}
	sorted := slices.Clone(bids)
	slices.SortStableFunc(sorted, func(a, b *bid) int { return a.rank.compare(b.rank) })
	var out []*line
	for _, b := range sorted {
		out = append(out, b.lines...)
	}
	return out
}

// renewAll takes over the reservations that still make sense. They belong to the first
// tasks of their queues, whoever these are now.
func (p *pass) renewAll(c *claims, heads []*line, old []reservation) {
	if len(old) == 0 {
		return
	}
	ahead := make(map[*queue]*line, len(heads)) // the first task of a queue that has no claim yet
	for _, l := range heads {
		next := *l
		ahead[l.queue] = &next
	}
	for _, r := range old {
		project := p.projects[r.project]
		if project == nil {
			continue
		}
		l := ahead[project.queues[r.request]]
		i := p.tasks.at(r.task)
		if l == nil || i == nil || i.standIn(l.queue) == nil || p.overQuota(c, l) {
			continue
		}
		if v := p.renew(c, l, r); v != nil {
			c.list = append(c.list, v)
			if !l.after() {
				delete(ahead, l.queue)
			}
		}
	}
}

// renew is what a reservation means now; nil if it makes no sense any more.
func (p *pass) renew(c *claims, l *line, r reservation) *claim {
	v := p.newClaim(l, nil)
	v.asked, v.since = r.asked, r.since
	if (r.worker == "") != p.spans(l.pool) {
		return nil
	}
	if r.worker != "" {
		v.worker = p.workers[r.worker]
		if v.worker == nil || c.on(v.worker) != nil || !p.serves(v.worker, l.pool, p.avoided(l.pool)) {
			return nil
		}
	} else if p.claimed(c, l) {
		return nil
	}
	v.start, v.spare = p.outlook(l, v).start(p.now, l.pool.request.min)
	if v.asked && v.start > p.now+2*max(p.policy.GraceMS, 0) {
		v.asked = false // who was asked has not made way
	}
	if v.asked {
		v.spare = 0
	}
	if v.start == never || !v.asked && !p.entitled(c, l, v.start) {
		return nil
	}
	return v
}

// outlook is that of the worker of a claim, or of all the workers of its pool.
func (p *pass) outlook(l *line, v *claim) outlook {
	o := p.blank(v.since)
	if v.worker != nil {
		return p.outlookOf(v.worker, o)
	}
	avoid := p.avoided(l.pool)
	for _, k := range l.pool.classes {
		for _, w := range k.sizes.All() {
			if !slices.Contains(avoid, w) {
				o = p.outlookOf(w, o)
			}
		}
	}
	return o
}

// maxAhead is for how many tasks of a line a pass asks others to make way.
const maxAhead = 8

// consider decides which of the first tasks of a line get claims, with or without
// asking others to make way. It reports whether some are left that could be placed.
func (p *pass) consider(c *claims, l *line, ask bool) bool {
	if p.overQuota(c, l) {
		p.considerQuota(c, l)
		return false
	}
	if !p.feasible(l) {
		return false
	}
	if c.of(l) == nil && p.fits(c, l) {
		return l.tasks.Len() > 1
	}
	at := *l
	for range maxAhead {
		own := c.of(&at)
		urgent := over(p.policy.PreemptAfterMS, at.head.task.Ready, p.now)
		switch {
		case own != nil && own.start <= p.now:
		case urgent && ask && p.help(c, &at, own):
		case own == nil:
			if at.next == l.next && l.pool.request.min > 1 && over(p.policy.PatienceMS, at.head.task.Ready, p.now) {
				p.reserve(c, &at)
			}
			return true
		}
		if !at.after() || p.overQuota(c, &at) {
			return false
		}
	}
	return true
}

// overQuota says whether a project's quota is too small now for one more gang beside
// those that have claims before it.
func (p *pass) overQuota(c *claims, l *line) bool {
	quota := p.s.Project(l.bid.project).Quota
	if quota == 0 {
		return false
	}
	used := p.usedBy(l.bid.project) + l.pool.request.min
	for _, v := range c.list {
		if v.line.bid.project == l.bid.project && !v.isOf(l) {
			used += v.line.pool.request.min
		}
	}
	return used > quota
}

// considerQuota reserves a project's quota for a line that it is too small for now.
// The first line of the project that it is done for has it.
func (p *pass) considerQuota(c *claims, l *line) {
	name, ready := l.bid.project, l.head.task.Ready
	if l.pool.request.min > p.s.Project(name).Quota {
		return
	}
	if other := c.quota[name]; other != nil && other.line.compare(l) < 0 {
		return
	}
	if over(p.policy.PreemptAfterMS, ready, p.now) && p.askQuota(c, l) || over(p.policy.PatienceMS, ready, p.now) {
		c.quota[name] = p.newClaim(l, nil)
	}
}

// entitled says whether slots may lie idle for a line until a time: its project's
// share is large enough for all that is reserved for it, and the wait is short
// beside what it has waited.
func (p *pass) entitled(c *claims, l *line, start int64) bool {
	mine := p.promised(c, l, false) + l.pool.request.min
	if e := p.share(l.bid.project, l.pool); mine > e.slots {
		c.share[l.self] = e.slots
		return false
	}
	waited := max(p.now-l.head.task.Ready, 0)
	if start != never && start-p.now <= max(p.policy.ReserveAheadMS, waited/4) {
		return true
	}
	c.far[l.self] = start
	return false
}

// promised is what is reserved for a project in a line's pool, for all or for those
// that come before the next task of the line, beside what that has itself.
func (p *pass) promised(c *claims, l *line, before bool) int {
	n := 0
	for _, v := range c.list {
		if before && v.order.compare(l.next) > 0 {
			continue
		}
		if v.line.bid == l.bid && v.line.pool.meets(l.pool) && !v.isOf(l) {
			n += v.line.pool.request.min
		}
	}
	return n
}

// reserve makes a claim for a line where it can be met first.
func (p *pass) reserve(c *claims, l *line) {
	if p.spans(l.pool) {
		v := p.newClaim(l, nil)
		v.start, v.spare = p.outlook(l, v).start(p.now, l.pool.request.min)
		if !p.claimed(c, l) && p.entitled(c, l, v.start) {
			c.list = append(c.list, v)
		}
		return
	}
	if !p.entitled(c, l, p.now) {
		return
	}
	best := p.newClaim(l, nil)
	best.start = never
	most := 0
	for w := range p.roomy(c, l) {
		o := p.outlookOf(w, p.blank(0))
		start, spare := o.start(p.now, l.pool.request.min)
		if start < best.start || start == best.start && start != never && o.free > most {
			best.worker, best.start, best.spare, most = w, start, spare, o.free
		}
	}
	if best.worker != nil && p.entitled(c, l, best.start) {
		c.yield(best.worker)
		c.list = append(c.list, best)
	}
}

// claimed says whether somebody has a claim to a whole pool that a line cannot take
// over.
func (p *pass) claimed(c *claims, l *line) bool {
	return slices.ContainsFunc(c.list, func(v *claim) bool { return !v.isOf(l) && v.line.pool.meets(l.pool) })
}

// yield ends the claim to a worker, for a line that comes before it.
func (c *claims) yield(w *worker) {
	c.list = slices.DeleteFunc(c.list, func(v *claim) bool { return v.worker == w })
}

// roomy lists the open workers that could hold a line's least gang and that nobody
// has a claim to, but for lines of its own project that come behind it.
func (p *pass) roomy(c *claims, l *line) func(yield func(*worker) bool) {
	return func(yield func(*worker) bool) {
		avoid := p.avoided(l.pool)
		for _, k := range l.pool.classes {
			if c.over(k) != nil {
				continue
			}
			for _, w := range k.sizes.From(hole{free: l.pool.request.min}) {
				if slices.Contains(avoid, w) {
					continue
				}
				if v := c.on(w); v != nil && !(v.line.bid.project == l.bid.project && l.compare(v.line) < 0) {
					continue
				}
				if !yield(w) {
					return
				}
			}
		}
	}
}

// hold takes what is reserved from what is free to all.
func (p *pass) hold(c *claims) {
	for _, v := range c.list {
		if v.worker == nil {
			for _, k := range v.line.pool.classes {
				k.claim = v
			}
			continue
		}
		p.change(v.worker, func() {
			free := min(v.worker.free, v.spare)
			v.worker.free, v.worker.held = free, v.worker.free-free
		})
	}
}

// passes says whether a task may use what is reserved: it comes before in its own
// project, or will have ended by then.
func (p *pass) passes(v *claim, l *line, e entry) bool {
	if v.isOf(l) || v.line.bid.project == l.bid.project && l.next.compare(v.order) < 0 {
		return true
	}
	if p.hints == nil || v.asked { // who was asked to stop did not make way for it
		return false
	}
	ms, ok := p.hints.Remaining(e.task)
	return ok && p.now+max(ms, 0) <= v.start
}
