package scheduler

import (
	"container/heap"
	"slices"
)

// maxBehind is how many tasks behind the head of a line are looked at, for one that
// ends before reserved slots are needed.
const maxBehind = 32

// placement is what a pass placed, and why the rest waits.
type placement struct {
	gangs    []*gang
	placed   map[uint64]bool
	reserved map[string]int       // of a project's quota, for one that waits
	verdicts map[queueKey]verdict // on the lines that something is left of
	wanted   map[*nodeClass]bool  // somebody waits for slots there
}

// gang is a task and the workers it is given.
type gang struct {
	entry
	bid   *bid
	pool  *pool
	parts []part
}

// turnOrder is the bids, the next one first.
type turnOrder []*bid

func (o turnOrder) Len() int           { return len(o) }
func (o turnOrder) Less(i, j int) bool { return o[i].rank.compare(o[j].rank) < 0 }
func (o turnOrder) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *turnOrder) Push(x any)        { *o = append(*o, x.(*bid)) }
func (o *turnOrder) Pop() any          { x := (*o)[len(*o)-1]; *o = (*o)[:len(*o)-1]; return x }

// placer is the stage that places: the claims, and what it has placed so far.
type placer struct {
	*pass
	placement
	claims *claims
	bids   map[string][]*bid // of projects with a quota
	late   []*bid            // wait in this pass for another line of their project
	last   bool              // and need not any more
}

// place gives every bid its turns until nobody fits any more.
func (p *pass) place(bids []*bid, c *claims) placement {
	s := &placer{
		pass: p, claims: c, bids: map[string][]*bid{},
		placement: placement{
			placed: map[uint64]bool{}, reserved: map[string]int{}, verdicts: map[queueKey]verdict{}, wanted: map[*nodeClass]bool{},
		},
	}
	for _, b := range bids {
		if p.s.Project(b.project).Quota > 0 {
			s.bids[b.project] = append(s.bids[b.project], b)
		}
		heap.Init(&b.lines)
	}
	s.turnsOf(bids)
	s.last = true
	s.turnsOf(s.late)
	for name, first := range c.quota {
		if !s.placed[first.task.Seq] {
			s.reserved[name] = first.line.pool.request.min
		}
	}
	return s.placement
}

// turnsOf goes through bids in the order of their turns.
func (s *placer) turnsOf(bids []*bid) {
	order := slices.Clone(turnOrder(bids))
	for _, b := range bids {
		b.rank = s.rank(b.lines[0])
	}
	heap.Init(&order)
	for order.Len() > 0 {
		b := order[0]
		if !s.last && s.waits(b) {
			s.late = append(s.late, heap.Pop(&order).(*bid))
			continue
		}
		s.step(b)
		if len(b.lines) == 0 {
			heap.Pop(&order)
			continue
		}
		b.rank = s.rank(b.lines[0])
		heap.Fix(&order, 0)
	}
}

// waits says whether the next line of a bid leaves what is left of its project's
// quota to one of another class that comes before it.
func (s *placer) waits(b *bid) bool {
	l := b.lines[0]
	for _, o := range s.bids[b.project] {
		if o == b || len(o.lines) == 0 || o.lines[0].next.compare(l.next) >= 0 {
			continue
		}
		if s.usedBy(b.project)+l.pool.request.min+o.lines[0].pool.request.min > s.pass.s.Project(b.project).Quota {
			return true
		}
	}
	return false
}

// step places the first task of a bid, or says why it and all behind it wait.
func (s *placer) step(b *bid) {
	l := b.lines[0]
	if s.placed[l.head.task.Seq] || s.try(l) {
		if l.after() {
			heap.Fix(&b.lines, 0)
		} else {
			heap.Pop(&b.lines)
		}
		return
	}
	heap.Pop(&b.lines)
}

// try places the first task of a line, or says why it waits.
func (s *placer) try(l *line) bool {
	v := s.capacity(l.pool)
	ok := v.capacity >= v.need
	if ok {
		v, ok = s.quotaAllows(l)
	}
	if ok {
		if parts := s.fit(l, s.claims); parts != nil {
			s.put(l, l.head, parts)
			return true
		}
		v = s.shortage(l, s.claims)
		for _, k := range l.pool.classes {
			s.wanted[k] = true
		}
		s.behind(l)
	}
	v.stopping = s.claims.asked[l.self]
	s.verdicts[queueKey{l.bid.project, l.pool.request}] = v
	return false
}

// put books a task that is placed.
func (s *placer) put(l *line, e entry, parts []part) {
	s.gangs = append(s.gangs, &gang{e, l.bid, l.pool, parts})
	s.placed[e.task.Seq] = true
	for _, v := range parts {
		if k := v.worker.class; k.claim != nil && !s.passes(k.claim, l, e) {
			k.claim.spare -= v.slots
		}
	}
	s.give(l.bid.project, parts)
}

// quotaAllows says whether a project's quota is large enough for the first task of
// a line, beside what is reserved of it for one that comes before.
func (s *placer) quotaAllows(l *line) (verdict, bool) {
	name, need := l.bid.project, l.pool.request.min
	quota := s.pass.s.Project(name).Quota
	if quota == 0 {
		return verdict{}, true
	}
	v := verdict{why: atQuota, need: need, used: s.usedBy(name), limit: quota}
	if need > quota || v.used+need > quota {
		return v, false
	}
	if first := s.claims.quota[name]; first != nil && first.order.compare(l.next) < 0 && !s.placed[first.task.Seq] {
		v.reservedFor = first.task.Work.Name()
		return v, v.used+need+first.line.pool.request.min <= quota
	}
	return v, true
}

// behind places tasks behind the head of a line that end before reserved slots are
// needed.
func (s *placer) behind(l *line) {
	if s.hints == nil || !s.claims.meet(l.pool) {
		return
	}
	at := *l
	for range maxBehind {
		if !at.after() {
			return
		}
		if s.placed[at.head.task.Seq] {
			continue
		}
		if _, ok := s.quotaAllows(&at); !ok {
			return
		}
		if parts := s.passing(&at, s.claims, s.avoided(l.pool)); parts != nil {
			s.put(l, at.head, parts)
		}
	}
}

// meet says whether anything of a pool is claimed.
func (c *claims) meet(pool *pool) bool {
	for _, v := range c.list {
		if v.line.pool.meets(pool) {
			return true
		}
	}
	return false
}
