package scheduler

import (
	"cmp"
	"slices"
	"strings"

	"g2c/api"
	"g2c/coordinator/state"
)

// request is what a wish asks of workers. Wishes of one request fit or do not fit
// alike.
type request struct {
	class, device string
	memory        int64
	min, max      int
	avoid         string // workers, with commas between
}

// requestOf is what a wish for a task asks for.
func requestOf(t *state.Task, w *state.Wish) request {
	return request{
		class: t.Work.Task.Numerics, device: w.Need.Device, memory: w.Need.Memory,
		min: w.Gang.Min, max: w.Gang.Max, avoid: strings.Join(t.Avoid, ","),
	}
}

// compare is some order of requests.
func (r request) compare(o request) int {
	return cmp.Or(cmp.Compare(r.class, o.class), cmp.Compare(r.device, o.device), cmp.Compare(r.memory, o.memory),
		cmp.Compare(r.min, o.min), cmp.Compare(r.max, o.max), cmp.Compare(r.avoid, o.avoid))
}

// eachWish calls visit for every live wish for a task.
func eachWish(s *state.Snapshot, t *state.Task, visit func(*state.Wish)) {
	if s.Level() < api.LevelWishes {
		visit(onlyWish(t)) // the same as the state's, without looking for experiments
		return
	}
	s.EachWish(t, visit)
}

// charged is the wish that a placed task runs for. It reports false if that wish
// is gone and the task goes on until it has stopped.
func charged(s *state.Snapshot, t *state.Task) (w *state.Wish, ok bool) {
	if s.Level() < api.LevelWishes {
		return onlyWish(t), true
	}
	w = s.Charged(t)
	return w, w != nil
}

// onlyWish is the one wish for a task below the level at which wishes are records:
// that of all its experiments together, charged to none of them.
func onlyWish(t *state.Task) *state.Wish {
	return &state.Wish{Task: t.Seq, Project: t.Project, Priority: t.Priority, Gang: t.Gang(), Need: t.Need}
}

// pool is a request and the node classes that suit it, least memory first.
type pool struct {
	request request
	classes []*nodeClass
	queues  int // that use it
}

// capacity is the slots of all open workers of a pool.
func (p *pool) capacity() int {
	n := 0
	for _, k := range p.classes {
		n += k.slots
	}
	return n
}

// together is the slots of those that can train with others.
func (p *pool) together() int {
	n := 0
	for _, k := range p.classes {
		if k.joins {
			n += k.slots
		}
	}
	return n
}

// reserved says whether all of some node class of a pool is reserved for somebody.
func (p *pool) reserved() bool {
	return slices.ContainsFunc(p.classes, func(k *nodeClass) bool { return k.claim != nil })
}

func (p *pool) has(k *nodeClass) bool { return slices.Contains(p.classes, k) }

// meets says whether two pools have node classes in common.
func (p *pool) meets(o *pool) bool {
	return slices.ContainsFunc(p.classes, func(k *nodeClass) bool { return slices.Contains(o.classes, k) })
}

// pool finds or makes the pool of a request.
func (x *index) pool(r request) *pool {
	p := x.pools[r]
	if p == nil {
		p = x.newPool(r)
		x.pools[r] = p
	}
	return p
}

// suiting is the pool of a request that may have no queue.
func (x *index) suiting(r request) *pool {
	if known := x.pools[r]; known != nil {
		return known
	}
	return x.newPool(r)
}

func (x *index) newPool(r request) *pool {
	p := &pool{request: r}
	for _, k := range x.classes {
		if k.suits(r) {
			p.classes = append(p.classes, k)
		}
	}
	return p
}
