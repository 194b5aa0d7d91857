package sim

import (
	"fmt"
	"slices"

	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
	"g2c/worker/agent"
)

// What must never be, whatever goes wrong: each check is called where it could first
// be seen. The state's own invariants are checked after every entry (world.apply).

// checkStart holds what begins to run: a generation begins once in a process, and
// what really runs fits into its slots.
func (w *world) checkStart(p *process, a agent.Assignment) {
	if at := (placement{a.Task, a.Generation}); p.started[at] {
		w.fail("%s starts generation %d of %s twice", p.node.id, a.Generation, a.Task.Short())
	} else {
		p.started[at] = true
	}
	if p.lost && !p.waking() {
		w.fail("%s is called lost and starts generation %d of %s", p.node.id, a.Generation, a.Task.Short())
	}
	if p.leaving {
		w.fail("%s was asked to end and starts generation %d of %s", p.node.id, a.Generation, a.Task.Short())
	}
	used := a.Slots
	for _, r := range p.runs {
		used += r.Slots
		if r.Task == a.Task {
			w.fail("%s starts generation %d of %s beside generation %d", p.node.id, a.Generation, a.Task.Short(), r.Generation)
		}
	}
	if used > p.node.slots {
		w.fail("%s runs %d slots of %d", p.node.id, used, p.node.slots)
	}
}

// checkGiven holds the state to what really runs where it has just given slots away:
// none of them is still in use. What a worker has been told to leave is its own until
// it says that it has.
func (w *world) checkGiven(parts []command.Part) {
	for _, part := range parts {
		n := w.byID[part.Worker]
		record := w.state.Worker(n.id)
		for _, p := range n.processes {
			for _, r := range p.runs {
				given := 0
				for _, h := range record.Allocations {
					if w.state.TaskAt(h.Task).Work.Key == r.Task {
						given += h.Slots
					}
				}
				if p.incarnation == record.Incarnation && !r.disowned && given < r.Slots {
					w.fail("slots of %s are given away while %d of them run generation %d of %s", n.id, r.Slots-given, r.Generation, r.Task.Short())
				}
			}
		}
	}
}

// checkObeyed holds a process that has heard all answers to what its record says: what
// is not wanted any more, or is to save its state or hand over, was told to end.
func (w *world) checkObeyed(p *process) {
	if p.link == nil || !p.knows || p.core.Cut() || len(p.core.Reports(0)) > 0 {
		return
	}
	for _, r := range p.runs {
		goesOn := slices.ContainsFunc(p.record, func(a agent.Assignment) bool {
			return a.Task == r.Task && a.Generation == r.Generation && !a.Terminating && !a.Preempting
		})
		if !goesOn && r.told == 0 {
			w.fail("%s goes on with generation %d of %s, and was told that it is not to", p.node.id, r.Generation, r.Task.Short())
		}
	}
}

// checkTold holds what is told to a run that is to go on in its next generation: it
// saves its state first, or the work would be lost.
func (w *world) checkTold(r *run, o agent.Order) {
	p := r.process
	goesOn := slices.ContainsFunc(p.record, func(a agent.Assignment) bool {
		return a.Task == r.Task && a.Generation > r.Generation && !a.Terminating
	})
	if goesOn && o.Kind == agent.Stop && r.told == 0 && !p.core.Cut() {
		w.fail("%s stops generation %d of %s at once, which is to hand over", p.node.id, r.Generation, r.Task.Short())
	}
}

// checkGone holds a process that deregisters to having told all.
func (w *world) checkGone(p *process) {
	if len(p.runs) > 0 || len(p.core.Reports(0)) > 0 {
		w.fail("%s deregisters with %d tasks and %d reports", p.node.id, len(p.runs), len(p.core.Reports(0)))
	}
}

// checkLost holds whoever is called lost to have stopped. A process that is stopped
// itself runs nothing, and has some time to find out when it goes on.
func (w *world) checkLost(n *node, incarnation uint64) {
	for _, p := range n.processes {
		if p.incarnation != incarnation {
			continue
		}
		if len(p.runs) > 0 && !p.stopped && !p.waking() {
			w.fail("%s is called lost and still runs %d tasks", n.id, len(p.runs))
		}
		p.lost = true
		p.disown()
	}
}

// checkAwake holds a process that was called lost while it was stopped to have stopped
// what it ran.
func (w *world) checkAwake(p *process) {
	if p.lost && !p.stopped && !p.waking() && len(p.runs) > 0 {
		w.fail("%s is called lost and still runs %d tasks, %v after it went on", p.node.id, len(p.runs), w.now-p.resumed)
	}
}

// checkSent holds a report to what is so when it is sent: an end was reported of what
// has ended with all before it, a start of what has nothing before it.
func (w *world) checkSent(p *process, r agent.Report) {
	if r.Reason == killed {
		w.fail("%s says that generation %d of %s has failed, which was told to stop", p.node.id, r.Generation, r.Task.Short())
	}
	left := r.Generation
	if r.Kind == agent.Started {
		left--
	}
	for _, o := range p.runs {
		if o.Task == r.Task && o.Generation <= left {
			w.fail("%s says %v of generation %d of %s while generation %d runs", p.node.id, r.Kind, r.Generation, r.Task.Short(), o.Generation)
		}
	}
}

// checkHeard holds the reports of a process to their order: none is left out, none
// changes, and in a session none comes again.
func (w *world) checkHeard(s *session, r agent.Report) {
	p := s.process
	switch {
	case s.report > 0 && r.Number != s.report+1:
		w.fail("%s reports number %d after %d in one session", p.node.id, r.Number, s.report)
	case r.Number == uint64(len(p.said))+1:
		p.said = append(p.said, r)
	case r.Number == 0 || r.Number > uint64(len(p.said)):
		w.fail("%s reports number %d, and nobody has heard of %d", p.node.id, r.Number, len(p.said)+1)
	case p.said[r.Number-1] != r:
		w.fail("%s reports %+v, which was %+v", p.node.id, r, p.said[r.Number-1])
	}
	s.report = r.Number
}

// checkStuck holds a process that ends itself to its reason: a task that does not do
// what it is told, or had no time to while the process was stopped.
func (w *world) checkStuck(p *process, a *agent.Assignment) {
	r := p.running(a.Task)
	if r == nil || !r.deaf && p.idle == r.idle {
		w.fail("%s ends its process for generation %d of %s, which would have stopped in time", p.node.id, a.Generation, a.Task.Short())
	}
}

// checkRefused holds a process that no leader will have to its reason: another of its
// name has joined since.
func (w *world) checkRefused(p *process) {
	if !p.named || p.incarnation >= p.node.joined {
		w.fail("%s is refused as incarnation %d, and %d is the latest", p.node.id, p.incarnation, p.node.joined)
	}
}

// checkQuotas holds quotas after every entry, from the level on at which a task is
// charged for whom it runs. Before, another experiment's end may charge one that has
// no room: there a quota holds after each placement, and what a project has above it
// when the cluster is raised can only become less.
func (w *world) checkQuotas() {
	for _, p := range projects {
		used, above := w.state.Usage(p.Project), w.above[p.Project]
		if w.raised && used > above {
			w.checkQuota(p.Project)
		}
		if !w.raised || used < above {
			w.above[p.Project] = used
		}
	}
}

func (w *world) checkQuota(project string) {
	if quota := w.state.Project(project).Quota; quota > 0 && w.state.Usage(project) > quota {
		w.fail("project %s uses %d of %d slots", project, w.state.Usage(project), quota)
	}
}

// finished says whether the world has healed and every task has ended.
func (w *world) finished() bool {
	return w.now >= w.cfg.duration && w.waiting == 0 && w.state.Count(state.Pending)+w.state.Count(state.Placed)+w.state.Count(state.Running) == 0
}

// verdict holds the end of a world to what its users were promised, and to leaving
// nothing behind.
func (w *world) verdict() {
	plan := scheduler.Make(w.state.Snapshot(), w.clock(), w.cfg.policy, nil, scheduler.Memory{})
	for t := range w.state.Tasks(0) {
		switch t.Status {
		case state.Done:
			w.stats.done++
			if t.Completions != 1 {
				w.fail("%s was completed %d times", t.Work.Name(), t.Completions)
			}
		case state.Failed:
			w.stats.failed++
		case state.Cancelled:
			w.stats.cancelled++
		default:
			w.fail("%s is %s for ever, on %v: %s", t.Work.Name(), t.Status, t.Parts, plan.Why(t.Work.Key))
		}
	}
	for _, n := range w.nodes {
		if err := w.idle(n); err != nil {
			w.fail("all is done, but %s %w", n.id, err)
		}
	}
	if err := w.state.Check(); err != nil {
		w.fail("at the end: %w", err)
	}
	if err := w.compare(); err != nil {
		w.fail("at the end: %w", err)
	}
}

// idle says what a worker still has, though all tasks have ended and it has had time.
func (w *world) idle(n *node) error {
	record := w.state.Worker(n.id)
	switch {
	case len(n.processes) != 1:
		return fmt.Errorf("has %d processes", len(n.processes))
	case record == nil || record.Lost:
		return fmt.Errorf("is not known, or lost: %+v", record)
	case len(record.Allocations) > 0:
		return fmt.Errorf("has %+v", record.Allocations)
	}
	p := n.processes[0]
	switch {
	case len(p.runs) > 0 || len(p.core.Running()) > 0:
		return fmt.Errorf("runs %d tasks", len(p.runs))
	case len(p.core.Reports(0)) > 0:
		return fmt.Errorf("has reports that nobody answers: %+v", p.core.Reports(0))
	case slices.ContainsFunc(n.processes, func(p *process) bool { return p.link == nil }):
		return fmt.Errorf("has no session")
	}
	return nil
}
