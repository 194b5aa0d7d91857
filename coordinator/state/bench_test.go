package state_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
)

// busy is a state at the newest level with a thousand tasks, and what has been applied.
func busy(b *testing.B) *state.State {
	b.Helper()
	s := state.New()
	submit := command.Submit{Experiment: "e", Project: state.DefaultProject}
	for i := range 1000 {
		submit.Works = append(submit.Works, fixture.Work(fmt.Sprint("T", i), fixture.Options{}))
	}
	for _, c := range []command.Command{
		command.Raise{Level: command.Level}, submit, command.Join{Worker: "w", Issue: true, Class: api.ClassCPU, Device: "cpu", Slots: 8},
	} {
		if r := s.Apply(s.Index()+1, command.Entry{At: 1, Principal: "alice", Command: c}); r.Err != nil {
			b.Fatal(r.Err)
		}
	}
	return s
}

// BenchmarkApply places a task and has it interrupted: two entries.
func BenchmarkApply(b *testing.B) {
	s := busy(b)
	b.ReportAllocs()
	var generation uint64
	for b.Loop() {
		generation++
		k := s.Snapshot().TaskAt(1).Work.Key
		for _, c := range []command.Command{
			command.Place{Task: k, Generation: generation, Parts: []command.Part{{Worker: "w", Slots: 1}}, Experiment: 1},
			command.Interrupted{Report: command.Report{Task: k, Worker: "w", Incarnation: 1, Generation: generation}},
		} {
			if r := s.Apply(s.Index()+1, command.Entry{At: 1, Command: c}); r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	}
}

// BenchmarkSnapshot writes a state of a thousand tasks and reads it back.
func BenchmarkSnapshot(b *testing.B) {
	s := busy(b)
	var buf bytes.Buffer
	if err := s.Encode(&buf); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Encode(io.Discard); err != nil {
			b.Fatal(err)
		}
		if _, err := state.Decode(bytes.NewReader(buf.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
