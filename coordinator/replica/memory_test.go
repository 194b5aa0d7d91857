package replica_test

import (
	"errors"
	"testing"
	"time"

	"g2c/coordinator/command"
	"g2c/coordinator/replica"
)

var _ replica.Replica = (*replica.Memory)(nil)

// What is proposed is read, and waiters hear of it.
func TestMemoryAppliesAndTells(t *testing.T) {
	m := replica.NewMemory("c1", func() time.Time { return time.UnixMilli(5) })
	advanced := m.Advanced(0)
	r, err := m.Propose(t.Context(), command.Entry{Principal: "me", Command: command.SetProject{Project: "p", Weight: 2}})
	if err != nil || r.Err != nil || r.Index != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	<-advanced
	<-m.Advanced(0)
	s, err := m.Read(t.Context())
	if err != nil || s.Project("p").Weight != 2 {
		t.Fatalf("read %+v, %v", s.Project("p"), err)
	}
	for a := range s.Audits(0) {
		if a.At != 5 {
			t.Errorf("the entry has time %d, want the clock's", a.At)
		}
	}
	m.Close()
	<-m.Advanced(1)
}

// A leadership ends when leadership does, and another can follow.
func TestMemoryLeadership(t *testing.T) {
	m := replica.NewMemory("c1", time.Now)
	for range 3 {
		leadership, err := m.Leadership(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Leader().ID != "c1" {
			t.Fatalf("leader %+v", m.Leader())
		}
		m.Depose()
		<-leadership.Done()
		var not *replica.NotLeader
		if _, err := m.Propose(t.Context(), command.Entry{Command: command.Raise{Level: 1}}); !errors.As(err, &not) {
			t.Fatalf("a deposed replica proposes: %v", err)
		}
		m.Crown()
	}
	leadership, err := m.Leadership(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	<-leadership.Done()
	if _, err := m.Leadership(t.Context()); !errors.Is(err, replica.ErrClosed) {
		t.Fatalf("a closed replica leaderships: %v", err)
	}
}
