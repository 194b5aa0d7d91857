package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
)

// at is a new state of a level.
func at(t testing.TB, level int) *state.State {
	t.Helper()
	s := state.New()
	must(t, s, command.Raise{Level: level})
	return s
}

// must applies a command that fits.
func must(t testing.TB, s *state.State, c command.Command) state.Result {
	t.Helper()
	r := s.Apply(s.Index()+1, command.Entry{At: 1, Command: c})
	if r.Err != nil {
		t.Fatalf("%T: %v", c, r.Err)
	}
	return r
}

// reader is a submission that reads what several large ones made, so that its experiment
// lists all of that.
func reader(t testing.TB, s *state.State, sweeps, works int) command.Submit {
	t.Helper()
	last := command.Submit{Experiment: "all"}
	var inputs []api.Key
	for e := range sweeps {
		c := command.Submit{Experiment: fmt.Sprint("sweep", e)}
		for i := range works {
			w := fixture.Work(fmt.Sprintf("S%d.%d", e, i), fixture.Options{})
			c.Works = append(c.Works, w)
			inputs = append(inputs, w.Key)
		}
		must(t, s, c)
	}
	for i := 0; i < len(inputs); i += 20 {
		last.Works = append(last.Works, fixture.Work(fmt.Sprint("R", i), fixture.Options{Inputs: inputs[i:min(i+20, len(inputs))]}))
	}
	return last
}

// An experiment that reads much makes no record that cannot be read back: of 14 submissions
// of 20,000 works, read by one of 312, it had 1.1 MB of the 1 MiB that are read. (Here it is
// fewer and the bound is lower.) Below level 4 it is refused before it is written; from there
// on it lists nothing itself.
func TestNoRecordGrowsWithAnExperiment(t *testing.T) {
	const sweeps, works, bound = 14, 500, 16 << 10 // a task takes 3 bytes of a record
	old := at(t, 3)
	c := reader(t, old, sweeps, works)
	if err := old.CheckSubmitWithin(bound, c); !errors.Is(err, state.ErrLimit) || !strings.Contains(err.Error(), "7350 tasks") {
		t.Errorf("before it is written: %v", err)
	}
	must(t, old, c) // as a log of the release before has it
	if err := old.EncodeWithin(io.Discard, bound); !errors.Is(err, state.ErrLimit) || !strings.Contains(err.Error(), "at most 16384") {
		t.Errorf("a record that cannot be read back is written: %v", err)
	}
	must(t, old, command.Raise{Level: api.LevelWishes})
	s := at(t, api.LevelWishes)
	c = reader(t, s, sweeps, works)
	if err := s.CheckSubmitWithin(bound, c); err != nil {
		t.Error(err)
	}
	must(t, s, c)
	for name, s := range map[string]*state.State{"raised": old, "new": s} {
		if err := s.EncodeWithin(io.Discard, bound); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if back := restored(t, s); len(back.Experiment("all").Tasks) != sweeps*works*21/20 {
			t.Errorf("%s: %d tasks read back", name, len(back.Experiment("all").Tasks))
		}
	}
}

// Who has too much is told so, with the number: a project, a principal, all together. What
// one may have leaves room for another.
func TestLimitsAreSaidInWords(t *testing.T) {
	all := state.Limits{Experiments: 5, Tasks: 12, Live: 10, Bytes: 1 << 20}
	for name, c := range map[string]struct {
		each state.Limits
		want string
	}{
		"experiments": {state.Limits{Experiments: 2, Tasks: 99, Live: 99, Bytes: 1 << 20}, "project alpha would have 3 experiments, at most 2"},
		"tasks":       {state.Limits{Experiments: 9, Tasks: 4, Live: 99, Bytes: 1 << 20}, "project alpha would have 6 tasks, at most 4"},
		"live tasks":  {state.Limits{Experiments: 9, Tasks: 99, Live: 5, Bytes: 1 << 20}, "project alpha would have 6 tasks that have not ended, at most 5"},
		"bytes":       {state.Limits{Experiments: 9, Tasks: 99, Live: 99, Bytes: 9000}, "bytes of tasks, at most 9000"},
		"in all":      {state.Limits{Experiments: 9, Tasks: 99, Live: 99, Bytes: 1 << 20}, "the cluster would have 12 tasks that have not ended, at most 10"},
	} {
		state.SetLimits(t, c.each, all)
		s := at(t, api.LevelWishes)
		must(t, s, command.SetProject{Project: "alpha", Weight: 1})
		var err error
		for i := range 6 {
			next := command.Submit{Experiment: fmt.Sprint("e", i), Project: "alpha"}
			for j := range 2 {
				next.Works = append(next.Works, fixture.Work(fmt.Sprint("T", i, j), fixture.Options{}))
			}
			err = s.CheckSubmit("alice", next)
			r := s.Apply(s.Index()+1, command.Entry{At: 1, Principal: "alice", Command: next})
			if fmt.Sprint(err) != fmt.Sprint(r.Err) {
				t.Fatalf("%s: before it is written %v, after %v", name, err, r.Err)
			}
			if err != nil {
				break
			}
		}
		if name == "in all" {
			c.want = "the cluster would have 6 experiments, at most 5"
		}
		if !errors.Is(err, state.ErrLimit) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
}

// A principal has its limit over all projects, and no limit bars another one.
func TestAPrincipalHasItsOwnLimit(t *testing.T) {
	all := state.LimitsInAll()
	state.SetLimits(t, state.Limits{Experiments: 2, Tasks: 99, Live: 99, Bytes: 1 << 20}, all)
	s := at(t, api.LevelWishes)
	must(t, s, command.SetProject{Project: "*", Weight: 1})
	submit := func(principal string, i int) error {
		c := command.Submit{Experiment: fmt.Sprint(principal, i), Project: fmt.Sprint("p", principal, i), Works: []api.Work{fixture.Work("T", fixture.Options{})}}
		return s.Apply(s.Index()+1, command.Entry{At: 1, Principal: principal, Command: c}).Err
	}
	for i := range 2 {
		if err := submit("alice", i); err != nil {
			t.Fatal(err)
		}
	}
	if err := submit("alice", 2); !errors.Is(err, state.ErrLimit) || !strings.Contains(err.Error(), "alice would have 3 experiments") {
		t.Errorf("one too many: %v", err)
	}
	if err := submit("bob", 0); err != nil {
		t.Errorf("another: %v", err)
	}
	if f := s.UsageOfPrincipal("alice"); f.Experiments != 2 || f.Live != 2 {
		t.Errorf("alice has %+v", f)
	}
}

// Experiments that list one task are bounded: each costs whoever cancels or asks.
func TestAWishTooMany(t *testing.T) {
	s := at(t, api.LevelWishes)
	w := fixture.Work("T", fixture.Options{})
	for i := range state.MaxWishesEach {
		must(t, s, command.Submit{Experiment: fmt.Sprint("e", i), Works: []api.Work{w}})
	}
	err := s.CheckSubmit("", command.Submit{Experiment: "more", Works: []api.Work{w}})
	if !errors.Is(err, state.ErrLimit) || !strings.Contains(err.Error(), "listed by 1024") {
		t.Errorf("one too many: %v", err)
	}
}

// A server believes no gang that the task cannot use: neither when it is asked before, nor
// from a log.
func TestGangsOfNoTaskAreRefused(t *testing.T) {
	w := fixture.Work("T", fixture.Options{})
	w.Gang = api.Gang{Min: 1 << 30, Max: 1<<31 - 1}
	c := command.Submit{Experiment: "e", Works: []api.Work{w}}
	for _, level := range []int{3, api.LevelWishes} {
		s := at(t, level)
		if err := s.CheckSubmit("", c); !errors.Is(err, state.ErrBadGang) {
			t.Errorf("at level %d, before it is written: %v", level, err)
		}
		r := s.Apply(2, command.Entry{Command: c})
		if level >= api.LevelWishes && !errors.Is(r.Err, state.ErrBadGang) || level < api.LevelWishes && r.Err != nil {
			t.Errorf("at level %d: %v", level, r.Err)
		}
	}
	old := at(t, 3) // what is queued with one stays readable, and can run once raised
	must(t, old, c)
	must(t, old, command.Raise{Level: api.LevelWishes})
	back := restored(t, old)
	if got, _ := back.Wish(back.Task(w.Key)); got.Gang != (api.Gang{Min: 1, Max: 1}) {
		t.Errorf("raised, it wants %+v", got.Gang)
	}
}

// A principal's flood of requests has its own forgotten, not another's; and all tables
// together are bounded at the cost of whoever has most.
func TestAFloodOfRequestsIsItsSendersAlone(t *testing.T) {
	s := at(t, api.LevelWishes)
	ask := func(principal string, i int) state.Result {
		return s.Apply(s.Index()+1, command.Entry{At: 1, Principal: principal, Request: fmt.Sprint("r", i), Command: command.SetProject{Project: "p", Weight: 1}})
	}
	ask("alice", 0)
	for i := range state.MaxRequestsEach + 100 {
		ask("bob", i)
	}
	if r := ask("alice", 0); !r.Repeated {
		t.Error("alice's request was forgotten for bob's")
	}
	if r := ask("bob", 0); r.Repeated {
		t.Error("bob's first is still there")
	}
	if r := ask("bob", state.MaxRequestsEach+99); !r.Repeated {
		t.Error("bob's last is not")
	}
	for p := range 2 * state.MaxRequests / state.MaxRequestsEach {
		for i := range state.MaxRequestsEach {
			ask(fmt.Sprint("mallory", p), i)
		}
	}
	if r := ask("alice", 0); !r.Repeated {
		t.Error("alice's request was forgotten for those of many")
	}
	if err := s.Check(); err != nil { // holds the bounds
		t.Error(err)
	}
	if back := restored(t, s); !back.Apply(back.Index()+1, command.Entry{Principal: "alice", Request: "r0", Command: command.SetProject{Project: "p", Weight: 1}}).Repeated {
		t.Error("it was forgotten on the way through a snapshot")
	}
}

// Tables of one cluster for all are cut to each principal's when it is raised.
func TestTablesAreCutWhenRaised(t *testing.T) {
	s := at(t, 3)
	for i := range state.MaxRequestsEach + 50 {
		s.Apply(s.Index()+1, command.Entry{Principal: "bob", Request: fmt.Sprint("r", i), Command: command.SetProject{Project: "p", Weight: 1}})
	}
	must(t, s, command.Raise{Level: api.LevelWishes})
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

// Reasons and words are cut, so that no error of a task fills the memory of all.
func TestWordsAreCut(t *testing.T) {
	long := strings.Repeat("ä", command.MaxText/2)
	s := at(t, api.LevelWishes)
	w := fixture.Work("T", fixture.Options{})
	w.Names = []string{strings.Repeat("name", 10_000)}
	must(t, s, command.Submit{Experiment: "e", Works: []api.Work{w, fixture.Work("R", fixture.Options{Inputs: []api.Key{w.Key}})}})
	must(t, s, command.Join{Worker: "w", Class: api.ClassCPU, Slots: 1})
	must(t, s, command.Place{Task: w.Key, Generation: 1, Parts: []command.Part{{Worker: "w", Slots: 1}}, Experiment: 1})
	must(t, s, command.Failed{Report: command.Report{Task: w.Key, Worker: "w", Generation: 1}, Reason: long, Permanent: true})
	s.Apply(s.Index()+1, command.Entry{Principal: "a", Command: command.Retry{Experiment: long}})
	s.Apply(s.Index()+1, command.Entry{Principal: "a", Command: command.Place{Task: w.Key, Parts: []command.Part{{Worker: "w", Slots: 1}}}})
	for task := range s.Tasks(0) {
		if n := len(task.Reason); n == 0 || n > 1024 {
			t.Errorf("a reason of %d bytes: %.40s", n, task.Reason)
		}
	}
	for a := range s.Audits(0) {
		if len(a.Outcome) > 1024 || len(a.Subject) > 256 {
			t.Errorf("an outcome of %d bytes about one of %d", len(a.Outcome), len(a.Subject))
		}
	}
	restored(t, s)
}

// A submission that finds done what runs ends its gang, from level 4 on; below, who writes
// the log is kept from it.
func TestFoundWhileItRuns(t *testing.T) {
	w := fixture.Work("T", fixture.Options{})
	again := command.Submit{Experiment: "f", Works: []api.Work{w}, Finished: []api.Key{w.Key}}
	for _, level := range []int{3, api.LevelWishes} {
		s := at(t, level)
		must(t, s, command.Submit{Experiment: "e", Works: []api.Work{w}})
		must(t, s, command.Join{Worker: "w", Class: api.ClassCPU, Slots: 1})
		place := command.Place{Task: w.Key, Generation: 1, Parts: []command.Part{{Worker: "w", Slots: 1}}}
		if level >= api.LevelWishes {
			place.Experiment = 1
		}
		must(t, s, place)
		if err := s.CheckSubmit("", again); (err == nil) != (level >= api.LevelWishes) {
			t.Errorf("at level %d, before it is written: %v", level, err)
		}
		must(t, s, again)
		if level < api.LevelWishes { // a log that has it all the same is mended when it is raised
			must(t, s, command.Raise{Level: api.LevelWishes})
		}
		var b bytes.Buffer
		if err := errors.Join(s.Check(), s.Encode(&b)); err != nil {
			t.Errorf("at level %d: %v", level, err)
		}
		if task := s.Task(w.Key); task.Status != state.Done || task.Parts != nil || s.Worker("w").Free() != 0 {
			t.Errorf("at level %d it is %s on %v, %d slots are free", level, task.Status, task.Parts, s.Worker("w").Free())
		}
	}
}

// An incarnation that a worker makes up does not leave the others without.
func TestIncarnationsDoNotRunOut(t *testing.T) {
	join := func(id string) command.Join { return command.Join{Worker: id, Class: api.ClassCPU, Slots: 1} }
	liar, honest := join("liar"), join("honest")
	liar.Incarnation, honest.Issue = 1<<64-1, true
	old := at(t, 3)
	must(t, old, liar)
	must(t, old, command.Raise{Level: api.LevelWishes})
	s := at(t, api.LevelWishes)
	if r := s.Apply(2, command.Entry{Command: liar}); !errors.Is(r.Err, state.ErrStale) {
		t.Errorf("an incarnation that was never issued: %v", r.Err)
	}
	for name, s := range map[string]*state.State{"raised": old, "new": s} {
		first, second := must(t, s, honest).Incarnation, must(t, s, honest).Incarnation
		if first == 0 || second <= first {
			t.Errorf("%s: incarnations %d, %d", name, first, second)
		}
	}
}
