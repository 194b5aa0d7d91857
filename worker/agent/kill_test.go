package agent_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
	"g2c/internal/fault"
	"g2c/worker/agent"
	"g2c/worker/rehearse"
)

// mortal runs tasks that never stop, but for one name, and can kill them, or not.
type mortal struct {
	spared string
	rest   agent.Executor
	deaf   bool // killing does not help

	mu     sync.Mutex
	killed map[api.Key]chan struct{}
	when   []time.Duration // kills, since the first run began
	since  time.Time
}

// of is closed when a task is killed.
func (m *mortal) of(task api.Key) chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.killed == nil {
		m.killed, m.since = map[api.Key]chan struct{}{}, time.Now()
	}
	if m.killed[task] == nil {
		m.killed[task] = make(chan struct{})
	}
	return m.killed[task]
}

// Run implements agent.Executor.
func (m *mortal) Run(ctx context.Context, g *agent.Gang, out *agent.Output) error {
	a, _ := g.Latest()
	if a.Work.Name() == m.spared {
		return m.rest.Run(ctx, g, out)
	}
	out.Started(a.Generation)
	<-m.of(a.Task)
	return fault.New(fault.ErrUnavailable, "killed")
}

// Kill implements agent.Killer.
func (m *mortal) Kill(task api.Key) {
	killed := m.of(task)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.when = append(m.when, time.Since(m.since))
	if !m.deaf {
		close(killed)
	}
}

// A task that does not stop when nobody wants it is killed five minutes later. Its worker
// lives, and the task beside it goes on to its end.
func TestATaskThatDoesNotStopIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t)
		c := newCrew(t, h)
		m := &mortal{spared: "task1", rest: &rehearse.Executor{Worker: "w1", For: time.Hour}}
		c.add(config(h, "w1", 3, m))
		h.until("joined", func(s *state.State) bool { return s.Worker("w1") != nil })
		sweep(h, 2, api.Gang{Min: 1, Max: 1})
		h.do(command.Submit{Experiment: "f", Works: []api.Work{work("task2")}})
		h.until("running", func(s *state.State) bool { return s.Count(state.Running) == 3 })
		h.do(command.Cancel{Experiment: "f"})
		h.until("released", func(s *state.State) bool { return s.Count(state.Running) == 2 && len(s.Worker("w1").Allocations) == 2 })
		h.until("done", allDone(1))
		if len(m.when) != 1 || m.when[0] < 5*time.Minute || m.when[0] > 6*time.Minute {
			t.Errorf("it was killed after %v", m.when)
		}
		close(m.of(work("task0").Key)) // by itself
		c.end()
	})
}

// Where killing does not help, nothing but the end of the process does.
func TestATaskThatCannotBeKilledEndsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t)
		c := newCrew(t, h)
		m := &mortal{deaf: true}
		ended := make(chan error, 1)
		go func() { ended <- agent.Run(t.Context(), config(h, "w1", 1, m)) }()
		h.until("joined", func(s *state.State) bool { return s.Worker("w1") != nil })
		sweep(h, 1, api.Gang{Min: 1, Max: 1})
		h.until("running", func(s *state.State) bool { return s.Count(state.Running) == 1 })
		h.do(command.Cancel{Experiment: "e"})
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "task0, generation 1: a task did not stop") {
			t.Errorf("%v", err)
		}
		if len(m.when) != 1 {
			t.Errorf("it was killed at %v", m.when)
		}
		close(m.of(work("task0").Key))
		c.end()
	})
}

// work is what sweeps have of a name.
func work(name string) api.Work {
	return fixture.Work(name, fixture.Options{Gang: api.Gang{Min: 1, Max: 1}})
}
