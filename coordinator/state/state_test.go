package state_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scenario"
	"g2c/coordinator/state"
)

var seed = flag.Uint64("seed", 0, "of the random histories; 0 for a few fixed ones")

func TestSubmitRecomputesKeys(t *testing.T) {
	good, bad := fixture.Work("HE", fixture.Options{}), fixture.Work("PASM", fixture.Options{})
	bad.Key = good.Key
	s := state.New()
	before := s.Snapshot()
	r := s.Apply(1, command.Entry{Command: command.Submit{Experiment: "e", Works: []api.Work{good, bad}}})
	if !errors.Is(r.Err, state.ErrBadWork) || s.TaskCount() != 0 {
		t.Errorf("%v, %d tasks", r.Err, s.TaskCount())
	}
	if changes, ok := s.ChangesSince(before.Index()); !ok || len(changes) != 0 {
		t.Errorf("a refusal changed %v", changes)
	}
}

// Requests and audit are bounded: the oldest go.
func TestMemoryIsBounded(t *testing.T) {
	s := state.New()
	n := state.MaxRequests + 10
	entry := func(i int) command.Entry {
		return command.Entry{Request: fmt.Sprint("r", i), Principal: "a", Command: command.SetProject{Project: "p", Weight: i + 1}}
	}
	for i := range n {
		if r := s.Apply(uint64(i+1), entry(i)); r.Err != nil || r.Repeated {
			t.Fatalf("entry %d: %+v", i, r)
		}
	}
	if err := s.Check(); err != nil { // holds the bounds
		t.Fatal(err)
	}
	if r := s.Apply(uint64(n+1), entry(n-1)); !r.Repeated || r.Index != uint64(n) {
		t.Errorf("a late repeat: %+v", r)
	}
	if r := s.Apply(uint64(n+2), entry(0)); r.Repeated {
		t.Errorf("a repeat of what is forgotten: %+v", r)
	}
	if _, ok := s.ChangesSince(0); !ok {
		t.Errorf("%d changes are forgotten already", n)
	}
}

// The list of changes names everything that differs between two snapshots, or says
// that it cannot.
func TestChangesNameWhatDiffers(t *testing.T) {
	h := newHistory(7)
	var old []*state.Snapshot
	for range 400 {
		h.step()
		old = append(old, h.w.State.Snapshot())
	}
	now := h.w.State.Snapshot()
	for _, was := range old {
		list, ok := now.ChangesSince(was.Index())
		if !ok {
			t.Fatal("changes are forgotten early")
		}
		named := map[state.Change]bool{}
		for _, c := range list {
			c.Index = 0
			named[c] = true
		}
		for task := range now.Tasks(0) {
			if was.TaskAt(task.Seq) != task && !named[state.Change{Kind: state.TaskChanged, Seq: task.Seq}] {
				t.Fatalf("task %s changed unnamed", task.Work.Name())
			}
		}
		for w := range now.Workers("") {
			if was.Worker(w.ID) != w && !named[state.Change{Kind: state.WorkerChanged, Name: w.ID}] {
				t.Fatalf("worker %s changed unnamed", w.ID)
			}
		}
	}
}

func TestForgottenChangesAreSaidSo(t *testing.T) {
	s := state.New()
	for i := range uint64(200_000) {
		s.Apply(i+1, command.Entry{Command: command.SetProject{Project: "p", Weight: 1}})
	}
	if _, ok := s.ChangesSince(1); ok {
		t.Error("changes from the beginning are still there: the list has no bound")
	}
	if list, ok := s.ChangesSince(199_990); !ok || len(list) != 10 || list[0].Index != 200_000 {
		t.Errorf("the last ten: %d, %v", len(list), ok)
	}
}

// Random histories keep the invariants, and make the same state when replayed and
// restored.
func TestRandomHistories(t *testing.T) {
	seeds := []uint64{1, 2, 3, 4}
	if *seed != 0 {
		seeds = []uint64{*seed}
	}
	for _, n := range seeds {
		t.Logf("seed %d", n)
		h := newHistory(n)
		for i := range 600 {
			h.step()
			if err := h.w.State.Check(); err != nil {
				t.Fatalf("seed %d, entry %d, %+v: %v", n, i, h.w.Log[len(h.w.Log)-1], err)
			}
		}
		h.w.CheckReplay(t)
		if h.refused == 0 || h.refused > 500 {
			t.Errorf("seed %d: %d of 600 entries refused", n, h.refused)
		}
	}
}

// history makes random entries, most of which make sense.
type history struct {
	w       *scenario.World
	r       *rand.Rand
	works   []api.Work
	made    int
	refused int
}

func newHistory(seed uint64) *history {
	h := &history{w: scenario.New(), r: rand.New(rand.NewPCG(seed, 0))}
	for i := range 24 {
		o := fixture.Options{Gang: api.Gang{Min: 1 + i%3, Max: 1 + i%5}}
		for range min(i/4, 3) {
			if k := h.works[h.r.IntN(i/2)].Key; len(o.Inputs) == 0 || o.Inputs[0] != k {
				o.Inputs = append(o.Inputs, k)
			}
		}
		h.works = append(h.works, fixture.Work(fmt.Sprint("T", i), o))
	}
	return h
}

func (h *history) step() {
	h.w.Now += int64(h.r.IntN(4000))
	if r := h.w.Apply(command.Entry{Request: fmt.Sprint(h.r.IntN(500)), Principal: "a", Command: h.command()}); r.Err != nil {
		h.refused++
	}
}

func (h *history) command() command.Command {
	r := h.r
	t := h.w.State.Task(h.works[r.IntN(len(h.works))].Key)
	switch n := r.IntN(20); {
	case n == 0 || t == nil:
		h.made++
		c := command.Submit{Experiment: fmt.Sprint("e", h.made), Project: fmt.Sprint("p", r.IntN(3)), Priority: r.IntN(3)}
		for range 1 + r.IntN(6) {
			c.Works = append(c.Works, h.works[r.IntN(len(h.works))])
		}
		if r.IntN(4) == 0 {
			c.Finished = []api.Key{c.Works[0].Key}
		}
		return c
	case n == 1:
		return command.Cancel{Experiment: fmt.Sprint("e", r.IntN(h.made+1))}
	case n == 2:
		return command.Join{Worker: h.worker(), Incarnation: uint64(r.IntN(2)), Class: api.ClassCPU, Slots: 4}
	case n == 3:
		return []command.Command{
			command.Leave{Worker: h.worker()}, command.Forget{Before: h.w.Now - 100_000},
			command.SetMode{Worker: h.worker(), Mode: command.Cordoned}, command.SetMode{Worker: h.worker(), Mode: command.Ready},
			command.Retry{Experiment: fmt.Sprint("e", r.IntN(h.made+1))}, command.Retry{Task: t.Work.Key},
			command.Found{Tasks: []api.Key{t.Work.Key}}, command.SetProject{Project: "p1", Weight: 1, Quota: r.IntN(9)},
		}[r.IntN(8)]
	case n == 4:
		return command.Lost{Worker: h.worker(), Incarnation: uint64(r.IntN(2))}
	case n < 10:
		return command.Place{Task: t.Work.Key, Generation: t.Generation + 1, Parts: h.parts()}
	case n == 10:
		return command.Resize{Task: t.Work.Key, Generation: t.Generation + 1, Parts: h.parts()}
	case n == 11:
		return command.Preempt{Task: t.Work.Key, Generation: t.Generation}
	case n == 12:
		return command.Evict{Task: t.Work.Key, Generation: t.Generation}
	}
	return h.report(t)
}

func (h *history) report(t *state.Task) command.Command {
	about := command.Report{Task: t.Work.Key, Worker: h.worker(), Generation: t.Generation}
	if w := h.w.State.Worker(about.Worker); w != nil {
		about.Incarnation = w.Incarnation
		if len(w.Allocations) > 0 {
			hold := w.Allocations[h.r.IntN(len(w.Allocations))]
			about.Task, about.Generation = h.w.State.TaskAt(hold.Task).Work.Key, hold.Generation
		}
	}
	return []command.Command{
		command.Started{Report: about}, command.Done{Report: about}, command.Failed{Report: about, Reason: "x"},
		command.Interrupted{Report: about}, command.Released{Report: about},
	}[h.r.IntN(5)]
}

func (h *history) worker() string { return fmt.Sprint("w", h.r.IntN(4)) }

func (h *history) parts() []command.Part {
	var out []command.Part
	for i := range 4 {
		if h.r.IntN(2) == 0 {
			out = append(out, command.Part{Worker: fmt.Sprint("w", i), Slots: 1 + h.r.IntN(2)})
		}
	}
	if out == nil {
		return []command.Part{{Worker: "w0", Slots: 1}}
	}
	return out
}

func TestTasksAreFoundByPrefix(t *testing.T) {
	w := scenario.New()
	works := []api.Work{fixture.Work("A", fixture.Options{}), fixture.Work("B", fixture.Options{})}
	works = append(works, fixture.Work("R", fixture.Options{Inputs: []api.Key{works[0].Key}}))
	w.Apply(command.Entry{Command: command.Submit{Experiment: "e", Works: works}})
	s := w.State.Snapshot()
	for _, work := range works {
		for _, n := range []int{4, 7, 64} {
			found := false
			for task := range s.TasksWith(work.Key.String()[:n]) {
				found = found || task.Work.Key == work.Key
			}
			if !found {
				t.Errorf("%s is not found by %d digits", work.Name(), n)
			}
		}
	}
	for task := range s.TasksWith("not a prefix") {
		t.Errorf("%s is found by what is no prefix", task.Work.Name())
	}
	if r := s.Readers(works[0].Key); len(r) != 1 || r[0].Work.Name() != "R" {
		t.Errorf("%d readers of A", len(r))
	}
}

// A snapshot is written on another goroutine while the state goes on: run with -race.
func TestASnapshotIsReadWhileTheStateGoesOn(t *testing.T) {
	h := newHistory(5)
	for range 200 {
		h.step()
	}
	s := h.w.State.Snapshot()
	want := s.Hash()
	checked := make(chan error)
	go func() { checked <- errors.Join(s.Check(), s.Encode(io.Discard)) }()
	for range 200 {
		h.step()
	}
	if err := <-checked; err != nil || s.Hash() != want {
		t.Errorf("the snapshot changed: %v", err)
	}
}
