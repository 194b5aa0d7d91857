package scheduler

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
)

// Shares are by weight, nothing is lost in rounding, and who has less than a slot
// gets one by turns.
func TestDivide(t *testing.T) {
	for _, c := range []struct {
		slots int
		among []claimant
		want  map[string]int
	}{
		{10, []claimant{{name: "a", weight: 1}, {name: "b", weight: 4}}, map[string]int{"a": 2, "b": 8}},
		{10, []claimant{{name: "a", weight: 1}, {name: "b", weight: 1}, {name: "c", weight: 1}}, map[string]int{"a": 4, "b": 3, "c": 3}},
		// The remainder stays with who has it.
		{10, []claimant{{name: "a", weight: 1}, {name: "b", weight: 1, used: 4}, {name: "c", weight: 1}}, map[string]int{"a": 3, "b": 4, "c": 3}},
		// Less than a slot each: by turns.
		{2, []claimant{{name: "a", weight: 1, turns: 2, used: 1}, {name: "b", weight: 1, turns: 1}, {name: "c", weight: 1}}, map[string]int{"a": 0, "b": 1, "c": 1}},
		// A small project beside a large one is not rounded to nothing.
		{10, []claimant{{name: "a", weight: 95}, {name: "b", weight: 5}}, map[string]int{"a": 9, "b": 1}},
		{0, []claimant{{name: "a", weight: 1}}, map[string]int{"a": 0}},
	} {
		got := map[string]int{}
		for name, e := range divide(c.slots, c.among) {
			got[name] = e.slots
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d slots among %+v: %v, want %v", c.slots, c.among, got, c.want)
		}
	}
}

func TestDivideLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for range 2000 {
		slots := r.IntN(200)
		var among []claimant
		weights := 0
		for i := range 1 + r.IntN(30) {
			among = append(among, claimant{name: fmt.Sprint("p", i), weight: 1 + r.IntN(1000), turns: r.Int64N(5), used: r.IntN(9)})
			weights += among[i].weight
		}
		shares := divide(slots, among)
		slices.Reverse(among)
		if again := divide(slots, among); !reflect.DeepEqual(shares, again) {
			t.Fatalf("the order of projects decides: %v, %v", shares, again)
		}
		sum := 0
		for _, c := range among {
			n := shares[c.name].slots
			sum += n
			if low := slots * c.weight / weights; n < low || n > low+1 || shares[c.name].whole != (low > 0) {
				t.Fatalf("%d of %d slots for %d of %d", n, slots, c.weight, weights)
			}
		}
		if sum != slots {
			t.Fatalf("%d slots became %d", slots, sum)
		}
	}
}

func TestOutlookStart(t *testing.T) {
	o := outlook{free: 2, later: []release{{at: 50, slots: 1, sure: true}, {at: 30, slots: 2, sure: true}, {at: 50, slots: 1}, {at: never, slots: 4}}}
	for _, c := range []struct {
		need  int
		at    int64
		spare int
	}{{1, 10, 1}, {2, 10, 0}, {3, 30, 1}, {4, 30, 0}, {5, 50, 0}, {6, 50, 0}, {7, never, 0}} {
		if at, spare := o.start(10, c.need); at != c.at || spare != c.spare {
			t.Errorf("%d slots: at %d with %d to spare, want %d with %d", c.need, at, spare, c.at, c.spare)
		}
	}
}

// A time that lies further ahead than any wait was set by a wrong clock.
func TestOver(t *testing.T) {
	for _, c := range []struct {
		limit, since, now int64
		want              bool
	}{
		{60, 0, 59, false},
		{60, 0, 60, true},
		{60, 100, 40, false}, // a clock that is a little ahead: twice the limit at most
		{60, 101, 40, true},
		{-1, 0, 1 << 60, false},
		{0, 5, 5, true},
	} {
		if got := over(c.limit, c.since, c.now); got != c.want {
			t.Errorf("%d since %d at %d: %v", c.limit, c.since, c.now, got)
		}
	}
}

// Turns count what was given, for its weight, from the lowest; who comes anew
// begins there, and who is gone is forgotten.
func TestTurns(t *testing.T) {
	s := state.New()
	apply := func(c command.Command) {
		t.Helper()
		if r := s.Apply(s.Index()+1, command.Entry{At: 1, Command: c}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	apply(command.SetProject{Project: "b", Weight: 2})
	for i, name := range []string{"a", "b", "c"} {
		apply(command.Submit{Experiment: name, Project: name, Works: []api.Work{fixture.Work(fmt.Sprint("T", i), fixture.Options{})}})
	}
	x := newIndex(s.Snapshot(), 1)
	a, b, c, d := bidder{"a", api.ClassCPU}, bidder{"b", api.ClassCPU}, bidder{"c", api.ClassCPU}, bidder{"d", api.ClassCPU}
	x.turns = []turn{{b, 4}, {c, 4}}
	m := Memory{turns: map[bidder]int64{a: 3 * command.MaxWeight, b: command.MaxWeight, d: 0}}
	// a had 3 turns, b 1 and now 4 of half the weight, c is new and begins with b's 1.
	want := map[bidder]int64{a: 0, b: 0, c: 2 * command.MaxWeight}
	if got := m.count(s.Snapshot(), x); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The index has room for what lives, not for all that ever did.
func TestTheIndexFollowsLiveTasks(t *testing.T) {
	s := state.New()
	apply := func(c command.Command) {
		t.Helper()
		if r := s.Apply(s.Index()+1, command.Entry{At: 1, Command: c}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	apply(command.Join{Worker: "w", Class: api.ClassCPU, Slots: 4})
	planner := new(Planner)
	for e := range 200 {
		c := command.Submit{Experiment: fmt.Sprint("e", e)}
		for i := range 20 {
			c.Works = append(c.Works, fixture.Work(fmt.Sprintf("T%d.%d", e, i), fixture.Options{}))
		}
		apply(c)
		planner.Plan(s.Snapshot(), 2, DefaultPolicy(), nil)
		apply(command.Cancel{Experiment: c.Experiment})
	}
	plan := planner.Plan(s.Snapshot(), 2, DefaultPolicy(), nil)
	x := planner.index
	if x.tasks.count != 0 || len(x.tasks.pages) != 0 || len(x.projects) != 0 || len(x.pools) != 0 || len(x.accounts) != 0 {
		t.Errorf("4,000 tasks have ended and %d are left, on %d pages; %d projects, %d pools, %d accounts",
			x.tasks.count, len(x.tasks.pages), len(x.projects), len(x.pools), len(x.accounts))
	}
	if len(plan.Next.turns) != 0 || len(plan.Next.reservations) != 0 {
		t.Errorf("it remembers %+v", plan.Next)
	}
}

// Bids and lines have one order, whatever the order of the maps they come from.
func TestDemandHasOneOrder(t *testing.T) {
	s := state.New()
	for i := range 40 {
		gang := api.Gang{Min: 1 + i%3, Max: 3}
		s.Apply(s.Index()+1, command.Entry{At: 1, Command: command.Submit{
			Experiment: fmt.Sprint("e", i), Project: fmt.Sprint("p", i%5), Priority: i % 2,
			Works: []api.Work{fixture.Work(fmt.Sprint("T", i), fixture.Options{Gang: gang, Class: []string{api.ClassCPU, "ref-1"}[i%2]})},
		}})
	}
	list := func() []string {
		var out []string
		for _, b := range demand(s.Snapshot(), newIndex(s.Snapshot(), 1), nil) {
			for _, l := range b.lines {
				out = append(out, fmt.Sprintf("%s %s %s at %d", b.project, b.class, l.name(), l.next.priority))
			}
		}
		return out
	}
	want := list()
	if len(want) != 30 {
		t.Fatalf("%d lines: %v", len(want), want)
	}
	for range 20 {
		if got := list(); !slices.Equal(got, want) {
			t.Fatalf("%v\n%v", got, want)
		}
	}
}
