package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
)

// config is a world.
type config struct {
	seed        uint64
	workers     int
	experiments int
	duration    time.Duration // of load and faults; then the world heals and finishes
	calm        time.Duration // between two faults of a worker, on average; 0 for no faults at all
	replica     bool          // a second state follows through the bytes of the log
	level       int           // that the cluster begins with; 0 for the first
	raise       time.Duration // when it is raised to this release's level
	policy      scheduler.Policy
	hints       bool          // workers report how long their tasks still run
	longest     time.Duration // that a task runs on one slot
	sabotage    sabotage      // the rule that this world does not keep
}

// Times of the cluster that is modelled.
const (
	lease     = 45 * time.Second
	heartbeat = 9 * time.Second
	planGap   = 50 * time.Millisecond // after a change
	tickEvery = 5 * time.Second       // plans and leases, without a change
	patience  = 24 * time.Hour        // for the last task, once the world has healed
	rest      = 10 * time.Minute      // after it, until nothing may be left of any
)

// world is a running simulation. It belongs to one goroutine.
type world struct {
	queue
	journal
	cfg    config
	rand   *rand.Rand
	faulty bool
	raised bool // to this release's level

	leader *leader // the last, which may lead no more
	nodes  []*node
	byID   map[string]*node
	store  store

	experiments, requests int // made
	waiting               int // requests that are not answered yet
	wants                 map[want]uint64
	wronged               map[uint64]wronged
	holds                 holds
	above                 map[string]int // the least that projects have used since the cluster was raised
	stats                 stats
	err                   error
}

func newWorld(cfg config) *world {
	w := &world{
		cfg: cfg, rand: rand.New(rand.NewPCG(cfg.seed, 0)), journal: newJournal(cfg.replica), byID: map[string]*node{},
		store: store{}, leader: &leader{}, above: map[string]int{},
	}
	w.elect()
	hosts := map[string]*host{}
	for i := range cfg.workers {
		name := fmt.Sprintf("h%04d", i/4)
		if hosts[name] == nil {
			hosts[name] = &host{name: name}
		}
		n := &node{id: fmt.Sprintf("w%05d", i), host: hosts[name], slots: 1 + i%8, device: "small", memory: 1 << 34, listens: i%7 != 5}
		if i%5 == 4 {
			n.device, n.memory = "big", 2<<34
		}
		w.add(n)
	}
	w.tick()
	return w
}

// play plays a world to its end and says what came of it, or which invariant broke.
func play(cfg config) (s stats, err error) {
	w := newWorld(cfg)
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("seed %d, at %v: panic: %v\n%s", cfg.seed, w.now, broken, debug.Stack())
		}
	}()
	if cfg.level > 0 {
		w.apply(command.Entry{Command: command.Raise{Level: cfg.level}})
	}
	w.after(cfg.raise, w.raise)
	w.load()
	if cfg.calm > 0 {
		w.faults()
	}
	w.after(cfg.duration, w.heal)
	w.until(w.finished)
	end := w.now
	w.until(func() bool { return w.now > end+rest })
	w.verdict()
	return w.result(end)
}

// raise raises the cluster to this release's level. From then on the world is held to
// who comes first: below it, a task is not placed for somebody.
func (w *world) raise() {
	w.apply(command.Entry{Command: command.Raise{Level: command.Level}})
	w.raised = true
	w.watchFair()
}

// result is what came of a world that ended at a time.
func (w *world) result(end time.Duration) (stats, error) {
	w.stats.end = end
	w.digest.Write(binary.BigEndian.AppendUint64(nil, w.made))
	w.digest.Sum(w.stats.digest[:0])
	if w.err != nil {
		return w.stats, fmt.Errorf("seed %d, at %v: %w", w.cfg.seed, w.now, w.err)
	}
	return w.stats, nil
}

// until plays until something is so, or the world breaks or takes for ever.
func (w *world) until(so func() bool) {
	for w.err == nil && w.now < w.cfg.duration+patience && !so() && w.next() {
	}
}

// between draws a time.
func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rand.Int64N(int64(high-low)+1))
}

// chance is true once in n.
func (w *world) chance(n int) bool { return w.rand.IntN(n) == 0 }

// mishap is true once in n while things go wrong.
func (w *world) mishap(n int) bool { return w.faulty && w.chance(n) }

// fail notes the first invariant that broke.
func (w *world) fail(format string, a ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, a...)
	}
}

// clock is what the leader believes the time to be, in unix milliseconds.
func (w *world) clock() int64 { return max(unix(w.now)+w.leader.offset.Milliseconds(), 1) }

// unix is a time of the world by a clock that is right.
func unix(at time.Duration) int64 { return (at + time.Hour).Milliseconds() }

// stats is what came of a world.
type stats struct {
	entries, refused, placed, done, failed, cancelled int
	lost, preempted, evicted, resized, leaders        int
	quit, replaced, sessions, held                    int
	faults                                            [nFaults]int
	suspected                                         int           // gangs that went on without members that another suspected
	handed, orphans                                   int           // members that got the state from another; runs that ended since nobody answered
	wronged                                           time.Duration // the longest that anybody waited for those with less right
	end                                               time.Duration
	digest                                            [32]byte // of every entry and every result, and the number of events
}

// String is a line for people.
func (s stats) String() string {
	return fmt.Sprintf("%d entries, %d refused; %d placed, %d done, %d failed, %d cancelled; %d preempted, %d evicted, %d resized; "+
		"%d leaders, %d sessions, %d workers lost, %d processes quit, %d replaced; %d held, %d suspected, %d given the state, %d orphans stopped; wronged for %v; %v, digest %.8x",
		s.entries, s.refused, s.placed, s.done, s.failed, s.cancelled, s.preempted, s.evicted, s.resized,
		s.leaders, s.sessions, s.lost, s.quit, s.replaced, s.held, s.suspected, s.handed, s.orphans, s.wronged.Round(time.Second), s.end.Round(time.Second), s.digest)
}

// add counts what happened in another world, too.
func (s *stats) add(o stats) {
	s.quit, s.replaced, s.evicted, s.failed = s.quit+o.quit, s.replaced+o.replaced, s.evicted+o.evicted, s.failed+o.failed
	s.held += o.held
	s.suspected, s.handed, s.orphans = s.suspected+o.suspected, s.handed+o.handed, s.orphans+o.orphans
	for i, n := range o.faults {
		s.faults[i] += n
	}
}

// tame says what never happened that worlds are there for; nothing if all did.
func (s *stats) tame() string {
	for i, n := range s.faults {
		if n == 0 {
			return faults[i].name
		}
	}
	for what, n := range map[string]int{
		"a process that ends for a task which does not stop": s.quit, "a process that another has replaced": s.replaced,
		"a task that does not save in time": s.evicted, "a task that fails for good": s.failed,
		"a gang that goes on without a suspect": s.suspected, "a member that gets the state of another": s.handed,
		"a run that ends since nobody answers": s.orphans, "an experiment that is held": s.held,
	} {
		if n == 0 {
			return what
		}
	}
	return ""
}
