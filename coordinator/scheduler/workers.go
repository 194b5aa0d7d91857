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
	kind   *kind
	open   bool
	free   int // a pass takes from it, and puts back what it took
}

// kind is the workers of one class, device and memory.
type kind struct {
	class, device string
	memory        int64

	workers *cow.Map[hole, *worker] // open ones with free slots, smallest hole first
	slots   int                     // of open workers
	free    int                     // of these, those that nobody holds
}

// hole is where a worker stands in its kind.
type hole struct {
	free int
	id   string
}

func (h hole) compare(o hole) int {
	return cmp.Or(cmp.Compare(h.free, o.free), cmp.Compare(h.id, o.id))
}

// compare orders kinds by memory first: a task takes the smallest that will do.
func (k *kind) compare(o *kind) int {
	return cmp.Or(cmp.Compare(k.memory, o.memory), cmp.Compare(k.class, o.class), cmp.Compare(k.device, o.device))
}

// suits says whether the workers of a kind can run tasks of a shape.
func (k *kind) suits(sh shape) bool {
	return k.class == sh.class && (sh.device == "" || sh.device == k.device) && k.memory >= sh.memory
}

// putWorker gives a worker its place in the index; nil takes it out.
func (x *index) putWorker(id string, record *state.Worker, now int64) {
	if old := x.workers[id]; old != nil {
		x.dropWorker(id, old)
	}
	if record == nil {
		return
	}
	w := &worker{record: record, kind: x.kindOf(record), open: record.Open(now), free: record.Free()}
	x.workers[id] = w
	if record.Mode == command.Draining || record.Mode == command.Maintenance {
		x.special.Set(id, w)
	}
	if !w.open {
		return
	}
	w.kind.slots += record.Slots
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
	w.kind.slots -= w.record.Slots
	x.leaving.Delete(id)
	w.hide()
	host := w.record.Host
	x.hosts[host] = slices.DeleteFunc(x.hosts[host], func(v *worker) bool { return v == w })
	for _, k := range w.record.Cached {
		x.cached[k].Delete(id)
	}
}

func (x *index) kindOf(r *state.Worker) *kind {
	k := &kind{class: r.Class, device: r.Device, memory: r.Memory}
	if at, ok := slices.BinarySearchFunc(x.kinds, k, (*kind).compare); ok {
		return x.kinds[at]
	}
	k.workers = cow.New[hole, *worker](hole.compare)
	x.addKind(k)
	return k
}

// show enters an open worker's free slots in its kind, hide takes them out.
func (w *worker) show() {
	w.kind.free += w.free
	if w.free > 0 {
		w.kind.workers.Set(hole{w.free, w.record.ID}, w)
	}
}

func (w *worker) hide() {
	w.kind.free -= w.free
	w.kind.workers.Delete(hole{w.free, w.record.ID})
}

func compareKeys(a, b api.Key) int { return a.Compare(b) }
