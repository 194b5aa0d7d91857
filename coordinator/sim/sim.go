// Package sim is a world of discrete events around the real state and the real
// scheduler: workers that crash, straggle and are cut off, operators that drain
// them, leaders that change, with clocks that are wrong. Nothing in it waits: an
// hour of a thousand workers takes seconds, and a seed gives the same hour again,
// byte for byte.
//
// What is modelled is what a cluster relies on: a worker does what its record says
// as soon as it hears of it, repeats its reports until they are heard, and stops
// everything before its lease ends; the leader calls a worker lost only after that.
// After every entry of the log the state's invariants are checked, and the world
// has invariants of its own: a worker never runs more than its slots, no quota is
// passed, nobody waits for ever.
package sim

import (
	"bytes"
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/rand/v2"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// Config is a world. Times are milliseconds.
type Config struct {
	Seed        uint64
	Workers     int
	Experiments int
	Duration    int64 // of load and faults; then the world heals and finishes
	Faults      bool
	Replica     bool // a second state follows through the bytes of the log
	Policy      scheduler.Policy
	Hints       bool  // workers report how long their tasks still run
	Longest     int64 // the longest that a task runs
}

// Times of the cluster that is modelled.
const (
	heartbeatMS = 10_000
	leaseMS     = 45_000 // the leader's; a worker stops at two thirds of it
	planMS      = 50     // after a change
	tickMS      = 5_000  // plans and leases, without a change
	finishMS    = 24 * 3600_000
)

// World is a running simulation. It belongs to one goroutine.
type World struct {
	cfg    Config
	rand   *rand.Rand
	now    int64
	events events
	count  uint64 // of events ever

	state   *state.State
	replica *state.State
	planner *scheduler.Planner
	last    *scheduler.Plan // nil before the first
	leader  leader
	workers []*worker
	byID    map[string]*worker
	left    map[api.Key]int64 // work that a task still needs, in slot-milliseconds
	made    int               // experiments
	done    bool              // healed, and every task has ended
	firsts  map[want]uint64   // of each project and want, who comes first
	wronged map[uint64]wronged

	digest hash.Hash
	stats  Stats
	err    error
}

// Stats is what came of a world.
type Stats struct {
	Entries, Refused, Placed, Done, Failed, Cancelled int
	Lost, Preempted, Evicted, Resized, Leaders        int
	Wronged                                           int64 // the longest that anybody waited for those with less right, in milliseconds
	End                                               int64
	Digest                                            [32]byte // of every entry and every result
}

// String is a line for people.
func (s Stats) String() string {
	return fmt.Sprintf("%d entries, %d refused; %d placed, %d done, %d failed, %d cancelled; %d workers lost, %d preempted, %d evicted, %d resized, %d leaders; wronged for %d s; %d s, digest %.8x",
		s.Entries, s.Refused, s.Placed, s.Done, s.Failed, s.Cancelled, s.Lost, s.Preempted, s.Evicted, s.Resized, s.Leaders, s.Wronged/1000, s.End/1000, s.Digest)
}

// Run plays a world to its end and says what came of it, or which invariant broke.
func Run(cfg Config) (Stats, error) {
	w := newWorld(cfg)
	w.load()
	if cfg.Faults {
		w.faults()
	}
	w.after(cfg.Duration, w.heal)
	w.until(func() bool { return w.done })
	if w.err == nil {
		w.err = w.verdict()
	}
	w.stats.End = w.now
	w.digest.Sum(w.stats.Digest[:0])
	if w.err != nil {
		return w.stats, fmt.Errorf("seed %d, at %d ms: %w", cfg.Seed, w.now, w.err)
	}
	return w.stats, nil
}

// until plays until something is so, or the world breaks or takes for ever.
func (w *World) until(so func() bool) {
	for w.err == nil && w.events.Len() > 0 && w.now < w.cfg.Duration+finishMS && !so() {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
}

func newWorld(cfg Config) *World {
	w := &World{
		cfg: cfg, rand: rand.New(rand.NewPCG(cfg.Seed, 0)), state: state.New(), planner: new(scheduler.Planner),
		byID: map[string]*worker{}, left: map[api.Key]int64{}, digest: sha256.New(),
	}
	if cfg.Replica {
		w.replica = state.New()
	}
	w.elect()
	for i := range cfg.Workers {
		w.addWorker(i)
	}
	w.tick()
	w.watchFair()
	return w
}

// event is something that happens at a time. Events of one time happen in the
// order they were made.
type event struct {
	at int64
	n  uint64
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

func (w *World) after(ms int64, do func()) {
	w.count++
	heap.Push(&w.events, event{w.now + ms, w.count, do})
}

// between draws a time.
func (w *World) between(low, high int64) int64 { return low + w.rand.Int64N(high-low+1) }

// chance is true once in n.
func (w *World) chance(n int) bool { return w.rand.IntN(n) == 0 }

func (w *World) fail(format string, a ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, a...)
	}
}

// apply commits an entry, as the leader does, and holds the state to its
// invariants. What a worker's record says now is sent to it.
func (w *World) apply(c command.Command) state.Result {
	e := command.Entry{At: w.clock(), Command: c}
	b, err := command.Encode(e)
	if err != nil {
		w.fail("%T cannot be written: %w", c, err)
		return state.Result{Err: err}
	}
	before := w.state.Index()
	r := w.state.Apply(before+1, e)
	w.stats.Entries++
	w.digest.Write(binary.BigEndian.AppendUint64(nil, uint64(w.now)))
	w.digest.Write(b)
	if r.Err != nil {
		w.stats.Refused++
		w.digest.Write([]byte(r.Err.Error()))
	}
	if err := w.state.CheckSince(before); err != nil {
		w.fail("after %+v: %w", c, err)
	}
	if w.state.Level() >= api.LevelWishes {
		for _, p := range projects {
			w.checkQuotaOf(p.Project)
		}
	}
	w.follow(b)
	w.announce(before)
	return r
}

// follow applies an entry to the replica, and now and then compares the two.
func (w *World) follow(b []byte) {
	if w.replica == nil {
		return
	}
	e, err := command.Decode(b)
	if err != nil {
		w.fail("an entry cannot be read: %w", err)
		return
	}
	w.replica.Apply(w.replica.Index()+1, e)
	if w.stats.Entries%64 == 0 && w.replica.Hash() != w.state.Hash() {
		w.fail("the replica differs at entry %d", w.state.Index())
	}
}

// announce sends changed records to their workers and has a plan made.
func (w *World) announce(before uint64) {
	changes, _ := w.state.ChangesSince(before)
	for i := len(changes) - 1; i >= 0; i-- {
		c := changes[i]
		switch c.Kind {
		case state.WorkerChanged:
			w.sendSync(c.Name)
		case state.TaskChanged:
			if t := w.state.TaskAt(c.Seq); t != nil && t.Preempting {
				for _, p := range t.Parts {
					w.sendSync(p.Worker)
				}
			}
		}
	}
	if len(changes) > 0 {
		w.planSoon()
	}
}

// finished says whether the world has healed and every task has ended. It looks at
// every task, so it is asked at ticks alone.
func (w *World) finished() bool {
	if w.now < w.cfg.Duration || w.leader.pending {
		return false
	}
	for t := range w.state.Tasks(0) {
		if t.Status.Live() {
			return false
		}
	}
	return true
}

// verdict holds the end of a world to what its users were promised.
func (w *World) verdict() error {
	plan := scheduler.Make(w.state.Snapshot(), w.clock(), w.cfg.Policy, nil, scheduler.Memory{})
	for t := range w.state.Tasks(0) {
		switch t.Status {
		case state.Done:
			w.stats.Done++
		case state.Failed:
			w.stats.Failed++
		case state.Cancelled:
			w.stats.Cancelled++
		default:
			return fmt.Errorf("%s is %s for ever: %s", t.Work.Name(), t.Status, plan.Why(t.Work.Key))
		}
	}
	if err := w.state.Check(); err != nil {
		return err
	}
	var a, b bytes.Buffer
	if w.replica == nil {
		return nil
	}
	if err := w.state.Encode(&a); err != nil {
		return err
	}
	if err := w.replica.Encode(&b); err != nil {
		return err
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		return fmt.Errorf("the replica's snapshot differs")
	}
	return nil
}
