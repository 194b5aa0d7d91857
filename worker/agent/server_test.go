package agent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"g2c/api"
	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/fixture"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
	"g2c/worker/agent"
	"g2c/worker/rehearse"
)

// coordinator is a real service on loopback whose leadership a test takes away and
// gives back.
func coordinator(t *testing.T, identity server.Caller) (*client.Client, *replica.Memory) {
	t.Helper()
	m := replica.NewMemory("c1", time.Now)
	cfg := server.DefaultConfig()
	cfg.Replica, cfg.Lease, cfg.Heartbeat, cfg.PlanGap = m, 4*time.Second, 400*time.Millisecond, 0
	cfg.Identify = func(context.Context) (server.Caller, error) { return identity, nil }
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(s.Options()...)
	s.Register(g)
	ended := make(chan error, 2)
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- g.Serve(listener) }()
	go func() { ended <- s.Run(ctx) }()
	clientConfig := client.DefaultConfig()
	clientConfig.Servers = []string{listener.Addr().String()}
	c, err := client.New(clientConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		g.Stop()
		if err := errors.Join(<-ended, <-ended, s.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	})
	return c, m
}

// Real workers at a real coordinator finish a sweep though its leader changes, and
// what they said on the way is kept.
func TestOverTheWire(t *testing.T) {
	c, memory := coordinator(t, server.Caller{Role: server.Local})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	for i := range cap(ended) {
		id := fmt.Sprint("w", i)
		go func() {
			ended <- agent.Run(ctx, agent.Config{
				Offer:       agent.Offer{Worker: id, Incarnation: uint64(time.Now().UnixNano()), Class: api.ClassCPU, Device: "cpu", Host: id, Slots: 2},
				Coordinator: agent.Over(c.Workers()), Executor: &rehearse.Executor{Worker: id, For: 50 * time.Millisecond},
				Log: slog.New(slog.DiscardHandler),
			})
		}()
	}
	var works []api.Work
	for i := range 40 {
		works = append(works, fixture.Work(fmt.Sprint("t", i), fixture.Options{Gang: api.Gang{Min: 1 + i%2, Max: 3}}))
	}
	r, err := c.Submit(t.Context(), &apiv1.SubmitHeader{Name: "sweep"}, works)
	if err != nil {
		t.Fatal(err)
	}
	done, changes := uint32(0), 0
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for done < uint32(len(works)) {
		<-tick.C
		e, err := c.Experiments().GetExperiment(t.Context(), &apiv1.GetExperimentRequest{Id: r.Experiment})
		if err != nil {
			t.Fatal(err)
		}
		if done = e.Experiment.Tasks.Done; int(done) > 10*(changes+1) {
			changes++
			memory.Depose()
			memory.Crown()
		}
	}
	for task, err := range c.AllTasks(t.Context(), &apiv1.ListTasksRequest{Experiment: r.Experiment}) {
		if err != nil || task.Completions != 1 || task.Failures != 0 {
			t.Errorf("%v, %v", task, err)
		}
	}
	lines := 0
	if err := c.Logs(t.Context(), &apiv1.ReadLogsRequest{Key: works[39].Key.String()}, func(m *apiv1.ReadLogsResponse) error {
		lines += len(m.Lines)
		return nil
	}); err != nil || lines == 0 {
		t.Errorf("%d lines of the log, %v", lines, err)
	}
	stop()
	for range cap(ended) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := memory.Snapshot().WorkerCount(); n != 0 {
		t.Errorf("%d workers are still known after their deregistering", n)
	}
	if err := memory.Snapshot().Check(); err != nil {
		t.Error(err)
	}
}

// A worker that calls itself other than its certificate does is told so, and ends.
func TestAWorkerOfAnotherName(t *testing.T) {
	c, _ := coordinator(t, server.Caller{Role: server.Worker, Name: "w7"})
	err := agent.Run(t.Context(), agent.Config{
		Offer:       agent.Offer{Worker: "w8", Incarnation: 1, Class: api.ClassCPU, Slots: 1},
		Coordinator: agent.Over(c.Workers()), Executor: &rehearse.Executor{}, Log: slog.New(slog.DiscardHandler),
	})
	if !errors.Is(err, agent.ErrRefused) || !strings.Contains(err.Error(), "w7") {
		t.Errorf("%v", err)
	}
}

// Of two processes with one name the later one stays.
func TestTheLaterProcessStays(t *testing.T) {
	c, _ := coordinator(t, server.Caller{Role: server.Local})
	process := func(ctx context.Context, incarnation uint64) error {
		return agent.Run(ctx, agent.Config{
			Offer:       agent.Offer{Worker: "w1", Incarnation: incarnation, Class: api.ClassCPU, Slots: 1},
			Coordinator: agent.Over(c.Workers()), Executor: &rehearse.Executor{Worker: "w1"}, Log: slog.New(slog.DiscardHandler),
		})
	}
	first, second := make(chan error, 1), make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { first <- process(t.Context(), 1) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for connected := uint32(0); connected == 0; {
		<-tick.C
		s, err := c.Cluster().Status(t.Context(), &apiv1.StatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		connected = s.WorkersConnected
	}
	go func() { second <- process(ctx, 2) }()
	if err := <-first; !errors.Is(err, agent.ErrRefused) {
		t.Errorf("the first ended with %v", err)
	}
	stop()
	if err := <-second; err != nil {
		t.Errorf("the second ended with %v", err)
	}
}
