package scheduler

import (
	"cmp"
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/cow"
	"g2c/coordinator/state"
)

// worker is a worker as a pass sees it.
type worker struct {
	record *state.Worker
	class  *nodeClass
	open   bool
	free   int // a pass takes from it, and puts back what it took
	held   int // of a pass: free slots beside these, reserved for somebody
}

// nodeClass is the workers of one numerics class, device and memory, which all can train
// with others or cannot.
type nodeClass struct {
	class, device string
	memory        int64
	joins         bool // they have addresses for the others of a gang

	workers *cow.Map[hole, *worker] // open ones with free slots, smallest hole first
	sizes   *cow.Map[hole, *worker] // open ones by all their slots
	slots   int                     // of open workers
	free    int                     // of these, those that nobody has
	claim   *claim                  // of a pass: all of it is reserved for somebody
}

// hole is where a worker stands in its node class.
type hole struct {
	free int
	id   string
}

func (h hole) compare(o hole) int {
	return cmp.Or(cmp.Compare(h.free, o.free), cmp.Compare(h.id, o.id))
}

// compare orders node classes by memory first: a task takes the smallest that will
// do.
func (k *nodeClass) compare(o *nodeClass) int {
	return cmp.Or(cmp.Compare(k.memory, o.memory), cmp.Compare(k.class, o.class), cmp.Compare(k.device, o.device), compareBools(k.joins, o.joins))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// suits says whether the workers of a node class can run tasks of a request.
func (k *nodeClass) suits(r request) bool {
	return k.class == r.class && (r.device == "" || r.device == k.device) && k.memory >= r.memory
}

// putWorker gives a worker its place in the index; nil takes it out.
func (x *index) putWorker(id string, record *state.Worker, now int64) {
	if old := x.workers[id]; old != nil {
		x.dropWorker(id, old)
	}
	if record == nil {
		return
	}
	w := &worker{record: record, class: x.classOf(record), open: record.Open(now), free: record.Free()}
	x.workers[id] = w
	if record.Mode == command.Draining || record.Mode == command.Maintenance {
		x.special.Set(id, w)
	}
	if !w.open {
		return
	}
	w.class.slots += record.Slots
	w.class.sizes.Set(hole{record.Slots, id}, w)
	if slices.ContainsFunc(record.Allocations, func(h state.Allocation) bool { return h.Terminating }) {
		x.leaving.Set(id, w)
	}
	w.show()
	list := x.hosts[record.Host]
	at, _ := slices.BinarySearchFunc(list, id, func(w *worker, id string) int { return cmp.Compare(w.record.ID, id) })
	x.hosts[record.Host] = slices.Insert(list, at, w)
	for _, k := range record.Cached {
		if x.cached[k] == nil {
			x.cached[k] = cow.New[string, *worker](cmp.Compare)
		}
		x.cached[k].Set(id, w)
	}
}

func (x *index) dropWorker(id string, w *worker) {
	delete(x.workers, id)
	x.special.Delete(id)
	if !w.open {
		return
	}
	w.class.slots -= w.record.Slots
	w.class.sizes.Delete(hole{w.record.Slots, id})
	x.leaving.Delete(id)
	w.hide()
	host := w.record.Host
	x.hosts[host] = slices.DeleteFunc(x.hosts[host], func(v *worker) bool { return v == w })
	if len(x.hosts[host]) == 0 {
		delete(x.hosts, host)
	}
	for _, k := range w.record.Cached {
		if x.cached[k].Delete(id); x.cached[k].Len() == 0 {
			delete(x.cached, k)
		}
	}
}

func (x *index) classOf(r *state.Worker) *nodeClass {
	k := &nodeClass{class: r.Class, device: r.Device, memory: r.Memory, joins: !x.together || r.Address != ""}
	if at, ok := slices.BinarySearchFunc(x.classes, k, (*nodeClass).compare); ok {
		return x.classes[at]
	}
	k.workers, k.sizes = cow.New[hole, *worker](hole.compare), cow.New[hole, *worker](hole.compare)
	x.addClass(k)
	return k
}

// addClass keeps the node classes in one order, and the pools over them.
func (x *index) addClass(k *nodeClass) {
	at, _ := slices.BinarySearchFunc(x.classes, k, (*nodeClass).compare)
	x.classes = slices.Insert(x.classes, at, k)
	for _, p := range x.pools {
		if k.suits(p.request) {
			p.classes = x.newPool(p.request).classes
		}
	}
}

// show enters an open worker's free slots in its node class, hide takes them out.
func (w *worker) show() {
	w.class.free += w.free
	if w.free > 0 {
		w.class.workers.Set(hole{w.free, w.record.ID}, w)
	}
}

func (w *worker) hide() {
	w.class.free -= w.free
	w.class.workers.Delete(hole{w.free, w.record.ID})
}

// largest is the open worker of a pool with the most slots in all, beside some.
func (p *pool) largest(beside []*worker) *worker {
	var best *worker
	for _, k := range p.classes {
		h, w, ok := k.sizes.Last()
		for ok && slices.Contains(beside, w) {
			h, w, ok = k.sizes.Before(h)
		}
		if ok && (best == nil || h.free > best.record.Slots) {
			best = w
		}
	}
	return best
}

func compareKeys(a, b api.Key) int { return a.Compare(b) }
