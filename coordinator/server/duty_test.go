package server

import (
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
)

// placed is a state in which worker w has a task, and what more was done at that time.
func placed(t *testing.T, at int64, work api.Work, more ...command.Command) *state.State {
	t.Helper()
	s := state.New()
	for i, c := range append([]command.Command{
		command.Submit{Experiment: "e", Works: []api.Work{work}}, command.Join{Worker: "w", Incarnation: 1, Class: api.ClassCPU, Slots: 2},
		command.Place{Task: work.Key, Generation: 1, Parts: []command.Part{{Worker: "w", Slots: 1}}},
	}, more...) {
		if r := s.Apply(uint64(i+1), command.Entry{At: at, Command: c}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	return s
}

// A task that is to save is told how long that may take, from when it is told.
func TestATaskThatIsToSaveHasATime(t *testing.T) {
	work := fixture.Work("t", fixture.Options{})
	s := placed(t, 5000, work, command.Preempt{Task: work.Key, Generation: 1})
	for now, want := range map[int64]uint32{5000: 100, 5060: 40, 5100: 1, 9000: 1, 1: 100} {
		d := duty{grace: 100}
		m, _ := d.next(s.Snapshot(), "w", 1, now, true)
		if got := m.Assignments[0].SaveWithinMs; got != want {
			t.Errorf("at %d it has %d ms, want %d", now, got, want)
		}
	}
	d := duty{grace: -1}
	if m, _ := d.next(s.Snapshot(), "w", 1, 5000, true); m.Assignments[0].SaveWithinMs != 0 {
		t.Error("it has a time where there is none")
	}
}

// A worker is told of its assignments when they change, of a work once for as long as
// its task stays, and of everything again once the state had another process in its
// place.
func TestDuty(t *testing.T) {
	work := fixture.Work("t", fixture.Options{})
	s := state.New()
	apply := func(c command.Command) {
		t.Helper()
		if r := s.Apply(s.Index()+1, command.Entry{Command: c}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	join := command.Join{Worker: "w", Incarnation: 1, Class: api.ClassCPU, Slots: 2}
	place := command.Place{Task: work.Key, Generation: 1, Parts: []command.Part{{Worker: "w", Slots: 1}}}
	about := command.Report{Task: work.Key, Worker: "w", Incarnation: 1, Generation: 1}
	apply(command.Submit{Experiment: "e", Works: []api.Work{work}})
	var d duty
	for i, step := range []struct {
		do     command.Command
		always bool
		told   bool // anything
		n      int  // assignments
		works  int  // of these with their work
		tasks  int
	}{
		{do: join, told: false}, // nothing is assigned, and nothing was told: the same
		{do: place, told: true, n: 1, works: 1, tasks: 1},
		{do: nil, told: false},
		{do: nil, always: true, told: true, n: 1, tasks: 1},
		{do: command.Started{Report: about}, told: false},
		{do: command.Preempt{Task: work.Key, Generation: 1}, told: true, n: 1, tasks: 1},
		{do: command.Evict{Task: work.Key, Generation: 1}, told: true, n: 1},
		{do: command.Lost{Worker: "w", Incarnation: 1}, told: false},
		{do: join, told: true, n: 0},
		{do: command.Place{Task: work.Key, Generation: 2, Parts: place.Parts}, told: true, n: 1, works: 1, tasks: 1},
		{do: command.Join{Worker: "w", Incarnation: 2, Class: api.ClassCPU, Slots: 2}, told: false},
	} {
		if step.do != nil {
			apply(step.do)
		}
		m, tasks := d.next(s.Snapshot(), "w", 1, 0, step.always)
		works := 0
		for _, a := range m.GetAssignments() {
			if len(a.Work) > 0 {
				works++
			}
		}
		if (m != nil) != step.told || len(m.GetAssignments()) != step.n || works != step.works || len(tasks) != step.tasks {
			t.Errorf("step %d, %T: told %v with %d assignments, %d works, %d tasks; want %+v", i, step.do, m != nil, len(m.GetAssignments()), works, len(tasks), step)
		}
	}
}
