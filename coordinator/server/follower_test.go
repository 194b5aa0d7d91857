package server_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
	"g2c/coordinator/state"
)

// follower is a replica that follows another one, and has what that has.
type follower struct {
	*replica.Memory
	leader replica.Peer
}

func (f *follower) ID() string { return "c2" }

func (f *follower) refuse() error { return &replica.NotLeader{Leader: f.leader} }

func (f *follower) Propose(context.Context, command.Entry) (state.Result, error) {
	return state.Result{}, f.refuse()
}

func (f *follower) ProposeAll(context.Context, []command.Entry) ([]state.Result, error) {
	return nil, f.refuse()
}

func (f *follower) Read(context.Context) (*state.Snapshot, error) { return nil, f.refuse() }

func (f *follower) Leadership(ctx context.Context) (context.Context, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (f *follower) Leader() replica.Peer { return f.leader }

// pair is a leader and a coordinator that follows it.
func pair(t *testing.T) (leader, following *node) {
	t.Helper()
	leader = single(t, nil)
	return leader, behind(t, leader)
}

// behind is a coordinator that follows another one.
func behind(t *testing.T, leader *node) *node {
	t.Helper()
	return serve(t, config(&follower{leader.memory, replica.Peer{ID: "c1", Address: leader.address}}))
}

// A coordinator that does not lead passes every kind of call on.
func TestAFollowerPassesCallsOn(t *testing.T) {
	_, f := pair(t)
	c := call(t, nil, f)
	r := submit(t, c, "e", work("HE"))
	w := mustConnect(t, c, hello("w1", 1))
	go w.labour()
	until(t, c, r.Experiment, ended(apiv1.ExperimentState_EXPERIMENT_STATE_DONE))
	if _, err := c.Experiments().GetExperiment(t.Context(), &apiv1.GetExperimentRequest{Id: "none"}); !errors.Is(err, rpcerr.NotFound) {
		t.Errorf("an error came back as %v", err)
	}
	status, err := c.Cluster().Status(t.Context(), &apiv1.StatusRequest{})
	if err != nil || status.Node != "c1" {
		t.Errorf("status by %v, %v", status, err)
	}
}

// The identity of who calls arrives with a call that was passed on, and nobody but a
// coordinator is believed to speak for others.
func TestACallKeepsItsCaller(t *testing.T) {
	l, f := pair(t)
	worker := call(t, as(server.Worker, "w1"), f)
	if _, err := worker.Workers().ListWorkers(t.Context(), &apiv1.ListWorkersRequest{}); !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("a worker lists workers: %v", err)
	}
	if _, err := connect(t, worker, hello("w2", 1)); !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("a worker takes another's name: %v", err)
	}
	mustConnect(t, worker, hello("w1", 1))
	submit(t, call(t, as(server.Client, "ann"), f), "e", work("HE"))
	who := ""
	for a := range l.memory.Snapshot().Audits(0) {
		who = a.Principal
	}
	if who != "client/ann" {
		t.Errorf("the audit has %q", who)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "g2c-forwarded-role", "client", "g2c-forwarded-name", "root")
	if _, err := call(t, as(server.Worker, "w1"), l).Workers().ListWorkers(ctx, &apiv1.ListWorkersRequest{}); !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("a worker speaks for a client: %v", err)
	}
}

// Calls are passed on once: two coordinators that think of each other as leaders end
// in an error.
func TestCallsDoNotGoInCircles(t *testing.T) {
	m := replica.NewMemory("x", nil)
	a, b := &follower{Memory: m}, &follower{Memory: m}
	na, nb := serve(t, config(a)), serve(t, config(b))
	a.leader, b.leader = replica.Peer{ID: "b", Address: nb.address}, replica.Peer{ID: "a", Address: na.address}
	c := call(t, nil, na)
	ctx, cancel := context.WithTimeout(t.Context(), client.DefaultConfig().Attempt/8)
	defer cancel()
	if _, err := c.Tasks().ListTasks(ctx, &apiv1.ListTasksRequest{}); !errors.Is(err, rpcerr.NoLeader) {
		t.Errorf("%v, want that nobody leads", err)
	}
	if status, err := c.Cluster().Status(t.Context(), &apiv1.StatusRequest{}); err != nil || status.Node == "" {
		t.Errorf("status without a leader: %v, %v", status, err)
	}
}

// A client that knows several coordinators goes to the one that leads, and the health
// service says which that is.
func TestAClientFindsTheLeader(t *testing.T) {
	l, f := pair(t)
	var last string
	c := call(t, []grpc.DialOption{grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		last = cc.Target()
		return invoke(ctx, method, req, reply, cc, opts...)
	})}, f, l)
	for range 3 {
		if _, err := c.Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if last != "passthrough:///"+l.address {
		t.Errorf("the third call goes to %s, not to the leader at %s", last, l.address)
	}
	for n, want := range map[*node]grpc_health_v1.HealthCheckResponse_ServingStatus{
		l: grpc_health_v1.HealthCheckResponse_SERVING, f: grpc_health_v1.HealthCheckResponse_NOT_SERVING,
	} {
		h, err := grpc_health_v1.NewHealthClient(call(t, nil, n)).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: apiv1.LeaderService})
		if err != nil || h.Status != want {
			t.Errorf("%s: %v, %v, want %v", n.address, h, err, want)
		}
		if err := n.Healthy(); err != nil {
			t.Errorf("%s: %v", n.address, err)
		}
	}
}

// Calls wait for the next leader, and writes are not done twice by their repeats.
func TestCallsOutliveALeader(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	r := submit(t, c, "e", work("HE"))
	w := mustConnect(t, c, hello("w1", 1))
	n.memory.Depose()
	if _, err := w.stream.Recv(); err == nil {
		for err == nil {
			_, err = w.stream.Recv()
		}
		if !errors.Is(err, rpcerr.NoLeader) {
			t.Errorf("the session ended with %v", err)
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.Experiments().CancelExperiment(t.Context(), &apiv1.CancelExperimentRequest{RequestId: "cancel", Id: r.Experiment})
		done <- err
	}()
	if err := n.Healthy(); !errors.Is(err, rpcerr.NoLeader) {
		t.Errorf("without a leader: %v", err)
	}
	n.memory.Crown()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	before := n.memory.Snapshot().Index()
	again, err := c.Experiments().CancelExperiment(t.Context(), &apiv1.CancelExperimentRequest{RequestId: "cancel", Id: r.Experiment})
	if err != nil || again.Experiment.State != apiv1.ExperimentState_EXPERIMENT_STATE_CANCELLED {
		t.Errorf("again: %v, %v", again, err)
	}
	if n := auditsSince(n.memory.Snapshot(), before); n != 0 {
		t.Errorf("a repeat is in the audit %d times", n)
	}
}

func auditsSince(s *state.Snapshot, index uint64) (n int) {
	for a := range s.Audits(0) {
		if a.Index > index {
			n++
		}
	}
	return n
}

// More streams than a connection carries go through a follower, and its other calls
// with them.
func TestAFollowerCarriesMany(t *testing.T) {
	many := func(c *server.Config) { c.Limits.CallerStreams, c.Limits.Burst = 10_000, 10_000 }
	leader := single(t, many)
	cfg := config(&follower{leader.memory, replica.Peer{ID: "c1", Address: leader.address}})
	many(&cfg)
	f := serve(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := call(t, nil, f)
	for range 3 { // callers have connections of their own, with as many streams at most
		c := call(t, nil, f)
		for range 400 {
			w, err := c.Experiments().Watch(ctx, &apiv1.WatchRequest{})
			if err == nil {
				_, err = w.Recv()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := c.Tasks().ListTasks(ctx, &apiv1.ListTasksRequest{}); err != nil {
		t.Error(err)
	}
}
