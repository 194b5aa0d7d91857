package sim

import (
	"fmt"
	"slices"
	"time"

	"g2c/api"
	"g2c/worker/agent"
)

// host is a machine. Its workers go down together.
type host struct {
	name  string
	boots int
}

func (h *host) boot() string { return fmt.Sprint(h.name, " ", h.boots) }

// node is a worker as the coordinator knows it, by its name.
type node struct {
	wire
	id        string
	host      *host
	slots     int
	device    string
	memory    int64
	listens   bool       // for others of a gang
	booted    int        // processes that have listened
	slow      int64      // how many times as long as usual everything takes
	process   *process   // the newest, which may have ended
	shown     uint64     // the last incarnation that a process has named itself
	joined    uint64     // the highest that has joined
	processes []*process // that have not ended: more than one if somebody took the first for dead
}

func (w *world) add(n *node) {
	n.slow = 1
	w.nodes = append(w.nodes, n)
	w.byID[n.id] = n
	w.after(w.between(0, heartbeat), func() { w.boot(n) })
}

// boot starts a process of a worker.
func (w *world) boot(n *node) {
	p := &process{
		w: w, node: n, alive: true, core: agent.NewCore(n.slots), began: w.now, drift: w.rand.Int64N(41) - 20,
		incarnation: uint64(unix(w.now)), started: map[placement]bool{}, reached: map[api.Key]int{},
	}
	if n.listens {
		n.booted++
		p.address = fmt.Sprintf("%s:%d", n.host.name, n.booted)
	}
	if p.incarnation <= n.shown { // two of one millisecond
		p.incarnation = n.shown + 1
	}
	n.shown = p.incarnation
	n.process = p
	n.processes = append(n.processes, p)
	p.dial()
}

// taken notes that a process of a worker has joined, in place of any other.
func (n *node) taken(incarnation uint64) {
	n.joined = max(n.joined, incarnation)
	for _, p := range n.processes {
		if p.incarnation != incarnation {
			p.disown()
		}
	}
}

// process is a worker's process: the loop of worker/agent around a real core, on one
// goroutine that may be stopped at any time.
type process struct {
	w           *world
	node        *node
	core        *agent.Core
	alive       bool
	incarnation uint64
	named       bool          // a leader has welcomed it under its incarnation
	began       time.Duration // by the right clock
	drift       int64         // of its clock, in thousandths
	address     string        // where others of a gang reach it; empty if they do not

	link    *session      // nil between sessions
	opening *session      // that has no welcome yet
	wait    time.Duration // before the last attempt at one
	heard   moment        // when that was sent which was answered last
	alarm   time.Duration // when the core is asked what time alone asks for
	leaving bool

	stopped bool          // by a signal: it does nothing, until it goes on
	since   time.Duration // when it was stopped
	idle    time.Duration // how long it was stopped before
	inbox   []func()      // what came meanwhile

	lost     bool // it was called lost, and has had no welcome since
	disowned bool // the same, or another has taken its name

	record  []agent.Assignment // the last that it was told
	knows   bool               // that is of this session
	runs    []*run
	started map[placement]bool
	reached map[api.Key]int // steps that its run of a task has completed
	said    []agent.Report  // that a leader has heard, in order
}

// Times of the loop, as worker/agent has them.
const (
	openLimit   = 1500 * time.Millisecond
	retryFirst  = 100 * time.Millisecond
	retryMost   = 2 * time.Second
	goodbyeTime = 10 * time.Second
	watchEvery  = time.Second // while an answer is due
)

// elapsed is its clock, which may run at another rate than others.
func (p *process) elapsed() time.Duration { return p.scaled(p.w.now - p.began) }

// scaled is a time as its clock has it.
func (p *process) scaled(d time.Duration) time.Duration { return d + d/1000*time.Duration(p.drift) }

// moment is a time by a process's clock, and how long it had not been stopped by then.
type moment struct{ clock, awake time.Duration }

func (p *process) moment() moment {
	return moment{p.elapsed(), p.elapsed() - p.scaled(p.stoppedFor())}
}

// handle has the process do something, once it is not stopped.
func (p *process) handle(do func()) {
	switch {
	case !p.alive:
	case p.stopped:
		p.inbox = append(p.inbox, do)
	default:
		if p.tick() { // what was said before the process was stopped is not obeyed as if it had not been
			do()
			p.loop()
		}
	}
}

// after has the process do something after so much time of its own, which does not
// pass while it is stopped.
func (p *process) after(d time.Duration, do func()) {
	idle := p.stoppedFor()
	p.w.after(d, func() {
		if late := p.stoppedFor() - idle; late > 0 && p.alive {
			p.after(late, do)
			return
		}
		p.handle(do)
	})
}

func (p *process) stoppedFor() time.Duration {
	if p.stopped {
		return p.idle + p.w.now - p.since
	}
	return p.idle
}

// loop is what follows everything that the process hears.
func (p *process) loop() {
	if !p.alive || !p.tick() {
		return
	}
	p.pump()
	p.arm()
	p.w.checkObeyed(p)
}

// tick lets time pass in the core. It reports false if that ends the process.
func (p *process) tick() bool {
	if p.w.cfg.sabotage == noLeases {
		p.core.Heard(p.elapsed())
	}
	stuck := p.core.Tick(p.elapsed())
	if stuck != nil {
		p.w.stats.quit++
		p.w.checkStuck(p, stuck)
		p.exit()
	}
	return stuck == nil
}

// pump carries out what the core wants.
func (p *process) pump() {
	for _, o := range p.core.Orders() {
		switch o.Kind {
		case agent.Start:
			p.start(o.Assignment)
		case agent.Change:
			p.change(o.Assignment)
		default:
			p.tell(o)
		}
	}
	s := p.link
	if s == nil {
		return
	}
	if p.core.Silent() {
		p.leave(s)
		return
	}
	for _, r := range p.core.Reports(s.sent) {
		p.w.checkSent(p, r)
		s.sent = r.Number
		s.send(up, func() { s.leader.take(s, r) })
	}
	for _, r := range p.runs {
		p.accuse(s, r)
	}
	if p.core.Gone() && !s.leaving {
		s.leaving = true
		p.w.checkGone(p)
		s.send(up, func() { s.leader.deregister(s) })
	}
}

// accuse tells the leader whom a run suspects, if its gang is still that.
func (p *process) accuse(s *session, r *run) {
	of := r.suspicion
	r.suspicion = nil
	if of != nil && of.Generation == r.Generation {
		s.send(up, func() { s.leader.suspect(s, r, *of) })
	}
}

// arm has the loop go round when the core has something to do. Answers put that off
// all the time, so an earlier alarm stays.
func (p *process) arm() {
	at, ok := p.core.Deadline()
	if !ok {
		return
	}
	due := p.w.now + max(at-p.elapsed(), time.Millisecond)
	if p.alarm > p.w.now && p.alarm <= due {
		return
	}
	p.alarm = due
	p.w.after(due-p.w.now, func() { p.handle(func() {}) })
}

// dial asks for a session.
func (p *process) dial() {
	if !p.alive || p.link != nil || p.opening != nil {
		return
	}
	s := &session{w: p.w, process: p, begun: p.moment(), incarnation: p.incarnation, named: p.named}
	p.opening = s
	s.send(up, func() {
		if p.w.leader.leads {
			p.w.leader.hello(s)
		} else {
			s.send(down, func() { p.handle(func() { p.hungUp(s) }) })
		}
	})
	p.w.after(openLimit, func() {
		p.handle(func() {
			if p.opening == s {
				p.leave(s)
			}
		})
	})
}

// welcome begins a session.
func (p *process) welcome(s *session, incarnation uint64) {
	if p.opening != s {
		return
	}
	p.opening, p.link, p.lost, p.disowned = nil, s, false, false
	p.incarnation, p.named, p.knows = incarnation, true, false
	p.heard = s.begun
	p.core.Welcome(s.begun.clock, lease, heartbeat)
	if p.w.cfg.sabotage == noRepeats {
		for _, r := range p.core.Reports(0) {
			s.sent = r.Number
		}
	}
	p.w.after(heartbeat, func() { p.handle(func() { p.beat(s) }) })
}

// beat asks for the lease to go on, again and again.
func (p *process) beat(s *session) {
	if p.link != s {
		return
	}
	sent, answered := p.moment(), false
	s.send(up, func() {
		s.leader.heartbeat(s, func() {
			p.handle(func() {
				answered = true
				if p.link == s {
					if sent.clock > p.heard.clock {
						p.heard = sent
					}
					p.core.Heard(sent.clock)
				}
			})
		})
	})
	p.w.after(heartbeat, func() { p.handle(func() { p.beat(s) }) })
	p.watch(s, &answered)
}

// watch has the loop go round until an answer has come: it may be time to look for
// another leader.
func (p *process) watch(s *session, answered *bool) {
	p.w.after(watchEvery, func() {
		if !*answered && p.link == s {
			p.watch(s, answered)
			p.handle(func() {})
		}
	})
}

// assigned hears what the worker is to run.
func (p *process) assigned(s *session, r agent.Record) {
	if p.link == s {
		p.record, p.knows = slices.Clone(r.Assignments), true // the core keeps the other
		p.core.Told(r)
	}
}

// answered hears what became of a report.
func (p *process) answered(s *session, a agent.Answer) {
	if p.link == s {
		p.core.Answered(a)
	}
}

// leave hangs up.
func (p *process) leave(s *session) {
	s.send(up, s.forget)
	p.hungUp(s)
}

// hungUp is the end of a session, or of the attempt at one. Another is tried a little
// later: at once if this one has lasted.
func (p *process) hungUp(s *session) {
	switch s {
	case p.link:
		p.link, p.wait = nil, 0
	case p.opening:
		p.opening = nil
	default:
		return
	}
	p.wait = min(max(2*p.wait, retryFirst), retryMost)
	p.w.after(p.w.between(p.wait/2, p.wait), func() { p.handle(p.dial) })
}

// refused is the word that another process has the worker's name.
func (p *process) refused() {
	p.handle(func() {
		p.w.stats.replaced++
		p.w.checkRefused(p)
		p.exit()
	})
}

// drain has the process save all that it runs, deregister and end.
func (p *process) drain() {
	if p.leaving {
		return
	}
	p.leaving = true
	if p.core.Stranger() {
		p.exit()
		return
	}
	p.core.Drain(p.elapsed(), 0)
	p.partIfDone()
}

// partIfDone ends a process that was asked to, if nothing of it is left and nobody
// answers.
func (p *process) partIfDone() {
	if p.leaving && len(p.runs) == 0 {
		p.w.after(goodbyeTime, func() { p.handle(p.exit) })
	}
}

// exit ends the process and all that runs in it. Somebody starts another.
func (p *process) exit() {
	if !p.alive {
		return
	}
	p.alive = false
	runs := p.runs
	p.runs = nil
	for _, r := range runs {
		r.over = true
		r.lost()
	}
	for _, s := range []*session{p.link, p.opening} {
		if s != nil {
			s.send(up, s.forget)
		}
	}
	n := p.node
	n.processes = slices.DeleteFunc(n.processes, func(o *process) bool { return o == p })
	p.w.after(p.w.between(2*time.Second, 3*time.Minute), func() { p.w.revive(n) })
}

// revive starts a worker's process if it has none.
func (w *world) revive(n *node) {
	if len(n.processes) == 0 {
		w.boot(n)
	}
}

// stop has the process do nothing until it goes on.
func (p *process) stop() {
	if p.alive && !p.stopped {
		p.stopped, p.since = true, p.w.now
		p.w.lookAt(p.node)
	}
}

// goOn has a stopped process do what came meanwhile.
func (p *process) goOn() {
	if !p.alive || !p.stopped {
		return
	}
	p.idle = p.stoppedFor()
	p.stopped = false
	p.w.lookAt(p.node)
	inbox := p.inbox
	p.inbox = nil
	for _, do := range inbox {
		p.handle(do)
	}
	p.handle(func() {})
	p.checkOrphans()
}
