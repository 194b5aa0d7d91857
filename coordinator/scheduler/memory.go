package scheduler

import (
	"maps"
	"slices"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Memory is what a planner keeps from one plan to the next. A new leader begins
// with none: then whoever waits is overtaken once more at worst. It never changes.
type Memory struct {
	reservations []reservation // in the order of their making
	turns        map[bidder]int64
}

// reservation is slots that are reserved for the head of a queue until it is placed.
type reservation struct {
	project string
	request request
	task    uint64 // Seq of the task for which it was made
	worker  string // whose slots; empty for all workers that suit it
	asked   bool   // others were asked to make way for it
	since   int64  // when it was made
}

// bidder is a project among those that want slots of a numerics class.
type bidder struct{ project, class string }

// turn is slots of a class that a project was given.
type turn struct {
	bidder
	slots int
}

// turnOf is the turn that a task has had.
func turnOf(t *state.Task) turn {
	slots := t.Slots()
	if slots == 0 { // it has ended already
		slots = t.Gang().Min
	}
	return turn{bidder{t.Project, t.Work.Task.Numerics}, slots}
}

// count is the turns that projects have had, by slots for their weight, after some
// more. Only differences count: the lowest of a class is 0. Who comes anew begins
// with the lowest, and who neither runs nor waits is forgotten.
func (m Memory) count(s *state.Snapshot, x *index) map[bidder]int64 {
	weight := map[string]int{}
	next := map[bidder]int64{}
	lowest := map[string]int64{}
	enter := func(b bidder) {
		if _, ok := next[b]; ok {
			return
		}
		n, known := m.turns[b]
		if low, ok := lowest[b.class]; known && (!ok || n < low) {
			lowest[b.class] = n
		}
		if !known {
			n = -1
		}
		next[b] = n
	}
	for name, p := range x.projects {
		weight[name] = s.Project(name).Weight
		for r := range p.queues {
			enter(bidder{name, r.class})
		}
	}
	for name, a := range x.accounts {
		weight[name] = s.Project(name).Weight
		for k := range a.all {
			enter(bidder{name, k.class})
		}
	}
	for b, n := range next {
		if n < 0 {
			next[b] = lowest[b.class]
		}
	}
	for _, t := range x.turns {
		if _, ok := next[t.bidder]; ok {
			next[t.bidder] += int64(t.slots) * command.MaxWeight / int64(max(weight[t.project], 1))
		}
	}
	return level0(next)
}

// level0 takes from all counts of a class the lowest.
func level0(counts map[bidder]int64) map[bidder]int64 {
	lowest := map[string]int64{}
	for b, n := range counts {
		if low, ok := lowest[b.class]; !ok || n < low {
			lowest[b.class] = n
		}
	}
	for b := range counts {
		counts[b] -= lowest[b.class]
	}
	return counts
}

// equal says whether two memories are the same.
func (m Memory) equal(o Memory) bool {
	return slices.Equal(m.reservations, o.reservations) && maps.Equal(m.turns, o.turns)
}
