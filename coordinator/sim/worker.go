package sim

import (
	"fmt"
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
)

// worker is a worker's process, and what really runs on it.
type worker struct {
	id          string
	host        string
	slots       int
	device      string
	memory      int64
	incarnation uint64
	up          bool
	cut         bool // hears nothing and is not heard
	slow        int64
	heard       int64 // when the leader last answered
	runs        []*run
	left        map[api.Key]uint64 // generations that it has left: a generation runs once
	outbox      []command.Command  // reports that were not heard yet
}

// startMS is how long a task takes before it does work.
const startMS = 3000

// run is a part of a gang, really running.
type run struct {
	task       api.Key
	generation uint64
	slots      int
	began      int64
	due        int64 // when its work is done, if nothing comes between
	took       int64 // for all of it, of a gang's first part; 0 for the others
	started    bool
	ending     bool // being stopped, or saving its state
	gone       bool
}

func (w *World) addWorker(i int) {
	w.addWorkerOf(&worker{
		id: fmt.Sprintf("w%05d", i), host: fmt.Sprintf("h%04d", i/4), slots: 1 + i%8, up: true, slow: 1,
		device: []string{"small", "big"}[i%5/4], memory: int64(1+i%5/4) << 34,
	})
}

func (w *World) addWorkerOf(v *worker) {
	v.left = map[api.Key]uint64{}
	w.workers = append(w.workers, v)
	w.byID[v.id] = v
	w.after(w.between(0, heartbeatMS), func() { w.heartbeat(v) })
}

// heartbeat is a worker's regular word with the leader. Cut off for too long, it
// stops everything: its lease is about to end.
func (w *World) heartbeat(v *worker) {
	w.after(heartbeatMS, func() { w.heartbeat(v) })
	if !v.up {
		return
	}
	if w.hears(v) {
		w.talk(v)
		return
	}
	if w.now-v.heard > leaseMS*2/3-heartbeatMS {
		for _, r := range slices.Clone(v.runs) {
			w.drop(v, r)
			v.report(command.Released{Report: v.about(r)})
		}
	}
}

func (w *World) hears(v *worker) bool { return v.up && !v.cut && w.leader.there }

// talk tells the leader what it has to know and takes its answer.
func (w *World) talk(v *worker) {
	if !w.hears(v) {
		return
	}
	v.heard = w.now
	w.leader.heard[v.id] = w.now
	record := w.state.Worker(v.id)
	if record == nil || record.Lost || record.Incarnation != v.incarnation {
		w.apply(command.Join{
			Worker: v.id, Incarnation: v.incarnation, Class: api.ClassCPU, Slots: v.slots, Host: v.host, Device: v.device,
			Memory: v.memory, Cached: []api.Key{fixture.Data(v.device)},
		})
	}
	reports := v.outbox
	v.outbox = nil
	for _, c := range reports {
		w.apply(c) // a refusal is an answer, too: the report came too late
		if w.cfg.Faults && w.chance(20) {
			v.report(c) // the answer got lost: it is said again
		}
	}
	w.sync(v)
}

// report keeps a report until it is heard.
func (v *worker) report(c command.Command) { v.outbox = append(v.outbox, c) }

func (v *worker) about(r *run) command.Report {
	return command.Report{Task: r.task, Worker: v.id, Incarnation: v.incarnation, Generation: r.generation}
}

// sendSync sends a worker its record, which takes a moment and may be lost.
func (w *World) sendSync(id string) {
	if v := w.byID[id]; v != nil {
		w.after(w.between(1, 50), func() {
			if w.hears(v) {
				w.sync(v)
			}
		})
	}
}

// sync makes a worker do what its record says.
func (w *World) sync(v *worker) {
	record := w.state.Worker(v.id)
	if record == nil || record.Lost || record.Incarnation != v.incarnation {
		return
	}
	for _, r := range slices.Clone(v.runs) {
		if !r.ending && !slices.ContainsFunc(record.Allocations, func(h state.Allocation) bool { return w.isFor(h, r) && !h.Terminating }) {
			w.stop(v, r)
		}
	}
	for _, h := range record.Allocations {
		t := w.state.TaskAt(h.Task)
		at := slices.IndexFunc(v.runs, func(r *run) bool { return w.isFor(h, r) })
		// To release a generation is to have left it and all before it.
		left := !slices.ContainsFunc(v.runs, func(r *run) bool { return r.task == t.Work.Key && r.generation <= h.Generation })
		switch {
		case h.Terminating && left:
			v.report(command.Released{Report: command.Report{Task: t.Work.Key, Worker: v.id, Incarnation: v.incarnation, Generation: h.Generation}})
			w.after(w.between(1, 50), func() { w.talk(v) })
		case !h.Terminating && at < 0 && h.Generation > v.left[t.Work.Key]:
			w.start(v, t, h)
		case !h.Terminating && at >= 0 && t.Preempting && !v.runs[at].ending:
			w.save(v, v.runs[at])
		}
	}
}

func (w *World) isFor(h state.Allocation, r *run) bool {
	t := w.state.TaskAt(h.Task)
	return t.Work.Key == r.task && h.Generation == r.generation
}

// start begins a part of a gang. A part of an older generation of the same task
// that runs here goes over into it.
func (w *World) start(v *worker, t *state.Task, h state.Allocation) {
	for _, r := range slices.Clone(v.runs) {
		if r.task == t.Work.Key {
			w.keep(r)
			w.drop(v, r)
		}
	}
	took := w.left[t.Work.Key]*v.slow/int64(t.Slots()) + startMS
	r := &run{task: t.Work.Key, generation: h.Generation, slots: h.Slots, began: w.now, due: w.now + took}
	if t.Parts[0].Worker == v.id {
		r.took = took
	}
	v.runs = append(v.runs, r)
	used := 0
	for _, other := range v.runs {
		used += other.slots
	}
	if used > v.slots {
		w.fail("%s runs %d slots of %d", v.id, used, v.slots)
	}
	w.after(w.between(50, 2000), func() {
		if !r.gone && !r.ending {
			r.started = true
			v.report(command.Started{Report: v.about(r)})
			w.talk(v)
		}
	})
	if r.took > 0 {
		w.after(took, func() { w.end(v, r) })
	}
}

// end is a gang's work done, if all of it is still there; else it waits for the
// others, as an all-reduce does.
func (w *World) end(v *worker, r *run) {
	if r.gone || r.ending {
		return
	}
	t := w.state.Task(r.task)
	for _, p := range t.Parts {
		member := w.byID[p.Worker]
		runs := slices.ContainsFunc(member.runs, func(o *run) bool { return o.task == r.task && o.generation == r.generation && o.started })
		if !runs || !member.up || member.cut != v.cut {
			w.after(2000, func() { w.end(v, r) })
			return
		}
	}
	w.drop(v, r)
	switch {
	case w.chance(2000):
		v.report(command.Failed{Report: v.about(r), Reason: "loss is not finite", Permanent: true})
	case w.cfg.Faults && w.chance(40):
		v.report(command.Failed{Report: v.about(r), Reason: "disk full"})
	default:
		v.report(command.Done{Report: v.about(r)})
	}
	w.talk(v)
}

// save is a preempted run that writes its state and stops. Now and then one hangs.
func (w *World) save(v *worker, r *run) {
	if w.cfg.Faults && w.chance(20) {
		return
	}
	r.ending = true
	w.after(w.between(500, 8000), func() {
		if !r.gone {
			w.keep(r)
			w.drop(v, r)
			v.report(command.Interrupted{Report: v.about(r)})
			w.talk(v)
		}
	})
}

// keep takes what a run has worked from what its task still needs.
func (w *World) keep(r *run) {
	if worked := w.now - r.began - startMS; r.took > startMS && worked > 0 {
		left := w.left[r.task]
		w.left[r.task] = max(left-left*min(worked, r.took-startMS)/(r.took-startMS), 1000)
	}
}

// stop ends a run that is not wanted any more, which takes a while.
func (w *World) stop(v *worker, r *run) {
	r.ending = true
	w.after(w.between(10, 3000), func() {
		if !r.gone {
			w.drop(v, r)
			v.report(command.Released{Report: v.about(r)})
			w.talk(v)
		}
	})
}

func (w *World) drop(v *worker, r *run) {
	r.gone = true
	v.left[r.task] = max(v.left[r.task], r.generation)
	v.runs = slices.DeleteFunc(v.runs, func(o *run) bool { return o == r })
}
