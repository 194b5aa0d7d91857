package state_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
)

// fewExperiments is the limit of a project in random histories: low, so that it is met.
const fewExperiments = 12

// Random histories (submits, cancels, joins, losses, clocks that jump, restarts from
// snapshots, a level that is raised on the way) come to what an obvious model says: the
// same answers, and the same tasks, wishes, allocations and usage after every entry.
// G2C_FUZZ_STATE says how many entries, 20,000 if it is not set.
func TestHistoriesAgreeWithTheModel(t *testing.T) {
	entries, each := 20_000, 1000
	if text := os.Getenv("G2C_FUZZ_STATE"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		entries = n
	}
	all := state.LimitsInAll()
	few := state.LimitsEach()
	few.Experiments = fewExperiments
	state.SetLimits(t, few, all)
	first := max(*seed, 1)
	kinds := map[string]int{}
	for n := range uint64(max(entries/each, 1)) {
		w := newWorld(first + n)
		raise, again := w.r.IntN(each), w.r.IntN(each)
		for i := range each {
			e := w.entry()
			switch i {
			case raise:
				e = command.Entry{At: w.now, Command: command.Raise{Level: command.Level - int(n%2)}}
			case again:
				e = command.Entry{At: w.now, Command: command.Raise{Level: command.Level}}
			}
			if err := w.play(t, e); err != nil {
				t.Fatalf("seed %d, entry %d, %T: %v\n%+v\nplay it again with -run %s -seed %d", first+n, i, e.Command, err, e, t.Name(), first+n)
			}
			kinds[fmt.Sprintf("%T %v", e.Command, w.last)]++
		}
	}
	t.Logf("%d entries", entries)
	for _, want := range []string{
		"command.Place <nil>", "command.Place " + state.ErrQuota.Error(), "command.Place " + state.ErrNotWanted.Error(), "command.Place " + state.ErrNoAddress.Error(), "command.Resize <nil>",
		"command.Submit " + state.ErrLimit.Error(), "command.Submit " + state.ErrUnknownProject.Error(), "command.Submit " + state.ErrBadWork.Error(), "command.Submit " + state.ErrBadGang.Error(),
		"command.Join " + state.ErrStale.Error(), "command.Leave " + state.ErrStale.Error(), "command.Missing <nil>", "command.Lost <nil>", "command.Hold <nil>", "command.Release <nil>", "command.Place " + state.ErrHeld.Error(), "command.Interrupted <nil>",
		"command.Cancel " + state.ErrRequestReused.Error(),
	} {
		if kinds[want] == 0 {
			t.Errorf("no entry came to %q: the histories are too tame", want)
		}
	}
}

// The list of changes names every task of which something else is wanted, at level 4 and
// when that is raised to: those who follow it look at nothing else.
func TestChangesNameWhatIsWanted(t *testing.T) {
	w := newWorld(max(*seed, 1))
	var old []*state.Snapshot
	for i := range 400 {
		e := w.entry()
		if i == 150 {
			e.Request, e.Command = "", command.Raise{Level: command.Level}
		}
		if err := w.play(t, e); err != nil {
			t.Fatal(err)
		}
		now := w.s.Snapshot()
		old = append(old, now)
		was := old[max(len(old)-1-w.r.IntN(20), 0)]
		list, ok := now.ChangesSince(was.Index())
		if !ok {
			continue // it was read back from a snapshot since
		}
		named := map[uint64]bool{}
		for _, c := range list {
			named[c.Seq] = named[c.Seq] || c.Kind == state.TaskChanged
		}
		for task := range now.Tasks(0) {
			if then := was.TaskAt(task.Seq); !named[task.Seq] && task.Status.Live() && (then != task || !slices.Equal(was.Wishes(then), now.Wishes(task))) {
				t.Fatalf("entry %d: %s changed unnamed", i, task.Work.Name())
			}
		}
	}
}

// world is a state, the model of it, and what is random.
type world struct {
	r      *rand.Rand
	s      *state.State
	m      *model
	now    int64
	works  []api.Work
	names  []string
	made   int
	last   error          // the kind of the last refusal
	answer error          // the last refusal as the state says it
	sizes  map[string]int // of encodings, by what they are of
}

func newWorld(seed uint64) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 14)), s: state.New(), m: newModel(), now: 1_000_000, sizes: map[string]int{}}
	for i := range 40 {
		o := fixture.Options{Shared: i%3 > 0}
		for range min(i%4, 2) {
			if i > 8 {
				if k := w.works[w.r.IntN(i)].Key; !slices.Contains(o.Inputs, k) {
					o.Inputs = append(o.Inputs, k)
				}
			}
		}
		w.works = append(w.works, fixture.Work(fmt.Sprint("T", i), o))
	}
	return w
}

// play applies an entry to both, as a replica reads it, and compares.
func (w *world) play(t *testing.T, e command.Entry) error {
	b, err := command.Encode(e)
	if err != nil {
		return err
	}
	if e, err = command.Decode(b); err != nil {
		return err
	}
	before := map[string]int{}
	for _, p := range projectNames {
		before[p] = w.s.Usage(p)
	}
	index := w.s.Index() + 1
	got, want := w.s.Apply(index, e), w.m.apply(index, e)
	w.last, w.answer = want.err, got.Err
	if !errors.Is(got.Err, want.err) || (got.Err == nil) != (want.err == nil) {
		return fmt.Errorf("the state says %v, the model %v", got.Err, want.err)
	}
	if got.Repeated != want.repeated || got.Index != want.index || want.err == nil && (got.Made != want.made || !got.Repeated && got.Incarnation != want.inc) {
		return fmt.Errorf("the state answers %+v, the model %+v", got, want)
	}
	if err := w.compare(); err != nil {
		return err
	}
	for _, p := range projectNames {
		quota := w.s.Project(p).Quota
		_, raise := e.Command.(command.Raise) // what is terminating counts only then
		if now := w.s.Usage(p); !raise && w.m.level >= api.LevelWishes && quota > 0 && now > quota && now > before[p] {
			return fmt.Errorf("%s has %d slots of its quota of %d", p, now, quota)
		}
	}
	if w.r.IntN(60) == 0 {
		if err := w.s.Check(); err != nil {
			return err
		}
		w.s = restored(t, w.s)
	}
	return nil
}

func (w *world) pick(of func(t *mTask) bool) *mTask {
	list := w.m.inOrder(of)
	if len(list) == 0 {
		return nil
	}
	return list[w.r.IntN(len(list))]
}

var projectNames = []string{state.DefaultProject, "alpha", "beta", "gamma", "delta"}

// entry is something that happens, most of which makes sense.
func (w *world) entry() command.Entry {
	w.now += int64(w.r.IntN(3000))
	if w.r.IntN(100) == 0 {
		w.now = max(w.now+int64(w.r.IntN(800_000))-400_000, 1)
	}
	e := command.Entry{At: w.now, Command: w.command()}
	if w.r.IntN(3) == 0 {
		e.Principal = []string{"alice", "bob"}[w.r.IntN(2)]
		e.Request = fmt.Sprint("r", w.r.IntN(300))
		if w.m.level >= api.LevelWishes && w.r.IntN(4) > 0 {
			e.Content = sha256.Sum256([]byte{byte(w.r.IntN(2))})
		}
	}
	return e
}

func (w *world) command() command.Command {
	r := w.r
	any := w.pick(func(*mTask) bool { return true })
	switch n := r.IntN(60); {
	case n < 4 || any == nil:
		return w.submit()
	case n < 6:
		return w.withdraw()
	case n < 10:
		return w.join()
	case n < 12:
		return w.lose()
	case n < 16:
		return w.house(any)
	case n < 30:
		return w.place()
	case n < 34:
		return w.resize(any)
	case n < 37:
		if t := w.pick(func(t *mTask) bool { return len(t.parts) > 0 }); t != nil && r.IntN(4) > 0 {
			any = t
		}
		if n == 34 {
			return command.Evict{Task: any.work.Key, Generation: any.gen}
		}
		return command.Preempt{Task: any.work.Key, Generation: any.gen}
	}
	return w.report(any)
}

func (w *world) experiment() string {
	if len(w.m.exps) == 0 || w.r.IntN(15) == 0 {
		return "none"
	}
	return w.m.exps[w.r.IntN(len(w.m.exps))].id
}

// withdraw is somebody who does not want an experiment any more, or not for now.
func (w *world) withdraw() command.Command {
	id := w.experiment()
	switch n := w.r.IntN(4); {
	case n == 0 && w.m.level >= api.LevelHolds:
		return command.Hold{Experiment: id, Reason: "x"}
	case n < 3 && w.m.level >= api.LevelHolds:
		held := slices.DeleteFunc(slices.Clone(w.m.exps), func(e *mExp) bool { return !e.held })
		if len(held) > 0 && w.r.IntN(4) > 0 {
			id = held[w.r.IntN(len(held))].id
		}
		return command.Release{Experiment: id}
	}
	return command.Cancel{Experiment: id, Reason: "x"}
}

func (w *world) submit() command.Command {
	r := w.r
	w.made++
	c := command.Submit{Experiment: fmt.Sprint("e", w.made), Project: append([]string{""}, projectNames...)[r.IntN(6)], Priority: r.IntN(5) - 2}
	if r.IntN(20) == 0 {
		c.Experiment = w.experiment()
	}
	c.Held = w.m.level >= api.LevelHolds && r.IntN(10) == 0
	if r.IntN(30) == 0 {
		c.Project = "*"
	}
	if r.IntN(4) == 0 {
		c.Need = command.Need{Device: []string{"", "h100"}[r.IntN(2)], Memory: int64(r.IntN(2))}
	}
	for range 1 + r.IntN(4) {
		work := w.works[r.IntN(len(w.works))]
		if work.Task.Finetune != nil {
			work.Gang = api.Gang{Min: r.IntN(4), Max: r.IntN(6)}
		}
		work.Where.Source = []string{"north", "south"}[r.IntN(2)]
		switch r.IntN(60) {
		case 0:
			work.Key[3] ^= 1
		case 1:
			work.Gang.Max = 5000 // of no task
		}
		c.Works = append(c.Works, work)
	}
	if r.IntN(6) == 0 {
		if t := w.m.tasks[c.Works[0].Key]; t == nil || len(t.parts) == 0 || w.m.level >= api.LevelWishes {
			c.Finished = []api.Key{c.Works[0].Key} // below, who writes the log sees to that
		}
	}
	return c
}

// worker names a worker, and the incarnation that it has.
func (w *world) worker() (string, uint64) {
	id := fmt.Sprint("w", w.r.IntN(6))
	if v := w.m.workers[id]; v != nil {
		return id, v.inc
	}
	return id, 0
}

func (w *world) join() command.Command {
	i := w.r.IntN(6)
	c := command.Join{Worker: fmt.Sprint("w", i), Class: api.ClassCPU, Slots: 4, Host: []string{"", "h1", "h1", "h2", "h2", "h2"}[i], Memory: int64(i % 2)}
	if i == 5 {
		c.Device = "h100"
	}
	if v := w.m.workers[c.Worker]; v != nil {
		c.Incarnation = v.inc
		if w.r.IntN(2) == 0 {
			c.Incarnation = max(c.Incarnation+uint64(w.r.IntN(4)), 1) - 1
		}
	}
	if w.r.IntN(20) == 0 {
		c.Slots = 3
	}
	if w.r.IntN(6) > 0 {
		c.Address = c.Worker + ":7000"
	}
	if w.m.level >= api.LevelWishes {
		c.Issue = w.r.IntN(3) == 0
		c.Boot = []string{"", "b1", "b1", "b2"}[w.r.IntN(4)]
		c.Progress = w.progress(c.Worker)
	}
	return c
}

// progress is what was heard of what a worker runs, of some of it.
func (w *world) progress(id string) []command.Progress {
	var out []command.Progress
	v := w.m.workers[id]
	if v == nil || w.m.level < api.LevelWishes {
		return nil
	}
	for _, a := range v.allocs {
		if w.r.IntN(4) > 0 {
			out = append(out, command.Progress{Task: a.task.work.Key, Step: uint64(w.r.IntN(2)) * (a.task.step + uint64(w.r.IntN(2))), Words: "bang"})
		}
	}
	return out
}

func (w *world) lose() command.Command {
	id, inc := w.worker()
	if w.r.IntN(6) == 0 {
		inc++
	}
	if w.r.IntN(4) > 0 {
		return command.Lost{Worker: id, Incarnation: inc, Progress: w.progress(id)}
	}
	c := command.Leave{Worker: id}
	if w.m.level >= api.LevelWishes {
		c.Incarnation = inc
	}
	return c
}

func (w *world) house(t *mTask) command.Command {
	r := w.r
	id, _ := w.worker()
	done := w.pick(func(t *mTask) bool { return t.status == state.Done })
	late := w.m.level >= api.LevelWishes
	switch n := r.IntN(20); {
	case n < 5:
		return command.Forget{Before: w.now - int64(r.IntN(400_000))}
	case n < 7:
		return command.SetMode{Worker: id, Mode: []command.Mode{command.Cordoned, command.Draining}[r.IntN(2)]}
	case n < 10:
		return command.SetMode{Worker: id, Mode: command.Ready}
	case n == 10:
		return command.SetMode{Worker: id, Mode: command.Maintenance, From: w.now, Until: w.now + 10_000}
	case n == 11:
		return command.Retry{Experiment: w.experiment()}
	case n == 12:
		return command.Retry{Task: t.work.Key}
	case n == 13:
		return command.Found{Tasks: []api.Key{t.work.Key}}
	case n == 14:
		return command.SetProject{Project: append([]string{"*"}, projectNames...)[r.IntN(6)], Weight: 1 + r.IntN(3), Quota: r.IntN(8)}
	case n < 18 && late && done != nil:
		return command.Missing{Tasks: []api.Key{done.work.Key, t.work.Key}}
	case n == 18 && late:
		return []command.Command{
			command.PutUser{User: command.User{Name: fmt.Sprint("u", r.IntN(4)), Role: "viewer"}}, command.DropUser{Name: fmt.Sprint("u", r.IntN(4))},
			command.RevokeCertificate{Serial: fmt.Sprint(r.IntN(50))},
		}[r.IntN(3)]
	}
	return command.Raise{Level: max(min(w.m.level, 1+r.IntN(3)), 1)}
}
