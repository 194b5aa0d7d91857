package sim

import (
	"slices"
	"time"

	"g2c/api"
	"g2c/coordinator/state"
	"g2c/worker/agent"
)

// store is what is saved of tasks: the work that each has, and how much of it is left
// to do from its last checkpoint on. Work is the time that it takes one slot.
type store map[api.Key]*job

type job struct{ all, left time.Duration }

// run is a part of a gang that really runs in a process. The gang's first part, its
// trainer, does the work of all, as fast as its slots and its host allow.
//
// A run has one assignment from its start to its end. One that changes while it runs
// would settle what is done so far, take the new assignment, and schedule its end anew.
type run struct {
	agent.Assignment
	process *process
	job     *job
	need    time.Duration // work, when it began
	did     time.Duration // of that, until since
	since   time.Duration // when it began to work, or goes on from
	ready   bool          // it trains
	told    time.Duration // when it was told to end; 0 before
	idle    time.Duration // how long its process had been stopped by then
	deaf    bool          // it does not do what it is told
	over    bool

	// The state believes that it has ended: its process was called lost while it was
	// stopped, or another has taken its name. Its slots are not the state's to give any
	// more, and the process has to see to it that nothing else uses them.
	disowned bool
}

// startTime is how long a run takes before it does work.
const startTime = 3 * time.Second

// stopTime is how long a run may take to stop that does as it is told: less than what
// is left of a lease when the worker knows that it ends.
const stopTime = lease * 3 / 8

// killed is the error of a run that does not stop without one.
const killed = "killed"

// placement is a generation of a task.
type placement struct {
	task       api.Key
	generation uint64
}

// start begins a run.
func (p *process) start(a agent.Assignment) {
	w := p.w
	w.checkStart(p, a)
	j := w.store[a.Task]
	r := &run{Assignment: a, process: p, job: j, need: j.left, since: w.now + startTime, deaf: w.mishap(200), disowned: p.disowned}
	p.runs = append(p.runs, r)
	p.after(w.between(50*time.Millisecond, 2*time.Second), func() {
		if !r.over {
			r.ready = true
			p.core.Started(r.Task, r.Generation)
		}
	})
	if r.trains() {
		p.after(r.remaining(), r.finish)
	}
}

// disown notes that the state believes a process to run nothing.
func (p *process) disown() {
	p.disowned = true
	for _, r := range p.runs {
		r.disowned = true
	}
}

// trains says whether it is the part of its gang that does the work.
func (r *run) trains() bool { return r.Gang[0].Worker == r.process.node.id }

// slots are those of the whole gang.
func (r *run) gangSlots() (n int) {
	for _, p := range r.Gang {
		n += p.Slots
	}
	return n
}

// pace is how much work it does in a time of its process.
func (r *run) pace(d time.Duration) time.Duration {
	return d / time.Duration(r.process.node.slow) * time.Duration(r.gangSlots())
}

// settle counts what it has done until now: nothing while its process is stopped.
func (r *run) settle() {
	if now := r.process.w.now; now > r.since && !r.process.stopped {
		r.did += r.pace(now - r.since)
		r.since = now
	}
}

// remaining is how long it still works, if nothing comes between.
func (r *run) remaining() time.Duration {
	begin := max(r.since-r.process.w.now, 0)
	done := r.did
	if !r.process.stopped {
		done += r.pace(max(r.process.w.now-r.since, 0))
	}
	left := max(r.need-done, 0)
	return begin + left/time.Duration(r.gangSlots())*time.Duration(r.process.node.slow)
}

// finish ends a gang's work, if it is done and all of the gang is there: else it waits
// for the others, as an all-reduce does.
func (r *run) finish() {
	if r.over || r.deaf && r.told > 0 {
		return
	}
	if left := r.remaining(); left > time.Millisecond {
		r.process.after(left, r.finish)
		return
	}
	if !r.whole() {
		r.process.after(2*time.Second, r.finish)
		return
	}
	w := r.process.w
	r.settle()
	switch {
	case w.mishap(2000):
		r.end(agent.Outcome{Kind: agent.Failed, Reason: "loss is not finite", Permanent: true})
	case w.mishap(40):
		r.end(agent.Outcome{Kind: agent.Failed, Reason: "disk full"})
	default:
		r.end(agent.Outcome{Kind: agent.Done})
	}
}

// whole says whether all of its gang works, and can be reached.
func (r *run) whole() bool {
	w, here := r.process.w, &r.process.node.wire
	for _, part := range r.Gang {
		n := w.byID[part.Worker]
		there := slices.ContainsFunc(n.processes, func(p *process) bool {
			return !p.stopped && slices.ContainsFunc(p.runs, func(o *run) bool {
				return o.Task == r.Task && o.Generation == r.Generation && o.ready
			})
		})
		if !there || n.process != r.process && (n.cut != [2]bool{} || here.cut != [2]bool{}) {
			return false
		}
	}
	return true
}

// tell has a run save its state or stop. Now and then one hangs.
func (p *process) tell(o agent.Order) {
	w := p.w
	r := p.running(o.Task)
	if r == nil || r.Generation != o.Generation {
		w.fail("%s tells generation %d of %s to end, which does not run", p.node.id, o.Generation, o.Task.Short())
		return
	}
	w.checkTold(r, o)
	r.told, r.idle = w.now, p.stoppedFor()
	end := func() {
		if r.over || r.deaf {
			return
		}
		switch {
		case o.Kind == agent.Save:
			r.save()
		case w.mishap(10):
			r.end(agent.Outcome{Kind: agent.Failed, Reason: killed})
			return
		}
		r.end(agent.Outcome{Kind: agent.Interrupted})
	}
	switch {
	case o.Kind == agent.Stop:
		p.after(w.between(10*time.Millisecond, stopTime), end)
	case w.mishap(20):
	default:
		p.after(w.between(500*time.Millisecond, 8*time.Second), end)
	}
}

// save writes a checkpoint of the task.
func (r *run) save() {
	if r.settle(); r.trains() {
		r.job.left = min(r.job.left, max(r.need-r.did, time.Second))
	}
}

// end ends a run, whatever came of it.
func (r *run) end(o agent.Outcome) {
	p := r.process
	r.over = true
	p.runs = slices.DeleteFunc(p.runs, func(o *run) bool { return o == r })
	if p.w.cfg.sabotage == amnesia && len(p.runs) == 0 {
		p.core = agent.NewCore(p.node.slots)
		p.hungUp(p.link)
		return
	}
	p.core.Ended(r.Task, r.Generation, o)
	p.partIfDone()
}

// running is the run of a task in a process; nil if there is none.
func (p *process) running(task api.Key) *run {
	for _, r := range p.runs {
		if r.Task == task {
			return r
		}
	}
	return nil
}

// trainer is the run that does a task's work; nil if there is none.
func (w *world) trainer(t *state.Task) *run {
	if t.Parts == nil {
		return nil
	}
	for _, p := range w.byID[t.Parts[0].Worker].processes {
		if r := p.running(t.Work.Key); r != nil && r.Generation == t.Generation {
			return r
		}
	}
	return nil
}

// steps is how far a task has come.
func (w *world) steps(t *state.Task) uint64 {
	j := w.store[t.Work.Key]
	done := j.all - j.left
	if r := w.trainer(t); r != nil {
		r.settle()
		done = max(done, j.all-r.need+r.did)
	}
	return uint64(done / time.Second)
}
