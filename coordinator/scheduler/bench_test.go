package scheduler_test

import (
	"fmt"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// crowded is 10,000 slots on 1,250 workers and 100,000 pending tasks of ten
// projects, some of them gangs.
func crowded(b *testing.B) *state.State {
	b.Helper()
	s := state.New()
	apply := func(c command.Command) {
		if r := s.Apply(s.Index()+1, command.Entry{At: 1, Command: c}); r.Err != nil {
			b.Fatal(r.Err)
		}
	}
	for i := range 1250 {
		apply(command.Join{Worker: fmt.Sprintf("w%04d", i), Class: api.ClassCPU, Slots: 8, Host: fmt.Sprint("h", i/4), Cached: []api.Key{fixture.Data(fmt.Sprint(i % 7))}})
	}
	for e := range 100 {
		c := command.Submit{Experiment: fmt.Sprint("e", e), Project: fmt.Sprint("p", e%10), Priority: e % 3}
		for i := range 1000 {
			c.Works = append(c.Works, fixture.Work(fmt.Sprintf("T%d.%d", e, i), fixture.Options{
				Gang: api.Gang{Min: 1 + i%10/9*3, Max: 1 + i%10/9*7}, Data: fmt.Sprint(i % 7),
			}))
		}
		apply(c)
	}
	return s
}

// BenchmarkFull plans from nothing with every slot free.
func BenchmarkFull(b *testing.B) {
	s := crowded(b).Snapshot()
	for b.Loop() {
		if p := scheduler.Make(s, 2, scheduler.DefaultPolicy(), nil, scheduler.Memory{}); len(p.Commands) < 5000 {
			b.Fatalf("%d commands", len(p.Commands))
		}
	}
}

// BenchmarkIncremental plans again after one change, with every slot taken.
func BenchmarkIncremental(b *testing.B) { benchmarkIncremental(b, 3) }

// BenchmarkUrgent does so when everybody has waited long enough to have others
// stopped, or slots reserved.
func BenchmarkUrgent(b *testing.B) { benchmarkIncremental(b, 1800_000) }

func benchmarkIncremental(b *testing.B, now int64) {
	s := crowded(b)
	planner := new(scheduler.Planner)
	var last command.Place
	for _, c := range planner.Plan(s.Snapshot(), 2, scheduler.DefaultPolicy(), nil).Commands {
		s.Apply(s.Index()+1, command.Entry{At: 2, Command: c})
		last = c.(command.Place)
	}
	for b.Loop() {
		s.Apply(s.Index()+1, command.Entry{At: now, Command: command.Done{Report: command.Report{
			Task: last.Task, Worker: last.Parts[0].Worker, Generation: last.Generation,
		}}})
		p := planner.Plan(s.Snapshot(), now, scheduler.DefaultPolicy(), nil)
		if len(p.Commands) == 0 && now < 1000 {
			b.Fatal("nothing follows from a free slot")
		}
		for _, c := range p.Commands {
			s.Apply(s.Index()+1, command.Entry{At: now, Command: c})
			if c, ok := c.(command.Place); ok {
				last = c
			}
		}
	}
}

// BenchmarkStill plans again when nothing changed, with every slot taken.
func BenchmarkStill(b *testing.B) {
	s := crowded(b)
	planner := new(scheduler.Planner)
	for _, c := range planner.Plan(s.Snapshot(), 2, scheduler.DefaultPolicy(), nil).Commands {
		s.Apply(s.Index()+1, command.Entry{At: 2, Command: c})
	}
	snapshot := s.Snapshot()
	planner.Plan(snapshot, 3, scheduler.DefaultPolicy(), nil)
	b.ReportAllocs()
	for b.Loop() {
		planner.Plan(snapshot, 3, scheduler.DefaultPolicy(), nil)
	}
}
