package server_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"g2c/api"
	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
)

// node is a coordinator's service on loopback, in plain text.
type node struct {
	*server.Server
	address string
	memory  *replica.Memory // nil of a follower
}

// byHeader takes a caller's word for who they are: certificates are not what these
// tests are about.
func byHeader(ctx context.Context) (server.Caller, error) {
	c := server.Caller{Role: server.Local, Name: "test"}
	if v := metadata.ValueFromIncomingContext(ctx, "test-role"); len(v) == 1 {
		c.Role = server.Role(v[0])
	}
	if v := metadata.ValueFromIncomingContext(ctx, "test-name"); len(v) == 1 {
		c.Name = v[0]
	}
	for name, field := range map[string]*string{"test-grant": &c.Grant, "test-project": &c.Project, "test-serial": &c.Serial} {
		if v := metadata.ValueFromIncomingContext(ctx, name); len(v) == 1 {
			*field = v[0]
		}
	}
	return c, nil
}

// as makes calls another caller's.
func as(role server.Role, name string) []grpc.DialOption {
	return with(server.Caller{Role: role, Name: name})
}

// with makes calls those of a caller with such a certificate.
func with(c server.Caller) []grpc.DialOption {
	sign := func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "test-role", string(c.Role), "test-name", c.Name,
			"test-grant", c.Grant, "test-project", c.Project, "test-serial", c.Serial)
	}
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(sign(ctx), method, req, reply, cc, opts...)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(sign(ctx), desc, cc, method, opts...)
		}),
	}
}

func dial(p replica.Peer) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+p.Address, append(as(server.Coordinator, "peer"), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
}

// config is one for tests: nothing in it waits for long.
func config(r replica.Replica) server.Config {
	c := server.DefaultConfig()
	c.Replica, c.Identify, c.Dial = r, byHeader, dial
	c.PlanGap = 0
	return c
}

// serve runs a coordinator's service until the test ends.
func serve(t *testing.T, cfg server.Config) *node {
	t.Helper()
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
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	ctx, cancel := context.WithCancel(context.Background())
	led := make(chan error, 1)
	go func() { led <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		g.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := <-led; err != nil {
			t.Errorf("lead: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &node{Server: s, address: listener.Addr().String()}
}

// single runs a cluster of one.
func single(t *testing.T, change func(*server.Config)) *node {
	t.Helper()
	m := replica.NewMemory("c1", time.Now)
	if _, err := m.Propose(t.Context(), command.Entry{Command: command.Raise{Level: command.Level}}); err != nil { // or the leader does, some time
		t.Fatal(err)
	}
	cfg := config(m)
	if change != nil {
		change(&cfg)
	}
	n := serve(t, cfg)
	n.memory = m
	return n
}

// call makes a client of nodes.
func call(t *testing.T, options []grpc.DialOption, nodes ...*node) *client.Client {
	t.Helper()
	cfg := client.DefaultConfig()
	cfg.Options = options
	for _, n := range nodes {
		cfg.Servers = append(cfg.Servers, n.address)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// submit hands in works as an experiment.
func submit(t *testing.T, c *client.Client, name string, works ...api.Work) *apiv1.SubmitResponse {
	t.Helper()
	r, err := c.Submit(t.Context(), &apiv1.SubmitHeader{Name: name}, works)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// until watches a cluster until something is so.
func until(t *testing.T, c *client.Client, experiment string, so func(*apiv1.WatchResponse) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	enough := context.Canceled
	err := c.Watch(ctx, &apiv1.WatchRequest{Experiment: experiment}, func(m *apiv1.WatchResponse) error {
		if so(m) {
			return enough
		}
		return nil
	})
	if err != enough {
		t.Fatalf("watch: %v", err)
	}
}

// ended is an experiment that stands so.
func ended(state apiv1.ExperimentState) func(*apiv1.WatchResponse) bool {
	return func(m *apiv1.WatchResponse) bool {
		for _, e := range m.Experiments {
			if e.State == state {
				return true
			}
		}
		return false
	}
}

// emptyStore is a store with nothing in it.
func emptyStore(t *testing.T) store.Store {
	t.Helper()
	s, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func work(name string, inputs ...api.Key) api.Work {
	return fixture.Work(name, fixture.Options{Inputs: inputs})
}
