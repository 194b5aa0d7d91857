package scheduler

import "g2c/coordinator/state"

// account is what the gangs of a project have of each node class.
type account struct {
	all      map[*nodeClass]int
	stopping map[*nodeClass]int // of these, of tasks that were asked to stop
	lent     map[*nodeClass]int // above their least, of those that were not
	urgency  map[level]int      // of those that were not, by priority
	steady   int                // slots anywhere of those that were not
}

// level is a priority on a node class.
type level struct {
	class    *nodeClass
	priority int
}

// count enters a gang in its project's account.
func (x *index) count(s *state.Snapshot, i *item) {
	i.more = &more{lent: lent(s, i.task)}
	for _, v := range i.task.Parts {
		if w := x.workers[v.Worker]; w != nil {
			i.more.parts = append(i.more.parts, share{w.class, v.Slots})
		}
	}
	a := x.accounts[i.task.Project]
	if a == nil {
		a = &account{all: map[*nodeClass]int{}, stopping: map[*nodeClass]int{}, lent: map[*nodeClass]int{}, urgency: map[level]int{}}
		x.accounts[i.task.Project] = a
	}
	a.add(i, 1)
}

// uncount takes a gang out again, as it was entered.
func (x *index) uncount(i *item) {
	name := i.task.Project
	a := x.accounts[name]
	a.add(i, -1)
	if len(a.all) == 0 {
		delete(x.accounts, name)
	}
}

func (a *account) add(i *item, sign int) {
	for _, v := range i.more.parts {
		n := sign * v.slots
		shift(a.all, v.class, n)
		if i.task.Preempting {
			shift(a.stopping, v.class, n)
			continue
		}
		a.steady += n
		shift(a.lent, v.class, sign*min(i.more.lent, v.slots))
		shift(a.urgency, level{v.class, i.task.Priority}, n)
	}
}

// shift adds to a count, and drops it at zero.
func shift[K comparable](m map[K]int, k K, n int) {
	if m[k] += n; m[k] == 0 {
		delete(m, k)
	}
}

// lent is how many slots a gang has above what its wish asks at least.
func lent(s *state.Snapshot, t *state.Task) int {
	w, ok := charged(s, t)
	if !ok {
		return 0
	}
	return max(t.Slots()-w.Gang.Min, 0)
}

// in sums up what a pool has of some count.
func (p *pool) in(counts map[*nodeClass]int) int {
	n := 0
	for _, k := range p.classes {
		n += counts[k]
	}
	return n
}

// below is a project's slots in a pool of tasks that are less urgent than a
// priority.
func (a *account) below(p *pool, priority int) int {
	n := 0
	for l, slots := range a.urgency {
		if l.priority < priority && p.has(l.class) {
			n += slots
		}
	}
	return n
}

// in is what a project's gangs have of a pool.
func (x *index) in(name string, p *pool) int {
	if a := x.accounts[name]; a != nil {
		return p.in(a.all)
	}
	return 0
}
