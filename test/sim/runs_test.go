package sim

import (
	"slices"
	"time"

	"g2c/api"
	"g2c/coordinator/state"
	"g2c/worker/agent"
)

// store is what is saved of tasks, and how much work each has.
type store map[api.Key]*job

// job is the work of a task, in steps: those that it has, and those that need not be done
// again from its newest checkpoint on. One that is done has its result in the store.
type job struct {
	all, saved int
	done       bool
}

// stepWork is the work of a step: the time that it takes one slot.
const stepWork = time.Second

// saveEvery is how many steps lie between two checkpoints.
const saveEvery = 200

// run is a task that really runs in a process, alone or with others of its gang. It lives
// through the generations that its worker is part of.
type run struct {
	agent.Assignment // the newest that it was told
	process          *process
	job              *job
	at               stage
	step             int           // completed; what it has of the task's state
	x                *exchange     // that it trains in
	since            time.Duration // when it began to wait for others
	polls            bool          // it will look again soon whether they are there

	trains    uint64           // the generation that it met the others in; that of its start before
	holds     int              // slots that it really uses
	first     bool             // it writes what its gang has to store
	suspicion *agent.Suspicion // that nobody was told of yet

	told time.Duration // when it was told to end; 0 before
	idle time.Duration // how long its process had been stopped by then
	deaf bool          // it does not do what it is told
	over bool

	// The state believes that it has ended: its process was called lost, or another has
	// taken its name. Its slots are not the state's to give any more, and the process has to
	// see to it that nothing else uses them.
	disowned bool
}

// stage is what a run is at.
type stage int

const (
	loading   stage = iota
	waiting         // at a step boundary, for the others of its gang
	training        // in an exchange
	leaving         // an exchange, for the next step boundary
	finishing       // it stores the result
)

// startTime is how long a run takes before it does work, at most.
const startTime = 3 * time.Second

// stopTime is how long a run may take to stop that does as it is told.
const stopTime = 15 * time.Second

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
	r := &run{
		Assignment: a, process: p, job: w.store[a.Task], trains: a.Generation, holds: a.Slots, deaf: w.mishap(200), disowned: p.disowned,
	}
	p.runs = append(p.runs, r)
	p.after(w.between(100*time.Millisecond, startTime), func() {
		switch {
		case r.over:
		case r.job.done:
			r.end(agent.Outcome{Kind: agent.Done})
		default:
			r.step = r.job.saved
			r.arrive()
		}
	})
}

// change tells a run what has become of its gang.
func (p *process) change(a agent.Assignment) {
	w, r := p.w, p.running(a.Task)
	w.checkChange(p, r, a)
	if r == nil {
		return
	}
	if w.cfg.sabotage == anewEachTime {
		r.over = true
		p.runs = slices.DeleteFunc(p.runs, func(o *run) bool { return o == r })
		r.lost()
		delete(p.started, placement{a.Task, a.Generation})
		p.start(a)
		return
	}
	r.Assignment = a
	if w.cfg.sabotage == earlyStarts {
		p.core.Started(a.Task, a.Generation)
	}
	switch r.at {
	case training:
		r.x.end(r)
	case waiting:
		r.arrive()
	}
}

// disown notes that the state believes a process to run nothing.
func (p *process) disown() {
	p.disowned = true
	for _, r := range p.runs {
		r.disowned = true
	}
}

// finish stores a task's result.
func (r *run) finish() {
	w := r.process.w
	switch {
	case r.over || r.deaf && r.told > 0:
	case w.mishap(2000):
		r.end(agent.Outcome{Kind: agent.Failed, Reason: "loss is not finite", Permanent: true})
	case w.mishap(40):
		r.end(agent.Outcome{Kind: agent.Failed, Reason: "disk full"})
	default:
		r.job.done, r.job.saved = true, r.job.all
		r.end(agent.Outcome{Kind: agent.Done})
	}
}

// tell has a run save its state or stop. Now and then one hangs.
func (p *process) tell(o agent.Order) {
	w := p.w
	r := p.running(o.Task)
	if r == nil || r.Generation > o.Generation || r.Generation < o.Generation && r.told == 0 {
		w.fail("%s tells generation %d of %s to end, which does not run", p.node.id, o.Generation, o.Task.Short())
		return
	}
	w.checkTold(r, o)
	r.told, r.idle = w.now, p.stoppedFor()
	if r.x != nil {
		r.x.end(r)
	}
	end := func() {
		if r.over || r.deaf {
			return
		}
		r.save()
		if o.Kind == agent.Stop && w.mishap(10) {
			r.end(agent.Outcome{Kind: agent.Failed, Reason: killed})
		} else {
			r.end(agent.Outcome{Kind: agent.Interrupted})
		}
	}
	switch {
	case o.Kind == agent.Stop:
		p.after(w.between(10*time.Millisecond, stopTime), end)
	case w.mishap(20):
	default:
		p.after(w.between(500*time.Millisecond, 8*time.Second), end)
	}
}

// save writes a checkpoint of the task, if that is this run's to do.
func (r *run) save() {
	if r.first {
		r.job.saved = max(r.job.saved, r.step)
	}
}

// end ends a run, whatever came of it. What its gang knows of it is not its process's any
// more.
func (r *run) end(o agent.Outcome) {
	p := r.process
	r.over = true
	delete(p.reached, r.Task)
	if r.x != nil {
		r.x.end(r)
	}
	p.runs = slices.DeleteFunc(p.runs, func(o *run) bool { return o == r })
	if p.w.cfg.sabotage == amnesia && len(p.runs) == 0 {
		p.core = agent.NewCore(p.node.slots)
		p.hungUp(p.link)
		return
	}
	p.core.Ended(r.Task, o)
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

// furthest is the run of a task's gang that has come furthest; nil if there is none.
func (w *world) furthest(t *state.Task) (best *run) {
	for _, part := range t.Parts {
		for _, p := range w.byID[part.Worker].processes {
			if r := p.running(t.Work.Key); r != nil && (best == nil || r.steps() > best.steps()) {
				best = r
			}
		}
	}
	return best
}

// steps is how many a run has completed by now.
func (r *run) steps() int {
	if r.x != nil {
		return r.x.done()
	}
	return r.step
}

// remaining is how long a run will take still, as far as it knows.
func (r *run) remaining() time.Duration {
	if r.x != nil && r.x.flows {
		return r.x.left()
	}
	slots := 0
	for _, p := range r.Gang {
		slots += p.Slots
	}
	return startTime + time.Duration(r.job.all-r.step)*stepWork/time.Duration(slots)*time.Duration(r.process.node.slow)
}

// steps is how far a task has come.
func (w *world) steps(t *state.Task) uint64 {
	done := w.store[t.Work.Key].saved
	if r := w.furthest(t); r != nil {
		done = max(done, r.steps())
	}
	return uint64(done)
}
