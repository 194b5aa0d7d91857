package scheduler_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scenario"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

var seed = flag.Uint64("seed", 0, "of the random histories; 0 for a few fixed ones")

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scenarios: %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { scenario.Run(t, f, planVerbs()) })
	}
}

// planVerbs are the verbs of the scheduler's scenarios: plan prints a plan and the
// reasons, follow prints one and applies it.
func planVerbs() map[string]scenario.Verb {
	policy := scheduler.DefaultPolicy()
	planner, late := new(scheduler.Planner), new(lateness)
	show := func(w *scenario.World, _ *scenario.Args) string {
		return text(w, planner.Plan(w.State.Snapshot(), w.Now, policy, late))
	}
	verbs := map[string]scenario.Verb{
		"plan": show,
		// late TASK w2 0.6: the others wait for w2 for that share of a step; late: for nobody.
		"late": func(w *scenario.World, a *scenario.Args) string {
			name, worker := a.Word(), a.Word()
			if name == "" {
				late.list = nil
				return ""
			}
			task := w.State.Task(key(w, name))
			waited, err := strconv.ParseFloat(a.Word(), 64)
			if err != nil {
				panic(err)
			}
			late.list = append(late.list, scheduler.Late{Task: task.Work.Key, Generation: task.Generation, Worker: worker, Waited: waited})
			late.slow = append(late.slow, worker)
			return ""
		},
		"follow": func(w *scenario.World, a *scenario.Args) string {
			p := planner.Plan(w.State.Snapshot(), w.Now, policy, late)
			said := text(w, p)
			for _, c := range p.Commands {
				if r := w.Apply(command.Entry{Command: c}); r.Err != nil {
					said += "refused: " + r.Err.Error() + "\n"
				}
			}
			return said
		},
		"needs": func(w *scenario.World, _ *scenario.Args) string {
			return needs(w, planner.Plan(w.State.Snapshot(), w.Now, policy, late))
		},
		"policy": func(_ *scenario.World, a *scenario.Args) string {
			policy.PatienceMS, policy.PreemptAfterMS = a.Int("patience"), a.Int("preempt")
			policy.GraceMS, policy.GrowAfterMS = a.Int("grace"), a.Int("grow")
			policy.Span = a.Text("span") == "yes"
			return ""
		},
	}
	maps.Copy(verbs, newPlayer(planner, &policy).verbs())
	return verbs
}

// lateness is what a scenario says of members that are waited for.
type lateness struct {
	list []scheduler.Late
	slow []string
}

// Remaining implements scheduler.Hints: nobody knows.
func (*lateness) Remaining(*state.Task) (int64, bool) { return 0, false }

// Late implements scheduler.Hints.
func (l *lateness) Late() []scheduler.Late { return l.list }

// Slow implements scheduler.Hints.
func (l *lateness) Slow() []string { return l.slow }

// needs prints what projects make use of, and which workers may go.
func needs(w *scenario.World, p *scheduler.Plan) string {
	var b strings.Builder
	for _, n := range p.Needs() {
		fmt.Fprintf(&b, "%s, %s", n.Project, n.Class)
		if n.Device != "" || n.Memory > 0 {
			fmt.Fprintf(&b, " on %q with %d bytes", n.Device, n.Memory)
		}
		if n.WorkerSlots > 1 {
			fmt.Fprintf(&b, ", workers of %d slots", n.WorkerSlots)
		}
		fmt.Fprintf(&b, ": %d running, %d waiting, %d useful\n", n.Running, n.Waiting, n.Useful)
	}
	var idle []string
	for v := range w.State.Workers("") {
		if p.Idle(v.ID) {
			idle = append(idle, v.ID)
		}
	}
	fmt.Fprintf(&b, "idle: %s\n", strings.Join(idle, " "))
	return b.String()
}

// text prints a plan: a line a command, then what waits and why.
func text(w *scenario.World, p *scheduler.Plan) string {
	var b strings.Builder
	name := func(k api.Key) string { return w.State.Task(k).Work.Name() }
	for _, c := range p.Commands {
		switch c := c.(type) {
		case command.Place:
			fmt.Fprintf(&b, "place %s on %s\n", name(c.Task), scenario.Parts(c.Parts))
		case command.Resize:
			fmt.Fprintf(&b, "resize %s to %s\n", name(c.Task), scenario.Parts(c.Parts))
		case command.Preempt:
			fmt.Fprintf(&b, "preempt %s: %s\n", name(c.Task), c.Reason)
		case command.Evict:
			fmt.Fprintf(&b, "evict %s: %s\n", name(c.Task), c.Reason)
		}
	}
	for t := range w.State.Tasks(0) {
		if why := p.Why(t.Work.Key); why != "" {
			fmt.Fprintf(&b, "%s waits: %s\n", t.Work.Name(), why)
		}
	}
	return b.String()
}

// A planner that follows the state makes the plans of one that begins anew: same
// commands in the same order, same reasons.
func TestFollowingEqualsBeginningAnew(t *testing.T) {
	seeds := []uint64{1, 2, 3, 4, 5, 6}
	if *seed != 0 {
		seeds = []uint64{*seed}
	}
	kinds := map[string]int{}
	for _, n := range seeds {
		t.Logf("seed %d", n)
		h := newHistory(n)
		planner := new(scheduler.Planner)
		for i := range 500 {
			h.step()
			s := h.w.State.Snapshot()
			got := planner.Plan(s, h.w.Now, h.policy, h.hints)
			want := scheduler.Make(s, h.w.Now, h.policy, h.hints, got.From)
			if !reflect.DeepEqual(got.Commands, want.Commands) {
				t.Fatalf("seed %d, step %d:\nfollowing %+v\n    anew %+v", n, i, got.Commands, want.Commands)
			}
			for task := range s.Tasks(0) {
				a, b := got.Why(task.Work.Key), want.Why(task.Work.Key)
				ready := task.Status == state.Pending
				if a != b || ready && a == "" && !places(got, task) {
					t.Fatalf("seed %d, step %d, %s:\nfollowing %q\n    anew %q", n, i, task.Work.Name(), a, b)
				}
			}
			if a, b := needs(h.w, got), needs(h.w, want); a != b {
				t.Fatalf("seed %d, step %d: needs\nfollowing %s\n     anew %s", n, i, a, b)
			}
			if !reflect.DeepEqual(got.Next, want.Next) {
				t.Fatalf("seed %d, step %d: remembers\nfollowing %+v\n    anew %+v", n, i, got.Next, want.Next)
			}
			for _, c := range got.Commands {
				kinds[fmt.Sprintf("%T", c)]++
				if r := h.w.Apply(command.Entry{Command: c}); r.Err != nil {
					t.Fatalf("seed %d, step %d: the state refuses %+v: %v", n, i, c, r.Err)
				}
			}
			if err := h.w.State.Check(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(kinds) < 4 && *seed == 0 {
		t.Errorf("only commands of %v: the histories are too tame", kinds)
	}
}

func places(p *scheduler.Plan, t *state.Task) bool {
	for _, c := range p.Commands {
		if place, ok := c.(command.Place); ok && place.Task == t.Work.Key {
			return true
		}
	}
	return false
}

// history is a small cluster to which things happen.
type history struct {
	w      *scenario.World
	r      *rand.Rand
	policy scheduler.Policy
	hints  scheduler.Hints
	made   int
	raised bool // some time, the cluster is raised to the newest level
	late   []api.Work
}

// guesses are hints on some tasks: so many minutes as the key says.
type guesses struct{ w *scenario.World }

// Remaining implements scheduler.Hints.
func (guesses) Remaining(t *state.Task) (int64, bool) {
	return int64(t.Work.Key[0]) * 10_000, t.Work.Key[1]%3 > 0
}

// Late implements scheduler.Hints: the last of some gangs is waited for.
func (g guesses) Late() (out []scheduler.Late) {
	for t := range g.w.State.Tasks(0) {
		if n := len(t.Parts); n > 1 && t.Work.Key[2]%2 == 0 {
			out = append(out, scheduler.Late{Task: t.Work.Key, Generation: t.Generation, Worker: t.Parts[n-1].Worker, Waited: 0.7})
		}
	}
	return out
}

// Slow implements scheduler.Hints.
func (guesses) Slow() []string { return []string{"w3", "w6"} }

func newHistory(seed uint64) *history {
	h := &history{w: scenario.New(), r: rand.New(rand.NewPCG(seed, 0)), policy: scheduler.DefaultPolicy()}
	h.policy.PatienceMS, h.policy.PreemptAfterMS, h.policy.DwellMS = 60_000, 20_000, 90_000
	h.policy.Span = seed%2 == 0
	if seed%3 != 0 {
		h.hints = guesses{h.w}
	}
	h.raised = seed%4 != 1
	for i := range 3 {
		h.w.Apply(command.Entry{Command: command.SetProject{Project: fmt.Sprint("p", i), Weight: 1 + i, Quota: 12 * (i % 2)}})
	}
	for range 6 {
		h.w.Apply(command.Entry{Command: h.join()})
	}
	return h
}

func (h *history) join() command.Command {
	i := h.r.IntN(8)
	c := command.Join{Worker: fmt.Sprint("w", i), Incarnation: uint64(h.r.IntN(3)), Class: api.ClassCPU, Slots: 1 + i%4, Host: fmt.Sprint("h", i/3), Memory: int64(i%3) << 30}
	if i%3 == 0 {
		c.Device = "big"
	}
	if i%2 == 0 {
		c.Cached = []api.Key{fixture.Data(fmt.Sprint("d", i%4))}
	}
	return c
}

func (h *history) step() {
	h.w.Now += int64(h.r.IntN(20_000))
	if h.r.IntN(50) == 0 {
		h.w.Now -= 100_000 // a leader whose clock is behind
	}
	for range 1 + h.r.IntN(4) {
		h.w.Apply(command.Entry{Command: h.event()})
	}
}

func (h *history) event() command.Command {
	r := h.r
	switch n := r.IntN(30); {
	case n < 4:
		return h.submit()
	case n == 4:
		return command.Cancel{Experiment: fmt.Sprint("e", r.IntN(h.made+1))}
	case n == 5:
		return h.join()
	case n == 6:
		return command.SetMode{
			Worker: fmt.Sprint("w", r.IntN(8)), From: h.w.Now + 20_000, Until: h.w.Now + 90_000,
			Mode: []command.Mode{command.Ready, command.Ready, command.Cordoned, command.Draining, command.Maintenance}[r.IntN(5)],
		}
	case n == 7:
		return command.Leave{Worker: fmt.Sprint("w", r.IntN(8))}
	case n == 8:
		return command.SetProject{Project: fmt.Sprint("p", r.IntN(3)), Weight: 1 + r.IntN(4), Quota: r.IntN(2) * 8}
	case n == 9:
		return command.Retry{Experiment: fmt.Sprint("e", r.IntN(h.made+1))}
	case n == 10:
		return command.Forget{Before: h.w.Now - 500_000}
	case n == 11 && h.raised && h.made > 20:
		return command.Raise{Level: command.Level}
	case n == 12:
		return h.again()
	case n == 13 && h.w.State.Level() >= api.LevelHolds:
		return command.Hold{Experiment: fmt.Sprint("e", r.IntN(h.made+1))}
	case n == 14 && h.w.State.Level() >= api.LevelHolds:
		return command.Release{Experiment: fmt.Sprint("e", r.IntN(h.made+1))}
	}
	return h.report()
}

func (h *history) submit() command.Command {
	h.made++
	c := command.Submit{Experiment: fmt.Sprint("e", h.made), Project: fmt.Sprint("p", h.r.IntN(3)), Priority: h.r.IntN(3)}
	if h.r.IntN(4) == 0 {
		c.Need = command.Need{Device: "big", Memory: int64(h.r.IntN(3)) << 30}
	}
	for i := range 1 + h.r.IntN(5) {
		low := 1 + h.r.IntN(h.r.IntN(6)+1)
		o := fixture.Options{Gang: api.Gang{Min: low, Max: low + h.r.IntN(4)}, Data: fmt.Sprint("d", h.r.IntN(4))}
		if i > 2 {
			o.Inputs = []api.Key{c.Works[0].Key, c.Works[1].Key}
		}
		c.Works = append(c.Works, fixture.Work(fmt.Sprintf("T%d.%d", h.made, i), o))
	}
	h.late = append(h.late, c.Works...)
	h.late = h.late[max(len(h.late)-12, 0):]
	return c
}

// again asks for works that were asked for before, for another project, with another
// gang and other needs.
func (h *history) again() command.Command {
	if len(h.late) == 0 {
		return h.submit()
	}
	h.made++
	c := command.Submit{Experiment: fmt.Sprint("e", h.made), Project: fmt.Sprint("p", h.r.IntN(3)), Priority: h.r.IntN(3)}
	if h.r.IntN(3) == 0 {
		c.Need = command.Need{Device: "big"}
	}
	for _, at := range h.r.Perm(len(h.late))[:min(len(h.late), 1+h.r.IntN(3))] {
		w := h.late[at]
		low := 1 + h.r.IntN(3)
		w.Gang = api.Gang{Min: low, Max: low + h.r.IntN(2)}
		c.Works = append(c.Works, w)
	}
	return c
}

// report is what some worker says of something it holds.
func (h *history) report() command.Command {
	w := h.w.State.Worker(fmt.Sprint("w", h.r.IntN(8)))
	if w == nil || len(w.Allocations) == 0 {
		return h.join()
	}
	hold := w.Allocations[h.r.IntN(len(w.Allocations))]
	about := command.Report{Task: h.w.State.TaskAt(hold.Task).Work.Key, Worker: w.ID, Incarnation: w.Incarnation, Generation: hold.Generation}
	if hold.Terminating {
		return command.Released{Report: about}
	}
	switch n := h.r.IntN(10); {
	case n < 5:
		return command.Started{Report: about}
	case n < 7:
		return command.Done{Report: about}
	case n == 7:
		return command.Interrupted{Report: about}
	}
	return command.Failed{Report: about, Reason: "x"}
}
