package sim

import (
	"slices"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
	"g2c/worker/agent"
)

// leader is a leadership: what a coordinator knows while it leads, beside the state.
// It obeys the rules that coordinator/server does, on one goroutine.
type leader struct {
	w         *world
	leads     bool
	offset    time.Duration // of its clock
	began     time.Duration
	heard     map[string]time.Duration // by worker: when its last heartbeat came that was answered
	sessions  map[string]*session      // by worker
	proposals []proposal               // that were made and are not committed yet
	planner   scheduler.Planner
	plan      *scheduler.Plan // the last; nil before the first
	planning  bool            // a plan will be made soon
}

// proposal is an entry on its way into the log.
type proposal struct {
	entry command.Entry
	then  func(state.Result) // hears what became of it, if its leader still leads
}

// elect makes a leader that knows nothing but the state: it has followed the log, or
// has just read its snapshot from disk. It has heard of nobody yet, so every lease
// begins anew.
func (w *world) elect() {
	if w.chance(3) {
		w.restore()
	}
	w.stats.leaders++
	l := &leader{
		w: w, leads: true, offset: w.between(-3*time.Second, 3*time.Second), began: w.now,
		heard: map[string]time.Duration{}, sessions: map[string]*session{},
	}
	if w.cfg.sabotage == earlyLeases {
		l.began -= lease
	}
	w.leader = l
	l.planSoon()
}

// depose leaves the cluster without a leader for about as long as an election takes.
// Of what it proposed last, the next one has as much as had reached a majority; nobody
// hears how much.
func (w *world) depose() {
	l := w.leader
	if !l.leads {
		return
	}
	for _, p := range l.proposals[:w.rand.IntN(len(l.proposals)+1)] {
		w.apply(p.entry)
	}
	l.leads = false
	for _, n := range w.nodes {
		if s := l.sessions[n.id]; s != nil {
			w.after(w.between(0, 2*time.Second), func() { l.hangUp(s) })
		}
	}
	w.after(w.between(300*time.Millisecond, 1500*time.Millisecond), w.elect)
}

// propose has an entry committed, with those that are proposed meanwhile.
func (l *leader) propose(e command.Entry, then func(state.Result)) {
	l.proposals = append(l.proposals, proposal{e, then})
	if len(l.proposals) == 1 {
		l.w.after(l.w.between(time.Millisecond, 8*time.Millisecond), l.commit)
	}
}

func (l *leader) commit() {
	if !l.leads {
		return
	}
	batch := l.proposals
	l.proposals = nil
	for _, p := range batch {
		p.then(l.w.apply(p.entry))
	}
}

// dispatch has a plan made of what has changed since an index, and tells those whom it
// concerns.
func (l *leader) dispatch(since uint64) {
	w := l.w
	changes, _ := w.state.ChangesSince(since)
	for i := len(changes) - 1; i >= 0; i-- {
		switch c := changes[i]; c.Kind {
		case state.WorkerChanged:
			l.ping(c.Name)
		case state.TaskChanged:
			if t := w.state.TaskAt(c.Seq); t != nil && t.Preempting {
				for _, p := range t.Parts {
					l.ping(p.Worker)
				}
			}
		}
	}
	if len(changes) > 0 {
		l.planSoon()
	}
}

func (l *leader) planSoon() {
	if l.planning {
		return
	}
	l.planning = true
	l.w.after(planGap, func() {
		l.planning = false
		l.makePlan()
	})
}

// makePlan makes a plan and commits it: the state accepts all of a fresh one.
func (l *leader) makePlan() {
	w := l.w
	if !l.leads {
		return
	}
	l.plan = l.planner.Plan(w.state.Snapshot(), w.clock(), w.policy(), w.hints())
	for _, c := range l.plan.Commands {
		if _, evicts := c.(command.Evict); evicts && w.cfg.sabotage == noPreemptions {
			continue
		}
		if r := w.apply(command.Entry{Command: c}); r.Err != nil {
			w.fail("the plan is refused: %+v: %w", c, r.Err)
			return
		}
		switch c := c.(type) {
		case command.Place:
			w.stats.placed++
			w.checkQuota(w.state.Task(c.Task).Project)
			w.checkGiven(c.Parts)
		case command.Resize:
			w.stats.resized++
			w.checkGiven(c.Parts)
		case command.Preempt:
			w.stats.preempted++
		case command.Evict:
			w.stats.evicted++
		}
	}
}

// policy is that of the cluster at its level.
func (w *world) policy() scheduler.Policy {
	p := w.cfg.policy
	p.Span = p.Span && w.state.Level() >= api.LevelGangs
	return p
}

// tick does what time alone asks for: plans whose reason is the clock, and leases.
func (w *world) tick() {
	w.after(tickEvery, w.tick)
	w.checkOrphans()
	w.checkHolds()
	l := w.leader
	if !l.leads {
		return
	}
	for _, n := range w.nodes {
		record := w.state.Worker(n.id)
		if record == nil || record.Lost || w.now-max(l.heard[n.id], l.began) <= lease {
			continue
		}
		w.stats.lost++
		w.checkLost(n, record.Incarnation)
		c := command.Lost{Worker: n.id, Incarnation: record.Incarnation}
		if w.state.Level() >= api.LevelWishes {
			c.Progress = w.lastWords(record)
		}
		w.apply(command.Entry{Command: c})
	}
	l.makePlan()
}

// hello begins a session in place of an older one. Its lease comes first: nobody is to
// take the worker for lost between its join and its welcome.
func (l *leader) hello(s *session) {
	id := s.process.node.id
	old := l.sessions[id]
	if old != nil && s.named && old.incarnation > s.incarnation {
		s.send(down, s.process.refused)
		return
	}
	s.leader = l
	l.sessions[id] = s
	if old != nil {
		l.hangUp(old)
	}
	l.heard[id] = l.w.now
	l.join(s, true, func() {
		l.w.stats.sessions++
		incarnation := s.incarnation
		s.send(down, func() { s.process.handle(func() { s.process.welcome(s, incarnation) }) })
		s.astray = true
		l.ping(id)
	})
}

// join sees to it that the state has the worker as its process is, and goes on.
func (l *leader) join(s *session, hello bool, then func()) {
	w, n := l.w, s.process.node
	record := w.state.Worker(n.id)
	j := command.Join{
		Worker: n.id, Incarnation: s.incarnation, Class: api.ClassCPU, Slots: n.slots, Host: n.host.name, Device: n.device,
		Memory: n.memory, Cached: []api.Key{fixture.Data(n.device)},
	}
	if w.state.Level() >= api.LevelGangs {
		j.Address = s.process.address
	}
	fits := s.named && record != nil && !record.Lost && record.Incarnation == s.incarnation && record.Address == j.Address
	if w.state.Level() >= api.LevelWishes {
		j.Boot = n.host.boot()
		if j.Issue = !s.named; j.Issue {
			j.Incarnation = 0
		}
		if record != nil && !fits {
			j.Progress = w.lastWords(record)
		}
	}
	if fits && (!hello || record.Boot == j.Boot) {
		then()
		return
	}
	l.propose(command.Entry{Command: j}, func(r state.Result) {
		if r.Err == nil {
			n.taken(r.Incarnation)
		}
		switch {
		case l.sessions[n.id] != s: // its worker has connected anew
		case r.Err != nil:
			s.forget()
			s.send(down, s.process.refused)
		default:
			s.named, s.incarnation = true, r.Incarnation
			then()
		}
	})
}

// heartbeat extends the worker's lease, and joins it again if the state has lost it.
func (l *leader) heartbeat(s *session, answer func()) {
	if !l.leads || l.sessions[s.process.node.id] != s {
		return
	}
	l.heard[s.process.node.id] = l.w.now
	l.join(s, false, func() { s.send(down, answer) })
}

// take has the state take a report, or refuse it: either is an answer. The worker's
// record comes right behind.
func (l *leader) take(s *session, r agent.Report) {
	if !l.leads || l.sessions[s.process.node.id] != s {
		return
	}
	l.w.checkHeard(s, r)
	about := command.Report{Task: r.Task, Worker: s.process.node.id, Incarnation: s.incarnation, Generation: r.Generation}
	l.propose(command.Entry{Command: commandOf(r, about)}, func(res state.Result) {
		a := agent.Answer{Number: r.Number, Index: res.Index}
		if res.Err != nil {
			a.Refusal = res.Err.Error()
		}
		s.send(down, func() { s.process.handle(func() { s.process.answered(s, a) }) })
		l.assign(s, true)
	})
}

func commandOf(r agent.Report, about command.Report) command.Command {
	switch r.Kind {
	case agent.Started:
		return command.Started{Report: about}
	case agent.Done:
		return command.Done{Report: about}
	case agent.Failed:
		return command.Failed{Report: about, Reason: r.Reason, Permanent: r.Permanent}
	case agent.Interrupted:
		return command.Interrupted{Report: about}
	}
	return command.Released{Report: about}
}

// deregister forgets a worker that has stopped everything.
func (l *leader) deregister(s *session) {
	if !l.leads || l.sessions[s.process.node.id] != s {
		return
	}
	c := command.Leave{Worker: s.process.node.id, Incarnation: s.incarnation}
	if l.w.state.Level() < api.LevelWishes {
		c.Incarnation = 0
	}
	l.propose(command.Entry{Command: c}, func(state.Result) {
		s.forget()
		s.send(down, func() { s.process.handle(s.process.exit) })
	})
}

// hangUp ends a session from the leader's end.
func (l *leader) hangUp(s *session) {
	s.forget()
	s.send(down, func() { s.process.handle(func() { s.process.hungUp(s) }) })
}

// ping has a worker's record looked at soon.
func (l *leader) ping(worker string) {
	s := l.sessions[worker]
	if s == nil || s.pinged || !s.named {
		return
	}
	s.pinged = true
	l.w.after(l.w.between(0, 20*time.Millisecond), func() {
		s.pinged = false
		l.assign(s, false)
	})
}

// assign sends a worker its record, if that has changed or always.
func (l *leader) assign(s *session, always bool) {
	w, id := l.w, s.process.node.id
	if !l.leads || l.sessions[id] != s {
		return
	}
	record := w.state.Worker(id)
	if record == nil || record.Lost || record.Incarnation != s.incarnation {
		s.told, s.astray = nil, true // its next heartbeat joins it again
		return
	}
	list := w.assignments(record)
	if !always && !s.astray && slices.EqualFunc(list, s.told, sameAssignment) {
		return
	}
	s.told, s.astray = list, false
	if w.cfg.sabotage == earlyReleases {
		l.releaseNow(s, list)
	}
	r := agent.Record{Index: w.state.Index(), Assignments: slices.Clone(list)} // the core keeps it
	s.send(down, func() { s.process.handle(func() { s.process.assigned(s, r) }) })
}

// assignments is all that the state expects of a worker.
func (w *world) assignments(record *state.Worker) []agent.Assignment {
	list := make([]agent.Assignment, len(record.Allocations))
	for i, h := range record.Allocations {
		t := w.state.TaskAt(h.Task)
		a := agent.Assignment{Task: t.Work.Key, Generation: h.Generation, Slots: h.Slots, Terminating: h.Terminating}
		if !h.Terminating {
			a.Work, a.Preempting = t.Work, t.Preempting && w.cfg.sabotage != noPreemptions
			for _, p := range t.Parts {
				a.Gang = append(a.Gang, agent.Part{
					Worker: p.Worker, Slots: p.Slots, Host: w.byID[p.Worker].host.name, Address: w.state.Worker(p.Worker).Address,
				})
			}
		}
		list[i] = a
	}
	return list
}

func sameAssignment(a, b agent.Assignment) bool {
	return a.Task == b.Task && a.Generation == b.Generation && a.Slots == b.Slots && a.Terminating == b.Terminating &&
		a.Preempting == b.Preempting && slices.Equal(a.Gang, b.Gang)
}

// lastWords is the last that was heard of what a worker runs, for a record of its death.
func (w *world) lastWords(record *state.Worker) (out []command.Progress) {
	for _, h := range record.Allocations {
		if t := w.state.TaskAt(h.Task); !h.Terminating {
			out = append(out, command.Progress{Task: t.Work.Key, Step: w.steps(t)})
		}
	}
	return out
}
