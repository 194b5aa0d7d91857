package agent

import (
	"container/heap"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// world plays the cores of many workers against the real state and scheduler, with
// events in place of time: sessions that stall and break, leaders that change,
// processes that die, tasks that hang. Whatever happens, no worker runs more than
// its slots or a generation twice, and whoever is called lost has stopped.
type world struct {
	t      *testing.T
	rand   *rand.Rand
	now    time.Duration
	events events
	count  int
	faults bool

	state       *state.State
	planner     *scheduler.Planner
	leadership  int // number of the leader; 0 while there is none
	leaderships int
	heard       map[string]time.Duration
	pending     bool
	nodes       []*node
	began       map[string]bool // what was ever started, by worker, incarnation, task and generation
	lost        int
	quit        int
}

var seeds = flag.Int("seeds", 3, "how many bad worlds to play, from seed 1 on")

const (
	leaseLength = 45 * time.Second
	loadLength  = 40 * time.Minute
)

// node is a worker's process, and what really runs in it.
type node struct {
	id          string
	slots       int
	incarnation uint64
	up, cut     bool
	core        *Core
	session     *session
	runs        map[api.Key]*live
	leaving     bool
}

type live struct {
	Assignment
	started bool
	deaf    bool // does not stop when told to
	told    bool // to stop
}

// session carries messages in order, each way, until one side gives up. While the
// node is cut off they wait.
type session struct {
	node       *node
	leadership int
	open       bool
	sent       uint64 // number of the last report sent
	left       bool   // the node deregistered; in the next session again, if that was not heard
	toward     map[bool][]func()
}

type event struct {
	at time.Duration
	n  int
	do func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].n < e[j].n
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any     { x := (*e)[len(*e)-1]; *e = (*e)[:len(*e)-1]; return x }

func (w *world) after(d time.Duration, do func()) {
	w.count++
	heap.Push(&w.events, event{w.now + d, w.count, do})
}

func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rand.Int64N(int64(high-low)+1))
}

func (w *world) chance(n int) bool { return w.rand.IntN(n) == 0 }

func (w *world) clock() int64 { return w.now.Milliseconds() + 3600_000 }

func (w *world) apply(c command.Command) state.Result {
	before := w.state.Index()
	r := w.state.Apply(before+1, command.Entry{At: w.clock(), Command: c})
	if err := w.state.CheckSince(before); err != nil {
		w.t.Fatalf("%v: after %+v: %v", w.now, c, err)
	}
	changes, _ := w.state.ChangesSince(before)
	for _, c := range changes {
		w.announce(c)
	}
	if len(changes) > 0 && !w.pending {
		w.pending = true
		w.after(50*time.Millisecond, func() { w.pending = false; w.plan() })
	}
	return r
}

// announce sends the records that a change touches.
func (w *world) announce(c state.Change) {
	for _, n := range w.nodes {
		s := n.session
		if s == nil || !s.open || s.leadership != w.leadership {
			continue
		}
		switch c.Kind {
		case state.WorkerChanged:
			if c.Name == n.id {
				w.sendRecord(s)
			}
		case state.TaskChanged:
			if t := w.state.TaskAt(c.Seq); t != nil && t.Preempting && slices.ContainsFunc(t.Parts, func(p command.Part) bool { return p.Worker == n.id }) {
				w.sendRecord(s)
			}
		}
	}
}

func (w *world) plan() {
	if w.leadership == 0 {
		return
	}
	policy := scheduler.DefaultPolicy()
	policy.PatienceMS, policy.PreemptAfterMS, policy.GraceMS, policy.GrowAfterMS = 60_000, 20_000, 30_000, 20_000
	policy.DwellMS, policy.Span = 20_000, true // cores have to manage gangs on several workers, and many changes
	for _, c := range w.planner.Plan(w.state.Snapshot(), w.clock(), policy, nil).Commands {
		if r := w.apply(c); r.Err != nil {
			w.t.Fatalf("the plan is refused: %+v: %v", c, r.Err)
		}
	}
}

// tick calls workers lost whose lease is over, and plans.
func (w *world) tick() {
	w.after(time.Second, w.tick)
	if w.leadership == 0 {
		return
	}
	for v := range w.state.Workers("") {
		if v.Lost || w.now-w.heard[v.ID] <= leaseLength {
			continue
		}
		n := w.node(v.ID)
		if len(n.runs) > 0 && n.incarnation == v.Incarnation && !n.core.Cut() {
			w.t.Fatalf("%v: %s is called lost, runs %d tasks, and takes itself for leased", w.now, n.id, len(n.runs))
		}
		w.lost++
		w.apply(command.Lost{Worker: v.ID, Incarnation: v.Incarnation})
		if s := n.session; s != nil && s.leadership == w.leadership {
			w.closeSession(s)
		}
	}
	w.plan()
}

func (w *world) depose() {
	w.leadership = 0
	for _, n := range w.nodes {
		if n.session != nil {
			w.closeSession(n.session)
		}
	}
	w.after(w.between(300*time.Millisecond, 3*time.Second), w.elect)
}

func (w *world) elect() {
	w.leaderships++
	w.leadership, w.planner, w.heard = w.leaderships, new(scheduler.Planner), map[string]time.Duration{}
	for v := range w.state.Workers("") {
		w.heard[v.ID] = w.now
	}
}

func (w *world) node(id string) *node {
	for _, n := range w.nodes {
		if n.id == id {
			return n
		}
	}
	w.t.Fatalf("no node %s", id)
	return nil
}

// Sessions.

func (w *world) closeSession(s *session) {
	s.open = false
	if s.node.session == s {
		s.node.session = nil
	}
}

// send delivers a message after a moment and after all that went before it the
// same way.
func (w *world) send(s *session, up bool, deliver func()) {
	s.toward[up] = append(s.toward[up], deliver)
	if len(s.toward[up]) == 1 {
		w.after(w.between(time.Millisecond, 30*time.Millisecond), func() { w.deliver(s, up) })
	}
}

func (w *world) deliver(s *session, up bool) {
	if !s.open {
		return
	}
	if s.node.cut {
		w.after(w.between(100*time.Millisecond, time.Second), func() { w.deliver(s, up) })
		return
	}
	first := s.toward[up][0]
	s.toward[up] = s.toward[up][1:]
	if len(s.toward[up]) > 0 {
		w.after(w.between(0, 10*time.Millisecond), func() { w.deliver(s, up) })
	}
	first()
}

// heartbeat is the node's regular word; without a session it asks for one.
func (w *world) heartbeat(n *node) {
	w.after(leaseLength/6, func() { w.heartbeat(n) })
	if !n.up {
		return
	}
	if n.session != nil && n.core.Cut() {
		w.closeSession(n.session)
	}
	if n.session == nil && !n.cut && w.leadership != 0 {
		w.join(n)
	}
	if s := n.session; s != nil {
		sent := w.now
		w.send(s, true, func() {
			w.heard[n.id] = w.now
			w.send(s, false, func() { n.core.Heard(sent) })
		})
	}
}

func (w *world) join(n *node) {
	s := &session{node: n, leadership: w.leadership, open: true, toward: map[bool][]func(){}}
	n.session = s
	sent := w.now
	w.send(s, true, func() {
		w.heard[n.id] = w.now
		r := w.apply(command.Join{Worker: n.id, Incarnation: n.incarnation, Class: api.ClassCPU, Slots: n.slots, Host: n.id})
		if r.Err != nil {
			w.t.Fatalf("join %s: %v", n.id, r.Err)
		}
		w.send(s, false, func() {
			n.core.Welcome(sent, leaseLength, leaseLength/6)
			w.after(0, func() { w.pump(n) })
		})
		w.sendRecord(s)
	})
}

func (w *world) sendRecord(s *session) {
	w.after(w.between(0, 20*time.Millisecond), func() {
		if !s.open || w.state.Worker(s.node.id) == nil {
			return
		}
		r := recordOf(w.state, s.node.id)
		w.after(w.between(0, 20*time.Millisecond), func() {
			w.send(s, false, func() {
				s.node.core.Told(r)
				w.pump(s.node)
			})
		})
	})
}

func recordOf(s *state.State, id string) Record {
	out := Record{Index: s.Index()}
	for _, h := range s.Worker(id).Allocations {
		t := s.TaskAt(h.Task)
		a := Assignment{Task: t.Work.Key, Generation: h.Generation, Slots: h.Slots, Terminating: h.Terminating}
		if !h.Terminating {
			a.Work, a.Preempting = t.Work, t.Preempting
			for _, p := range t.Parts {
				a.Gang = append(a.Gang, Part{Worker: p.Worker, Slots: p.Slots})
			}
		}
		out.Assignments = append(out.Assignments, a)
	}
	return out
}

// pump carries out what a core wants.
func (w *world) pump(n *node) {
	for _, o := range n.core.Orders() {
		w.order(n, o)
	}
	s := n.session
	if s == nil || !s.open || n.core.record == nil {
		return
	}
	for _, r := range n.core.Reports(s.sent) {
		s.sent = r.Number
		w.send(s, true, func() {
			if n.session == s {
				w.report(s, r)
			}
		})
	}
	if n.leaving && n.core.Gone() && !s.left {
		s.left = true
		w.send(s, true, func() {
			w.crash(n)
			w.apply(command.Leave{Worker: n.id})
		})
	}
}

func (w *world) report(s *session, r Report) {
	n := s.node
	about := command.Report{Task: r.Task, Worker: n.id, Incarnation: n.incarnation, Generation: r.Generation}
	c := map[ReportKind]command.Command{
		Started: command.Started{Report: about}, Done: command.Done{Report: about}, Interrupted: command.Interrupted{Report: about},
		Released: command.Released{Report: about}, Failed: command.Failed{Report: about, Reason: r.Reason, Permanent: r.Permanent},
	}[r.Kind]
	a := Answer{Number: r.Number}
	if res := w.apply(c); res.Err != nil {
		a.Refusal = res.Err.Error()
	}
	a.Index = w.state.Index()
	w.send(s, false, func() {
		n.core.Answered(a)
		w.pump(n)
	})
	w.sendRecord(s)
}

// The executor.

func (w *world) order(n *node, o Order) {
	if o.Kind == Start {
		w.start(n, o.Assignment)
		return
	}
	r := n.runs[o.Task]
	r.told = true
	incarnation := n.incarnation
	end := func(k ReportKind) {
		if n.incarnation == incarnation && n.runs[o.Task] == r && !r.deaf {
			w.end(n, r, Outcome{Kind: k})
		}
	}
	switch {
	case o.Kind == Stop:
		w.after(w.between(10*time.Millisecond, 10*time.Second), func() { end(Interrupted) })
	case w.faults && w.chance(20): // it hangs
	default:
		w.after(w.between(500*time.Millisecond, 8*time.Second), func() { end(Interrupted) })
	}
}

func (w *world) start(n *node, a Assignment) {
	once := fmt.Sprint(n.id, n.incarnation, a.Task, a.Generation)
	if w.began[once] {
		w.t.Fatalf("%v: %s starts generation %d twice", w.now, n.id, a.Generation)
	}
	w.began[once] = true
	r := &live{Assignment: a, deaf: w.faults && w.chance(200)}
	n.runs[a.Task] = r
	used := 0
	for _, o := range n.runs {
		used += o.Slots
	}
	if used > n.slots {
		w.t.Fatalf("%v: %s runs %d of %d slots", w.now, n.id, used, n.slots)
	}
	w.after(w.between(10*time.Millisecond, time.Second), func() {
		if n.runs[a.Task] == r {
			r.started = true
			n.core.Started(a.Task, a.Generation)
			w.pump(n)
		}
	})
	if a.Gang[0].Worker == n.id {
		w.after(w.between(2*time.Second, 90*time.Second), func() { w.finish(n, r) })
	}
}

// finish ends a gang's work once all of it runs.
func (w *world) finish(n *node, r *live) {
	if n.runs[r.Task] != r || r.deaf && r.told {
		return
	}
	for _, p := range r.Gang {
		o := w.node(p.Worker).runs[r.Task]
		if o == nil || o.Generation != r.Generation || !o.started {
			w.after(2*time.Second, func() { w.finish(n, r) })
			return
		}
	}
	switch {
	case w.faults && w.chance(30):
		w.end(n, r, Outcome{Kind: Failed, Reason: "disk full"})
	default:
		w.end(n, r, Outcome{Kind: Done})
	}
}

func (w *world) end(n *node, r *live, o Outcome) {
	delete(n.runs, r.Task)
	n.core.Ended(r.Task, o)
	w.pump(n)
}

// watch is the node's timer.
func (w *world) watch(n *node) {
	w.after(250*time.Millisecond, func() { w.watch(n) })
	if !n.up {
		return
	}
	if stuck := n.core.Tick(w.now); stuck != nil {
		w.quit++
		if !n.runs[stuck.Task].deaf {
			w.t.Fatalf("%v: %s ends its process for a task that would have stopped in time", w.now, n.id)
		}
		w.crash(n)
		return
	}
	w.pump(n)
}

func (w *world) crash(n *node) {
	if !n.up {
		return
	}
	n.up, n.leaving = false, false
	clear(n.runs)
	if n.session != nil {
		w.closeSession(n.session)
	}
	w.after(w.between(time.Second, 100*time.Second), func() { w.boot(n) })
}

func (w *world) boot(n *node) {
	n.up, n.core = true, NewCore(n.slots)
	n.incarnation++
}

func (w *world) fault() {
	w.after(w.between(time.Second, 20*time.Second), w.fault)
	if !w.faults {
		return
	}
	n := w.nodes[w.rand.IntN(len(w.nodes))]
	switch w.rand.IntN(5) {
	case 0:
		w.crash(n)
	case 1, 2:
		n.cut = true
		w.after(w.between(time.Second, 100*time.Second), func() { n.cut = false })
	case 3:
		if n.up && n.session != nil && !n.leaving {
			n.leaving = true
			n.core.Drain()
			w.pump(n)
		}
	case 4:
		if w.leadership != 0 && w.chance(4) {
			w.depose()
		}
	}
}

func newWorld(t *testing.T, seed uint64, nodes int) *world {
	w := &world{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), state: state.New(), planner: new(scheduler.Planner), faults: true,
		heard: map[string]time.Duration{}, began: map[string]bool{},
	}
	w.elect()
	for i := range nodes {
		n := &node{id: fmt.Sprintf("w%02d", i), slots: 1 + i%4, runs: map[api.Key]*live{}}
		w.nodes = append(w.nodes, n)
		w.boot(n)
		w.after(w.between(0, time.Second), func() { w.heartbeat(n); w.watch(n) })
	}
	w.tick()
	w.fault()
	return w
}

func (w *world) submit(i int) {
	w.apply(command.Submit{
		Experiment: fmt.Sprint("e", i), Project: fmt.Sprint("p", i%3), Priority: w.rand.IntN(3),
		Works: []api.Work{
			fixture.Work(fmt.Sprint("small", i), fixture.Options{Gang: api.Gang{Min: 1, Max: 1}}),
			fixture.Work(fmt.Sprint("gang", i), fixture.Options{Gang: api.Gang{Min: 1 + w.rand.IntN(4), Max: 6}}),
		},
	})
	if w.chance(10) {
		w.after(w.between(time.Second, time.Minute), func() { w.apply(command.Cancel{Experiment: fmt.Sprint("e", i)}) })
	}
}

func (w *world) over() bool {
	if w.now < loadLength {
		return false
	}
	return w.state.Count(state.Pending)+w.state.Count(state.Placed)+w.state.Count(state.Running) == 0
}

func TestCoresKeepTheRulesInABadWorld(t *testing.T) {
	var lost, quit, leaderships int
	for seed := uint64(1); seed <= uint64(*seeds); seed++ {
		w := newWorld(t, seed, 20)
		for i := range 300 {
			w.after(w.between(0, loadLength), func() { w.submit(i) })
		}
		w.after(loadLength, func() { w.faults = false })
		for !w.over() && w.now < 10*loadLength {
			e := heap.Pop(&w.events).(event)
			w.now = e.at
			e.do()
		}
		t.Logf("seed %d: over at %v: %d done, %d failed, %d cancelled; %d lost, %d quit, %d leaders", seed, w.now,
			w.state.Count(state.Done), w.state.Count(state.Failed), w.state.Count(state.Cancelled), w.lost, w.quit, w.leaderships)
		if !w.over() {
			plan := scheduler.Make(w.state.Snapshot(), w.clock(), scheduler.DefaultPolicy(), nil, scheduler.Memory{})
			for task := range w.state.Tasks(0) {
				if task.Status.Live() {
					t.Errorf("%s is %s for ever, on %v: %s", task.Work.Name(), task.Status, task.Parts, plan.Why(task.Work.Key))
				}
			}
			t.Fatalf("seed %d: tasks did not end", seed)
		}
		lost, quit, leaderships = lost+w.lost, quit+w.quit, leaderships+w.leaderships
		if err := w.state.Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for task := range w.state.Tasks(0) {
			if task.Status == state.Done && task.Completions != 1 {
				t.Errorf("%s was completed %d times", task.Work.Name(), task.Completions)
			}
		}
	}
	if lost == 0 || quit == 0 || leaderships < 3**seeds {
		t.Errorf("%d workers lost, %d processes ended by themselves, %d leaders: too tame a world", lost, quit, leaderships)
	}
}
