package sim

import (
	"slices"
	"time"

	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
	"g2c/worker/agent"
)

// A gang trains from meeting to meeting. All members of a generation stand at a step
// boundary, whoever is behind gets the state of the furthest, and they go on together until
// one of them leaves, is lost, or is not heard by another.

// Times of a gang.
const (
	deadline  = 20 * time.Second // without a word of a member, which is suspected then
	meetEvery = 2 * time.Second  // it is looked whether all are there
)

// exchange is members of a gang that train together since a meeting.
type exchange struct {
	w          *world
	generation uint64
	members    []*run // in the gang's order
	step       int    // that all have completed, as of since
	since      time.Duration
	pace       time.Duration // of a step
	flows      bool          // all work, and hear each other
	looks      int           // how often that has changed
	over       bool
}

// arrive has a run stand at a step boundary and wait for the others of its gang.
func (r *run) arrive() {
	if r.over || r.told > 0 || r.at == finishing {
		return
	}
	r.at, r.since = waiting, r.process.w.now
	r.meet()
}

// meet begins an exchange if all are there. It suspects members that do not come: the first
// any other, the others the first.
func (r *run) meet() {
	if r.over || r.told > 0 || r.at != waiting {
		return
	}
	w := r.process.w
	members, all := make([]*run, len(r.Gang)), true
	var absent []string
	for i, part := range r.Gang {
		o := w.memberOf(r, part)
		members[i] = o
		all = all && o != nil && o.at == waiting
		if o == nil && (i == 0 || r.Gang[0].Worker == r.process.node.id) {
			absent = append(absent, part.Worker)
		}
	}
	if all {
		w.begin(members)
		return
	}
	if len(absent) > 0 && w.now-r.since > deadline {
		r.since = w.now
		r.suspect(r.Generation, absent...)
	}
	if !r.polls {
		r.polls = true
		r.process.after(meetEvery, func() {
			r.polls = false
			r.meet()
		})
	}
}

// memberOf is the run of a member of a gang, as another member finds it; nil if it is not
// there, not reached, or knows of another gang.
func (w *world) memberOf(r *run, part agent.Part) *run {
	if part.Worker == r.process.node.id {
		return r
	}
	for _, p := range w.byID[part.Worker].processes {
		o := p.running(r.Task)
		if o != nil && p.address == part.Address && !p.stopped && p.reaches(r.process) && o.told == 0 && slices.Equal(o.Gang, r.Gang) && o.Generation == r.Generation {
			return o
		}
	}
	return nil
}

// reaches says whether two processes can hear each other.
func (p *process) reaches(o *process) bool {
	return p == o || !p.node.apart && !o.node.apart && p.node.parted != o.node && o.node.parted != p.node
}

// begin has the members of a generation train together, from where the furthest stands.
func (w *world) begin(members []*run) {
	x := &exchange{w: w, generation: members[0].Generation, members: members, since: w.now}
	for _, r := range members {
		x.step = max(x.step, r.step)
	}
	for i, r := range members {
		w.checkGoesOn(r, x.step)
		if r.step < x.step {
			w.stats.handed++
		}
		if r.trains < r.Generation {
			r.disowned = r.process.disowned
		}
		r.at, r.x, r.step, r.first = training, x, x.step, i == 0
		r.trains, r.holds = r.Generation, r.Slots
		w.checkSlots(r.process)
		r.process.after(w.between(10*time.Millisecond, time.Second), func() {
			if !r.over {
				r.process.core.Started(r.Task, x.generation)
			}
		})
	}
	x.look()
	if r := members[w.rand.IntN(len(members))]; len(members) > 1 && w.mishap(60) {
		r.process.after(w.between(time.Second, time.Minute), func() {
			if r.x == x && r.told == 0 {
				r.end(agent.Outcome{Kind: agent.Failed, Reason: "out of memory", Permanent: w.chance(2)})
			}
		})
	}
}

// whole says whether all members work, and hear each other.
func (x *exchange) whole() bool {
	for i, r := range x.members {
		if r.process.stopped || slices.ContainsFunc(x.members[:i], func(o *run) bool { return !r.process.reaches(o.process) }) {
			return false
		}
	}
	return true
}

// done is how many steps are completed by now.
func (x *exchange) done() int {
	if !x.flows {
		return x.step
	}
	return min(x.step+int((x.w.now-x.since)/x.pace), x.members[0].job.all)
}

// left is how long what is left takes, if nothing comes between.
func (x *exchange) left() time.Duration {
	return max(x.since+time.Duration(x.members[0].job.all-x.step)*x.pace-x.w.now, 0)
}

// settle notes what is completed by now. Checkpoints are written on the way.
func (x *exchange) settle() {
	n := x.done()
	x.since += time.Duration(n-x.step) * x.pace
	x.step = n
	for _, r := range x.members {
		r.has(n)
	}
	if j := x.members[0].job; n < j.all {
		j.saved = max(j.saved, n/saveEvery*saveEvery)
	}
}

// has notes that a run has completed its steps up to one.
func (r *run) has(step int) {
	r.step = step
	if !r.over {
		r.process.reached[r.Task] = step
	}
}

// look finds out how fast the exchange goes on from now on, if at all. Members that hear
// nothing of another for a while suspect it.
func (x *exchange) look() {
	if x.over {
		return
	}
	x.settle()
	flowed := x.flows
	x.flows = x.whole()
	if !x.flows && !flowed && x.looks > 0 {
		return
	}
	x.looks++
	looks := x.looks
	if !x.flows {
		for _, r := range x.members {
			r.process.after(deadline+x.w.between(0, 2*time.Second), func() {
				if x.looks == looks && !r.over {
					r.misses(x)
				}
			})
		}
		return
	}
	if !flowed {
		x.since = x.w.now
	}
	slots, slow := 0, int64(1)
	for _, r := range x.members {
		slots, slow = slots+r.holds, max(slow, r.process.node.slow)
	}
	x.pace = stepWork * time.Duration(slow) / time.Duration(slots)
	x.w.after(x.left(), func() {
		if x.looks == looks && !x.over {
			x.finish()
		}
	})
}

// misses has a member suspect those that it has not heard for too long. The exchange ends.
func (r *run) misses(x *exchange) {
	var silent []string
	for _, o := range x.members {
		if o.over || o.process.stopped || !o.process.reaches(r.process) {
			silent = append(silent, o.process.node.id)
		}
	}
	if len(silent) > 0 {
		r.suspect(x.generation, silent...)
	}
	x.end(nil)
}

// suspect has the leader be told that members of a generation do not answer.
func (r *run) suspect(generation uint64, workers ...string) {
	r.suspicion = &agent.Suspicion{Generation: generation, Workers: workers, Reason: "no answer"}
}

// finish ends an exchange in which all is done. The first stores the result; the others wait
// until they are not wanted any more, or are first themselves.
func (x *exchange) finish() {
	x.settle()
	first := x.members[0]
	first.at = finishing
	x.end(nil)
	first.process.after(x.w.between(0, time.Second), first.finish)
}

// end ends an exchange at a step boundary, for somebody leaves it, if only for the next
// generation. Of those that were in the middle of a step one may have completed it.
func (x *exchange) end(leaver *run) {
	if x.over {
		return
	}
	x.settle()
	x.over = true
	w := x.w
	if r := x.members[w.rand.IntN(len(x.members))]; x.flows && x.step < r.job.all && r != leaver && w.mishap(2) {
		r.has(x.step + 1)
	}
	x.flows = false
	for _, r := range x.members {
		r.x = nil
		if r.at == training {
			r.at = leaving
			r.process.after(w.between(time.Millisecond, 500*time.Millisecond), r.arrive)
		}
	}
}

// lost ends what a run that is gone with its process trained in. The others find out soon.
func (r *run) lost() {
	x := r.x
	if x == nil {
		return
	}
	x.end(r)
	for _, o := range x.members {
		if o != r && !o.over {
			o.process.after(x.w.between(10*time.Millisecond, 3*time.Second), func() {
				if !o.over {
					o.suspect(x.generation, r.process.node.id)
				}
			})
		}
	}
}

// lookAt looks again at all that a worker's processes train in.
func (w *world) lookAt(n *node) {
	for _, p := range n.processes {
		for _, r := range p.runs {
			if r.x != nil {
				r.x.look()
			}
		}
	}
}

// suspect has a gang go on without members that do not answer another of it.
func (l *leader) suspect(s *session, r *run, of agent.Suspicion) {
	w := l.w
	if !l.leads || l.sessions[s.process.node.id] != s {
		return
	}
	c, ok := scheduler.Regroup(w.state.Snapshot(), r.Task, of.Generation, s.process.node.id, of.Workers)
	if !ok {
		return
	}
	l.propose(command.Entry{Command: c}, func(res state.Result) {
		if res.Err != nil {
			return
		}
		w.stats.suspected++
		if w.cfg.sabotage == suspectsAreFree {
			l.free(r.Task, of)
		}
		for _, worker := range of.Workers {
			w.checkHeld(worker)
		}
		w.checkGiven(c.Parts)
	})
}
