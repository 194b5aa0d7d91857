package scheduler

import (
	"cmp"
	"slices"

	"g2c/coordinator/state"
)

// bid is a project that wants slots of a numerics class, and its queues, the next
// one first. Classes are apart: what a project has of one delays it in no other.
type bid struct {
	bidder
	weight   int
	dominant float64 // the most that it has of any device kind, of all of it, for its weight
	turns    int64
	lines    lines
	rank     rank // of the first line, while bids are in an order
}

// line is a queue and how far a pass has come in it.
type line struct {
	*queue
	bid  *bid
	next order
	head entry
	self *line // what copies that look further ahead are copies of
}

type lines []*line

func (l lines) Len() int           { return len(l) }
func (l lines) Less(i, j int) bool { return l[i].compare(l[j]) < 0 }
func (l lines) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lines) Push(x any)        { *l = append(*l, x.(*line)) }
func (l *lines) Pop() any          { x := (*l)[len(*l)-1]; *l = (*l)[:len(*l)-1]; return x }

// compare is the order of a project's lines: by their heads, and of a task with two
// wishes by what they ask.
func (l *line) compare(o *line) int {
	if c := l.next.compare(o.next); c != 0 {
		return c
	}
	return l.pool.request.compare(o.pool.request)
}

// name is what people call the task that is next in a line.
func (l *line) name() string { return l.head.task.Work.Name() }

// after goes on to the next task of a line. It reports false at its end.
func (l *line) after() bool {
	o, e, ok := l.tasks.After(l.next)
	if ok {
		l.next, l.head = o, e
	}
	return ok
}

// demand is what the projects want, each project's lines in its order. Bids are in
// the order of their names: whose turn it is depends on what they have, too.
func demand(s *state.Snapshot, x *index, turns map[bidder]int64) []*bid {
	known := make(map[bidder]*bid, len(x.projects))
	out := make([]*bid, 0, len(x.projects))
	for name, p := range x.projects {
		weight := s.Project(name).Weight
		for r, q := range p.queues {
			who := bidder{name, r.class}
			b := known[who]
			if b == nil {
				b = &bid{bidder: who, weight: weight, dominant: x.dominant(name, weight), turns: turns[who]}
				known[who] = b
				out = append(out, b)
			}
			o, e, _ := q.tasks.First()
			l := &line{queue: q, bid: b, next: o, head: e}
			l.self = l
			b.lines = append(b.lines, l)
		}
	}
	for _, b := range out {
		slices.SortFunc(b.lines, (*line).compare)
	}
	slices.SortFunc(out, func(a, b *bid) int { return cmp.Or(cmp.Compare(a.project, b.project), cmp.Compare(a.class, b.class)) })
	return out
}

// rank is a project's place in the order of turns, lowest first.
type rank struct {
	used     float64 // what it has of the node classes it asks for, of all of them, for its weight
	dominant float64
	turns    int64
	seq      uint64
}

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.used, o.used), cmp.Compare(r.dominant, o.dominant), cmp.Compare(r.turns, o.turns), cmp.Compare(r.seq, o.seq))
}

// rank is the place of a line.
func (p *pass) rank(l *line) rank {
	return rank{
		used:     fraction(p.usedIn(l.bid.project, l.pool), l.pool.capacity(), l.bid.weight),
		dominant: l.bid.dominant,
		turns:    l.bid.turns, seq: l.next.seq,
	}
}

// fraction is used of all for a weight. Equal fractions are equal numbers: both
// sides of the one division are whole.
func fraction(used, all, weight int) float64 {
	if all == 0 {
		return 0
	}
	return float64(used) / float64(int64(all)*int64(weight))
}

// dominant is the largest part that a project has of any device kind, for its
// weight.
func (x *index) dominant(name string, weight int) float64 {
	a := x.accounts[name]
	if a == nil {
		return 0
	}
	most := 0.0
	for k := range a.all {
		used, all := 0, 0
		for _, o := range x.classes {
			if o.class == k.class && o.device == k.device {
				used += a.all[o]
				all += o.slots
			}
		}
		most = max(most, fraction(used, all, weight))
	}
	return most
}
