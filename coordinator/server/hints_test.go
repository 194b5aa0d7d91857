package server

import (
	"testing"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
	"g2c/internal/clock"
)

// What is left of a task follows from its own steps and their rate, else from how long
// another of its experiment and kind took; of others nobody knows. A plan hears the same
// answer twice.
func TestEstimates(t *testing.T) {
	works := []api.Work{fixture.Work("a", fixture.Options{}), fixture.Work("b", fixture.Options{}), fixture.Work("c", fixture.Options{})}
	other := fixture.Work("d", fixture.Options{})
	s := state.New()
	at := int64(1000)
	apply := func(c command.Command) {
		t.Helper()
		if r := s.Apply(s.Index()+1, command.Entry{At: at, Command: c}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	apply(command.Submit{Experiment: "e", Works: works})
	apply(command.Submit{Experiment: "f", Works: []api.Work{other}})
	apply(command.Join{Worker: "w", Incarnation: 1, Class: api.ClassCPU, Slots: 2})
	place := func(w api.Work) command.Report {
		apply(command.Place{Task: w.Key, Generation: 1, Parts: []command.Part{{Worker: "w", Slots: 1}}})
		r := command.Report{Task: w.Key, Worker: "w", Incarnation: 1, Generation: 1}
		apply(command.Started{Report: r})
		return r
	}
	done := place(works[0])
	at += 60_000
	apply(command.Done{Report: done})
	place(works[1])
	at += 10_000
	snapshot := s.Snapshot()
	r := &leadership{journal: newJournals(1<<20, clock.Real{})}
	r.history.ended(snapshot, snapshot.Task(works[0].Key))
	ask := func() *estimates {
		return &estimates{progressOf: r.progressOf, history: &r.history, snapshot: snapshot, now: at, answered: map[uint64]estimate{}}
	}
	is := func(h *estimates, w api.Work, ms int64, known bool) {
		t.Helper()
		if got, ok := h.Remaining(snapshot.Task(w.Key)); got != ms || ok != known {
			t.Errorf("%s: %d ms, %v; want %d, %v", w.Name(), got, ok, ms, known)
		}
	}
	h := ask()
	is(h, works[1], 50_000, true)
	is(h, works[2], 60_000, true)
	is(h, other, 0, false)
	r.journal.progress(works[1].Key, &apiv1.TaskProgress{Generation: 1, Progress: &apiv1.Progress{Step: 20, Steps: 100, StepsPerSecond: 4}})
	is(h, works[1], 50_000, true)
	is(ask(), works[1], 20_000, true)
}
