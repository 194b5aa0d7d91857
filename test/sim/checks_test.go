package sim

import (
	"fmt"
	"slices"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
	"g2c/worker/agent"
)

// What must never be, whatever goes wrong: each check is called where it could first
// be seen. The state's own invariants are checked after every entry (world.apply).

// checkStart holds what begins to run: a generation begins once in a process, which has
// heard of its lease lately, and what really runs fits into its slots.
func (w *world) checkStart(p *process, a agent.Assignment) {
	w.checkBegins(p, a)
	for _, r := range p.runs {
		if r.Task == a.Task {
			w.fail("%s starts generation %d of %s beside generation %d", p.node.id, a.Generation, a.Task.Short(), r.Generation)
		}
	}
	used := a.Slots
	for _, r := range p.runs {
		used += r.holds
	}
	if used > p.node.slots {
		w.fail("%s runs %d slots of %d", p.node.id, used, p.node.slots)
	}
}

// checkBegins holds a generation to what may begin in a process.
func (w *world) checkBegins(p *process, a agent.Assignment) {
	at := placement{a.Task, a.Generation}
	if p.started[at] {
		w.fail("%s starts generation %d of %s twice", p.node.id, a.Generation, a.Task.Short())
	}
	p.started[at] = true
	if silent := p.elapsed() - p.heard.clock; silent >= lease/2 {
		w.fail("%s starts generation %d of %s, and has not been answered for %v", p.node.id, a.Generation, a.Task.Short(), silent)
	}
	if p.lost {
		w.fail("%s is called lost and starts generation %d of %s", p.node.id, a.Generation, a.Task.Short())
	}
	if p.leaving {
		w.fail("%s was asked to end and starts generation %d of %s", p.node.id, a.Generation, a.Task.Short())
	}
}

// checkChange holds a change of a run's gang to what it was before: the same generation with
// other members, or a later one.
func (w *world) checkChange(p *process, r *run, a agent.Assignment) {
	switch {
	case r == nil || a.Generation < r.Generation:
		w.fail("%s goes on as generation %d of %s, which does not run", p.node.id, a.Generation, a.Task.Short())
	case a.Generation > r.Generation:
		w.checkBegins(p, a)
	case slices.Equal(a.Gang, r.Gang):
		w.fail("%s is told of no change in generation %d of %s", p.node.id, a.Generation, a.Task.Short())
	}
}

// checkSlots holds what really runs in a process to its slots.
func (w *world) checkSlots(p *process) {
	used := 0
	for _, r := range p.runs {
		used += r.holds
	}
	if used > p.node.slots {
		w.fail("%s runs %d slots of %d", p.node.id, used, p.node.slots)
	}
}

// checkGoesOn holds a gang to repeating no step that one of it has completed.
func (w *world) checkGoesOn(r *run, from int) {
	if step := r.process.reached[r.Task]; step > from {
		w.fail("%s repeats steps %d to %d of %s, which it has completed", r.process.node.id, from+1, step, r.Task.Short())
	}
}

// checkGiven holds the state to what really runs where it has just given slots away:
// none of them is still in use. What a worker has been told to leave is its own until
// it says that it has.
func (w *world) checkGiven(parts []command.Part) {
	for _, part := range parts {
		w.checkHeld(part.Worker)
	}
}

// checkHeld holds the state to what really runs on a worker.
func (w *world) checkHeld(worker string) {
	n, record := w.byID[worker], w.state.Worker(worker)
	if record == nil {
		return
	}
	for _, p := range n.processes {
		for _, r := range p.runs {
			given := 0
			for _, h := range record.Allocations {
				if w.state.TaskAt(h.Task).Work.Key == r.Task {
					given += h.Slots
				}
			}
			if p.incarnation == record.Incarnation && !r.disowned && given < r.holds {
				w.fail("slots of %s are given away while %d of them run generation %d of %s", n.id, r.holds-given, r.trains, r.Task.Short())
			}
		}
	}
}

// staying is gangs that a worker is about to leave, and which are large enough without it.
type staying []placement

// stays lists the gangs that an entry must not end.
func (w *world) stays(c command.Command) (out staying) {
	if w.state.Level() < api.LevelGangs {
		return nil
	}
	var worker string
	var failed, reported api.Key
	switch c := c.(type) {
	case command.Lost:
		worker = c.Worker
	case command.Leave:
		worker = c.Worker
	case command.Join:
		worker = c.Worker
	case command.Interrupted:
		worker, reported = c.Worker, c.Task
	case command.Released:
		worker, reported = c.Worker, c.Task
	case command.Failed:
		worker, reported, failed = c.Worker, c.Task, c.Task
	}
	record := w.state.Worker(worker)
	if record == nil {
		return nil
	}
	for _, h := range record.Allocations {
		t := w.state.TaskAt(h.Task)
		about := reported == (api.Key{}) || reported == t.Work.Key
		if h.Terminating || t.Preempting || !about || failed == t.Work.Key && t.Parts[0].Worker == worker {
			continue
		}
		if wish := w.state.Snapshot().Charged(t); wish != nil && t.Slots()-h.Slots >= wish.Gang.Min {
			out = append(out, placement{t.Work.Key, t.Generation})
		}
	}
	return out
}

// checkStays holds the state to leaving alone those of a gang that can go on.
func (w *world) checkStays(gangs staying, c command.Command) {
	for _, g := range gangs {
		if t := w.state.Task(g.task); t.Parts == nil || t.Generation == g.generation && t.Preempting {
			w.fail("generation %d of %s was large enough to go on after %+v, and is %s", g.generation, g.task.Short(), c, t.Status)
		}
	}
}

// checkObeyed holds a process that has heard all answers to what its record says: what
// is not wanted any more, or is to save its state, was told to end, and what goes on as
// another generation was told so, unless it is to have slots that others have not left.
func (w *world) checkObeyed(p *process) {
	if p.link == nil || !p.knows || p.core.Cut() || len(p.core.Reports(0)) > 0 {
		return
	}
	for _, r := range p.runs {
		if r.told > 0 {
			continue
		}
		goesOn := false
		for _, a := range p.record {
			if a.Task != r.Task || a.Generation < r.Generation || a.Terminating {
				continue
			}
			goesOn = goesOn || !a.Preempting || a.Generation > r.Generation
			if a.Generation > r.Generation && a.Slots <= r.holds {
				w.fail("%s was not told that %s goes on as generation %d", p.node.id, r.Task.Short(), a.Generation)
			}
		}
		if !goesOn {
			w.fail("%s goes on with generation %d of %s, and was told that it is not to", p.node.id, r.Generation, r.Task.Short())
		}
	}
}

// checkTold holds what is told to a run that is to go on, if in a later generation: it is
// not stopped, since its state would be lost.
func (w *world) checkTold(r *run, o agent.Order) {
	p := r.process
	goesOn := slices.ContainsFunc(p.record, func(a agent.Assignment) bool {
		return a.Task == r.Task && a.Generation >= r.Generation && !a.Terminating
	})
	if o.Kind != agent.Stop || r.told > 0 {
		return
	}
	if p.core.Cut() {
		w.stats.orphans++
	} else if goesOn {
		w.fail("%s stops generation %d of %s, which is to go on", p.node.id, r.Generation, r.Task.Short())
	}
}

// checkGone holds a process that deregisters to having told all.
func (w *world) checkGone(p *process) {
	if len(p.runs) > 0 || len(p.core.Reports(0)) > 0 {
		w.fail("%s deregisters with %d tasks and %d reports", p.node.id, len(p.runs), len(p.core.Reports(0)))
	}
}

// checkLost holds leaders to calling a worker lost when it begins nothing any more, for
// want of an answer. What runs there goes on as an orphan.
func (w *world) checkLost(n *node, incarnation uint64) {
	for _, p := range n.processes {
		if p.incarnation != incarnation {
			continue
		}
		if silent := p.elapsed() - p.heard.clock; silent < lease/2 {
			w.fail("%s is called lost, and was answered %v ago", n.id, silent)
		}
		p.lost = true
		p.disown()
	}
}

// Times of what runs where no leader answers, as worker/agent has them.
const (
	orphaned = 10 * time.Minute // from half of the lease on
	hung     = 5 * time.Minute  // after it was told to stop
	latest   = time.Second      // for the loop to go round
)

// checkOrphans holds all processes that nobody answers to ending what they run in time.
func (w *world) checkOrphans() {
	for _, n := range w.nodes {
		for _, p := range n.processes {
			if len(p.runs) > 0 && !p.stopped {
				p.checkOrphans()
			}
		}
	}
}

// checkOrphans holds a process to having told what it runs to end, if it was not answered for
// too long, and to its having ended. While it is stopped itself nothing runs.
func (p *process) checkOrphans() {
	silent := p.moment().awake - p.heard.awake
	over := silent - lease/2 - orphaned - latest
	for _, r := range p.runs {
		switch {
		case over > 0 && r.told == 0:
			p.w.fail("%s has not been answered for %v and goes on with %s", p.node.id, silent, r.Task.Short())
		case over > hung:
			p.w.fail("%s has not been answered for %v and still runs %s", p.node.id, silent, r.Task.Short())
		}
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
		if o.Task == r.Task && o.trains <= left {
			w.fail("%s says %v of generation %d of %s while generation %d runs", p.node.id, r.Kind, r.Generation, r.Task.Short(), o.trains)
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
// name has joined since, or began later and is about to.
func (w *world) checkRefused(p *process) {
	began := p.node.processes
	if !p.named || p.incarnation >= p.node.joined && began[len(began)-1] == p {
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
	plan := scheduler.Make(w.state.Snapshot(), w.clock(), w.policy(), nil, scheduler.Memory{})
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
