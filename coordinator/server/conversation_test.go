package server

import (
	"testing"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
)

// talk is a state and a worker's conversation with whoever has it.
type talk struct {
	t *testing.T
	*conversation
	state *state.State
}

func begin(t *testing.T, s *state.State, h *apiv1.Hello) *talk {
	t.Helper()
	h.Worker, h.Numerics, h.Slots = "w", api.ClassCPU, 2
	c, err := converse(&who{role: worker, caller: Caller{Role: Worker, Name: "w"}}, h, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &talk{t, c, s}
}

func (c *talk) apply(cmd command.Command) state.Result {
	c.t.Helper()
	r := c.state.Apply(c.state.Index()+1, command.Entry{Command: cmd})
	if r.Err != nil {
		c.t.Fatalf("%T: %v", cmd, r.Err)
	}
	return r
}

// joined has the state know the worker, and says whether it did not before.
func (c *talk) joined(hello bool) bool {
	c.t.Helper()
	j, needed := c.joins(c.state.Snapshot(), hello, func(*state.Worker) []command.Progress { return nil })
	if needed {
		if r := c.apply(j); j.Issue {
			c.named(r.Incarnation)
		}
	}
	return needed
}

// A process joins once, is named by the state, and joins again when it was lost or another came
// between: whoever began before is told from whoever began later by the state's numbers.
func TestAConversationJoins(t *testing.T) {
	s := state.New()
	first := begin(t, s, &apiv1.Hello{Incarnation: 9, Issue: true})
	first.apply(command.Raise{Level: command.Level})
	for _, step := range []struct {
		what   string
		hello  bool
		do     command.Command
		joined bool
	}{
		{what: "its hello", hello: true, joined: true},
		{what: "a heartbeat"},
		{what: "its hello again", hello: true},
		{what: "a heartbeat of one that is lost", do: command.Lost{Worker: "w", Incarnation: 1}, joined: true},
	} {
		if step.do != nil {
			first.apply(step.do)
		}
		if got := first.joined(step.hello); got != step.joined {
			t.Errorf("%s: joined %v, want %v", step.what, got, step.joined)
		}
	}
	second := begin(t, s, &apiv1.Hello{Incarnation: 3, Issue: true})
	if second.before(first.conversation) {
		t.Error("a process that the state has not named yet is refused as an earlier one")
	}
	if !second.joined(true) || second.incarnation() <= first.incarnation() {
		t.Errorf("processes are %d and then %d", first.incarnation(), second.incarnation())
	}
	if !first.before(second.conversation) || second.before(first.conversation) {
		t.Error("the earlier process is not told from the later one")
	}
	if j, needed := first.joins(s.Snapshot(), false, func(*state.Worker) []command.Progress { return nil }); !needed || j.Incarnation >= second.incarnation() {
		t.Errorf("a heartbeat of the process that was replaced would join as %d, %v: the state refuses that", j.Incarnation, needed)
	}
}

// A worker speaks of tasks that it was assigned, for as long as the session lasts, and of none
// besides. Its first record is told though it be empty.
func TestAConversationKnowsItsTasks(t *testing.T) {
	s := state.New()
	mine, other := fixture.Work("mine", fixture.Options{}), fixture.Work("other", fixture.Options{})
	c := begin(t, s, &apiv1.Hello{Incarnation: 1})
	c.apply(command.Submit{Experiment: "e", Works: []api.Work{mine, other}})
	c.joined(true)
	if m := c.next(s.Snapshot(), 0, false); m == nil || len(m.Assignments) != 0 {
		t.Errorf("the first record is %v, want an empty one", m)
	}
	speaks := func(w api.Work, want bool) {
		t.Helper()
		if k, ok, err := c.speaksOf(s.Snapshot(), w.Key.String()); err != nil || ok != want || k != w.Key {
			t.Errorf("%s: speaks of it %v, %v, want %v", w.Name(), ok, err, want)
		}
	}
	speaks(mine, false)
	c.apply(command.Place{Task: mine.Key, Generation: 1, Parts: []command.Part{{Worker: "w", Slots: 1}}})
	if m := c.next(s.Snapshot(), 0, false); len(m.GetAssignments()) != 1 {
		t.Errorf("it is told %v", m)
	}
	started, err := c.report(&apiv1.Report{Task: mine.Key.String(), Generation: 1, Kind: apiv1.ReportKind_REPORT_KIND_STARTED})
	if err != nil {
		t.Fatal(err)
	}
	c.apply(started)
	c.apply(command.Evict{Task: mine.Key, Generation: 1})
	c.next(s.Snapshot(), 0, false)
	speaks(mine, true)
	speaks(other, false)
	for _, bad := range []*apiv1.Report{{Task: "no key", Kind: apiv1.ReportKind_REPORT_KIND_DONE}, {Task: mine.Key.String()}} {
		if cmd, err := c.report(bad); err == nil {
			t.Errorf("%v is %T", bad, cmd)
		}
	}
	if _, ok, err := c.suspects(s.Snapshot(), &apiv1.Suspect{Task: mine.Key.String(), Generation: 1, Workers: []string{"w2"}}); ok || err != nil {
		t.Errorf("a gang that is gone is regrouped: %v, %v", ok, err)
	}
}
