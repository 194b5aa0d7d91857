package agent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	"g2c/kernels"
	"g2c/worker/agent"
	"g2c/worker/rehearse"
)

// elapsed is the clock of a synctest bubble.
func elapsed() func() time.Duration {
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}

func config(h *hub, id string, slots int, e agent.Executor) agent.Config {
	return agent.Config{
		Offer:       agent.Offer{Worker: id, Incarnation: uint64(time.Now().UnixNano()), Class: api.ClassCPU, Host: id, Slots: slots},
		Coordinator: h, Executor: e, Log: slog.New(slog.DiscardHandler), Elapsed: elapsed(),
	}
}

// crew runs agents until the test ends them.
type crew struct {
	t    *testing.T
	stop context.CancelFunc
	ctx  context.Context
	wait sync.WaitGroup
}

func newCrew(t *testing.T, h *hub) *crew {
	c := &crew{t: t}
	c.ctx, c.stop = context.WithCancel(t.Context())
	c.wait.Go(func() { h.leases(c.ctx) })
	return c
}

func (c *crew) add(cfg agent.Config) {
	c.wait.Go(func() {
		if err := agent.Run(c.ctx, cfg); err != nil {
			c.t.Errorf("%s: %v", cfg.Offer.Worker, err)
		}
	})
}

func (c *crew) end() {
	c.stop()
	c.wait.Wait()
}

func sweep(h *hub, n int, gang api.Gang) {
	submit := command.Submit{Experiment: "e"}
	for i := range n {
		submit.Works = append(submit.Works, fixture.Work(fmt.Sprint("task", i), fixture.Options{Gang: gang}))
	}
	h.do(submit)
}

func allDone(n int) func(*state.State) bool {
	return func(s *state.State) bool { return s.Count(state.Done) == n }
}

// Workers bring everything to its end, though their sessions break again and again.
func TestWorkersFinishASweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t)
		c := newCrew(t, h)
		for i := range 5 {
			id := fmt.Sprint("w", i)
			c.add(config(h, id, 1+i%3, &rehearse.Executor{Worker: id, For: 3 * time.Second}))
		}
		c.wait.Go(func() {
			tick := time.NewTicker(1700 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-c.ctx.Done():
					return
				case <-tick.C:
					h.breakAll()
				}
			}
		})
		sweep(h, 60, api.Gang{Min: 1, Max: 4})
		h.until("done", allDone(60))
		c.end()
		h.mu.Lock()
		defer h.mu.Unlock()
		for task := range h.state.Tasks(0) {
			if task.Completions != 1 {
				t.Errorf("%s was completed %d times", task.Work.Name(), task.Completions)
			}
		}
		if n := h.state.WorkerCount(); n != 0 {
			t.Errorf("%d workers left without deregistering", n)
		}
		if h.lines < 60 || h.points < 60*rehearse.Steps/2 || h.progress < 60 {
			t.Errorf("%d lines, %d points, %d words of progress arrived", h.lines, h.points, h.progress)
		}
	})
}

// stubborn runs until it is told to stop and then some.
type stubborn struct {
	after   time.Duration
	stopped chan time.Time
}

func (s stubborn) Run(ctx context.Context, _ *agent.Gang, out *agent.Output) error {
	out.Started(1)
	<-ctx.Done()
	<-time.After(s.after) // a step that cannot be interrupted
	s.stopped <- time.Now()
	return fault.New(fault.ErrInterrupted, "stopped")
}

// What runs on a worker that hears nothing goes on as an orphan, and takes no more. When the
// worker is back, and its task was done elsewhere, it stops.
func TestAnOrphanGoesOnUntilItIsNotWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t)
		c := newCrew(t, h)
		first := stubborn{3 * time.Second, make(chan time.Time, 8)}
		c.add(config(h, "w1", 2, first))
		h.until("joined", func(s *state.State) bool { return s.Worker("w1") != nil })
		sweep(h, 1, api.Gang{Min: 1, Max: 1})
		h.until("running", func(s *state.State) bool { return s.Count(state.Running) == 1 })
		c.add(config(h, "w2", 1, &rehearse.Executor{Worker: "w2", For: 3 * time.Second}))
		h.cutOff("w1", true)
		h.until("lost", func(s *state.State) bool { return s.Worker("w1").Lost })
		h.until("done elsewhere", func(s *state.State) bool { return s.Count(state.Done) == 1 && s.Worker("w2") != nil })
		if len(first.stopped) > 0 {
			t.Error("it stopped though nobody told it to")
		}
		h.cutOff("w1", false)
		h.until("back", func(s *state.State) bool { return !s.Worker("w1").Lost })
		<-first.stopped
		c.end()
	})
}

// One that no coordinator is heard of again ends after ten minutes, by itself or, if it does
// not stop, with its process.
func TestAnOrphanEnds(t *testing.T) {
	for _, takes := range []time.Duration{time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			h := newHub(t)
			c := newCrew(t, h)
			never := stubborn{takes, make(chan time.Time, 1)}
			ended := make(chan error, 1)
			c.wait.Go(func() { ended <- agent.Run(c.ctx, config(h, "w1", 1, never)) })
			h.until("joined", func(s *state.State) bool { return s.Worker("w1") != nil })
			sweep(h, 1, api.Gang{Min: 1, Max: 1})
			h.until("running", func(s *state.State) bool { return s.Count(state.Running) == 1 })
			h.cutOff("w1", true)
			cut := time.Now()
			select {
			case at := <-never.stopped:
				if took := at.Sub(cut); took < 10*time.Minute || took > 10*time.Minute+lease || takes == time.Hour {
					t.Errorf("it stopped after %v", took)
				}
				h.cutOff("w1", false)
			case err := <-ended:
				if took := time.Since(cut); err == nil || !strings.Contains(err.Error(), "task0") || took < 15*time.Minute || takes != time.Hour {
					t.Errorf("the process ended with %v after %v", err, took)
				}
				<-never.stopped
			}
			c.end()
		})
	}
}

// A worker that is asked to go has its tasks save their state, and deregisters.
func TestGoingGracefully(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t)
		c := newCrew(t, h)
		ctx, stop := context.WithCancel(t.Context())
		slow := stubborn{20 * time.Second, make(chan time.Time, 4)}
		ended := make(chan error, 1)
		go func() { ended <- agent.Run(ctx, config(h, "w1", 2, slow)) }()
		h.until("joined", func(s *state.State) bool { return s.Worker("w1") != nil })
		sweep(h, 3, api.Gang{Min: 1, Max: 1})
		h.until("running", func(s *state.State) bool { return s.Count(state.Running) == 2 })
		stop()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
		if len(slow.stopped) != 2 {
			t.Errorf("%d tasks had ended when the worker did", len(slow.stopped))
		}
		h.until("gone", func(s *state.State) bool { return s.WorkerCount() == 0 && s.Count(state.Pending) == 3 })
		for task := range h.state.Tasks(0) {
			if task.Failures != 0 {
				t.Errorf("%s counts %d failures", task.Work.Name(), task.Failures)
			}
		}
		c.end()
	})
}

// Failures are told apart: what would come again is not tried again.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t)
		c := newCrew(t, h)
		c.add(config(h, "w1", 4, &rehearse.Executor{Worker: "w1", For: time.Second, Fail: "task1", Broken: "task2"}))
		c.add(config(h, "w2", 4, panics{}))
		h.until("joined", func(s *state.State) bool { return s.WorkerCount() == 2 })
		h.do(command.SetMode{Worker: "w2", Mode: command.Cordoned})
		sweep(h, 3, api.Gang{Min: 1, Max: 1})
		c.wait.Go(func() { // what waits for time needs somebody to plan
			tick := time.NewTicker(5 * time.Second)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-c.ctx.Done():
					return
				case <-tick.C:
					h.do(command.SetProject{Project: "tick", Weight: 1 + n})
				}
			}
		})
		h.until("ended", func(s *state.State) bool { return s.Count(state.Failed) == 2 && s.Count(state.Done) == 1 })
		failures := map[string]int{}
		for task := range h.state.Tasks(0) {
			failures[task.Work.Name()] = task.Failures
		}
		if fmt.Sprint(failures) != "map[task0:0 task1:3 task2:1]" {
			t.Errorf("failures %v", failures)
		}
		h.do(command.SetMode{Worker: "w1", Mode: command.Cordoned})
		h.do(command.SetMode{Worker: "w2", Mode: command.Ready})
		h.do(command.Submit{Experiment: "p", Works: []api.Work{fixture.Work("panics", fixture.Options{})}})
		h.until("failed", func(s *state.State) bool { return s.Count(state.Failed) == 3 })
		c.end()
	})
}

type panics struct{}

func (panics) Run(context.Context, *agent.Gang, *agent.Output) error { panic("a bug") }

// The coordinator hears which data a worker has read, and hears it again when a
// session breaks: tasks over it are placed there.
func TestDataAtHandIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t)
		c := newCrew(t, h)
		c.add(config(h, "w1", 1, &rehearse.Executor{Worker: "w1", For: time.Second}))
		h.do(command.Submit{Experiment: "e", Works: []api.Work{
			fixture.Work("one", fixture.Options{Data: "kidney"}), fixture.Work("two", fixture.Options{Data: "liver"}),
		}})
		knows := func(s *state.State) bool {
			w := s.Worker("w1")
			return w != nil && slices.Contains(w.Cached, fixture.Data("kidney")) && slices.Contains(w.Cached, fixture.Data("liver"))
		}
		h.until("done", allDone(2))
		h.until("data at hand", knows)
		h.do(command.Cache{Worker: "w1", Incarnation: h.incarnation("w1")}) // as if it had been lost
		h.breakAll()
		h.until("data at hand again", knows)
		c.end()
	})
}

// breaks loses the device of a task of a name; others run until they are told to stop.
type breaks struct {
	name string
	rest stubborn
}

// Run implements agent.Executor.
func (b breaks) Run(ctx context.Context, g *agent.Gang, out *agent.Output) error {
	if a, _ := g.Latest(); a.Work.Name() != b.name {
		return b.rest.Run(ctx, g, out)
	}
	out.Started(1)
	<-time.After(time.Second) // until the others have begun
	return fault.New(fault.ErrUnavailable, "a card is %w", kernels.ErrLost)
}

// A worker that has lost a device lets its other tasks save their state, deregisters
// and ends with that error: another does all of it.
func TestALostDeviceEndsTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t)
		c := newCrew(t, h)
		first := breaks{"task1", stubborn{3 * time.Second, make(chan time.Time, 4)}}
		ended := make(chan error, 1)
		go func() { ended <- agent.Run(t.Context(), config(h, "w1", 3, first)) }()
		h.until("joined", func(s *state.State) bool { return s.Worker("w1") != nil })
		sweep(h, 3, api.Gang{Min: 1, Max: 1})
		if err := <-ended; !errors.Is(err, kernels.ErrLost) || fault.ExitCode(err) != fault.ExitUnavailable {
			t.Errorf("it ended with %v", err)
		}
		if len(first.rest.stopped) != 2 {
			t.Errorf("%d tasks had saved their state when the worker ended", len(first.rest.stopped))
		}
		h.until("gone", func(s *state.State) bool { return s.WorkerCount() == 0 && s.Count(state.Pending) == 3 })
		for task := range h.state.Tasks(0) {
			if want := map[string]int{"task1": 1}[task.Work.Name()]; task.Failures != want {
				t.Errorf("%s counts %d failures, want %d", task.Work.Name(), task.Failures, want)
			}
		}
		c.end()
	})
}

// A process asks for its name once: it keeps the one it was given over every session,
// whoever leads then, since what it runs is assigned to that name.
func TestAProcessIsNamedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t)
		c := newCrew(t, h)
		c.add(config(h, "w1", 1, &rehearse.Executor{Worker: "w1", For: 3 * time.Second}))
		sweep(h, 3, api.Gang{})
		for n := range 3 {
			h.until("one more is done", allDone(n+1))
			h.breakAll()
		}
		h.until("it has connected anew", func(*state.State) bool { return len(h.offers) > 3 })
		c.end()
		if len(h.offers) < 4 {
			t.Fatalf("%d sessions, want more", len(h.offers))
		}
		for i, o := range h.offers {
			if named := i > 0; o.Named != named || named && o.Incarnation != 1 {
				t.Errorf("session %d was opened by incarnation %d, named %v", i, o.Incarnation, o.Named)
			}
		}
	})
}
