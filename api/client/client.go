// Package client calls a cluster of coordinators: it knows several, follows the one
// that leads, and repeats what failed for a reason that passes. Writes carry request
// ids, so a repeat is safe.
//
// A Client is a grpc.ClientConnInterface: the generated clients of api/v1 work over
// it. Its errors have the kinds of api/rpcerr. It may be used by many goroutines.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/internal/clock"
	"g2c/internal/fault"
)

// Config says which cluster, and who calls.
type Config struct {
	Servers []string // host:port, of one or more coordinators
	// Credentials of a connection; nil for plain text, over loopback alone.
	Credentials credentials.TransportCredentials
	Token       string // empty for none
	// Proxy names the proxy by which a server is dialled, as the environment says; empty,
	// or nil, for none.
	Proxy func(server string) string

	Patience time.Duration // how long a call is repeated whose context has no deadline
	Attempt  time.Duration // how long one coordinator may take to answer once
	Clock    clock.Clock
	// Waiting hears, once a call, why no coordinator has answered when it has taken long;
	// nil for nobody.
	Waiting func(err error)

	Options []grpc.DialOption // more of them
}

// DefaultConfig is for people at a terminal.
func DefaultConfig() Config {
	return Config{Patience: 15 * time.Second, Attempt: 4 * time.Second, Clock: clock.Real{}}
}

// Limits of messages.
const (
	maxMessageBytes = 8 << 20
	batchBytes      = 1 << 20 // of one message among several
)

// Client is a connection to a cluster.
type Client struct {
	cfg   Config
	conns []*grpc.ClientConn // one a server

	mu      sync.Mutex
	current int            // of conns: where the next call goes
	nodes   map[string]int // coordinators by id, as far as they have answered
}

// New makes a client. It does not connect: the first call does.
func New(cfg Config) (*Client, error) {
	if len(cfg.Servers) == 0 {
		return nil, fault.New(fault.ErrSpec, "no server is named").WithHint("set --server or G2C_SERVER to host:port[,host:port]")
	}
	for _, s := range cfg.Servers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			return nil, fault.New(fault.ErrSpec, "server %q: %w", s, err).WithHint("a server is host:port")
		}
	}
	creds := cfg.Credentials
	if creds == nil {
		for _, s := range cfg.Servers {
			if !Loopback(s) {
				return nil, fault.New(fault.ErrSpec, "%s is not on this machine, and plain text is for loopback alone", s).
					WithHint("set --certs or G2C_CERTS to a folder that `g2c certs issue` made")
			}
		}
		creds = insecure.NewCredentials()
	}
	c := &Client{cfg: cfg, nodes: map[string]int{}}
	options := append([]grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes), grpc.MaxCallSendMsgSize(maxMessageBytes)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: time.Second}, MinConnectTimeout: 2 * time.Second,
		}),
		grpc.WithDisableServiceConfig(),
	}, cfg.Options...)
	for _, s := range cfg.Servers {
		own := options
		if cfg.Proxy == nil || cfg.Proxy(s) == "" {
			own = append(slices.Clip(own), grpc.WithNoProxy())
		}
		conn, err := grpc.NewClient("passthrough:///"+s, own...)
		if err != nil {
			return nil, errors.Join(fault.New(fault.ErrSpec, "server %s: %w", s, err), c.Close())
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

// Loopback says whether an address host:port is on this machine for certain.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// hostOf is the host of an address host:port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// Close ends all connections.
func (c *Client) Close() error {
	var errs []error
	for _, conn := range c.conns {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

// Experiments is the service of experiments.
func (c *Client) Experiments() apiv1.ExperimentServiceClient {
	return apiv1.NewExperimentServiceClient(c)
}

// Tasks is the service of tasks.
func (c *Client) Tasks() apiv1.TaskServiceClient { return apiv1.NewTaskServiceClient(c) }

// Workers is the service of workers.
func (c *Client) Workers() apiv1.WorkerServiceClient { return apiv1.NewWorkerServiceClient(c) }

// Data is the service of data.
func (c *Client) Data() apiv1.DataServiceClient { return apiv1.NewDataServiceClient(c) }

// Cluster is the service of the cluster itself.
func (c *Client) Cluster() apiv1.ClusterServiceClient { return apiv1.NewClusterServiceClient(c) }

// Access is the service of users and revoked certificates.
func (c *Client) Access() apiv1.AccessServiceClient { return apiv1.NewAccessServiceClient(c) }

// Tokens is the service of tokens.
func (c *Client) Tokens() apiv1.TokenServiceClient { return apiv1.NewTokenServiceClient(c) }

// where is the server that the next call goes to.
func (c *Client) where() (int, *grpc.ClientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current, c.conns[c.current]
}

// learn takes from an answer which server is which coordinator, and goes to the one
// that leads: if it is not known which that is, to one that has not answered yet. One
// that knows of no leader may be cut off from the others: the next call asks another.
func (c *Client) learn(server int, header metadata.MD) {
	node, leader := first(header, apiv1.NodeHeader), first(header, apiv1.LeaderHeader)
	if node == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[node] = server
	if leader == node || c.current != server {
		return
	}
	if leader == "" {
		c.current = (server + 1) % len(c.conns)
		return
	}
	if at, ok := c.nodes[leader]; ok {
		c.current = at
		return
	}
	for i := range c.conns {
		if !c.answered(i) {
			c.current = i
			return
		}
	}
}

// answered says whether it is known which coordinator a server is. It is called with
// the lock held.
func (c *Client) answered(server int) bool {
	for _, at := range c.nodes {
		if at == server {
			return true
		}
	}
	return false
}

// leave has the next call go to another server than one that failed.
func (c *Client) leave(server int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for node, at := range c.nodes { // it may be another one when it comes back
		if at == server {
			delete(c.nodes, node)
		}
	}
	if c.current == server {
		c.current = (server + 1) % len(c.conns)
	}
}

func first(md metadata.MD, name string) string {
	if values := md.Get(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// signed is the context of a call with the caller's token.
func (c *Client) signed(ctx context.Context) context.Context {
	if c.cfg.Token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, apiv1.AuthorizationHeader, "Bearer "+strings.TrimSpace(c.cfg.Token))
}

// Servers is how many servers the client knows of.
func (c *Client) Servers() int { return len(c.conns) }

// names lists the servers, for messages.
func (c *Client) names() string { return strings.Join(c.cfg.Servers, ", ") }

var _ grpc.ClientConnInterface = (*Client)(nil)

// unreachable adds to the last error of a call that was given up what was tried.
func (c *Client) unreachable(err error) error {
	if !errors.Is(err, rpcerr.Unreachable) && !errors.Is(err, rpcerr.TooSlow) {
		return err
	}
	return rpcerr.New(rpcerr.Unreachable, "no coordinator answers at %s: %w", c.names(), err).
		WithHint("%s", c.doubt())
}

// doubt is what may be wrong where no coordinator answers.
func (c *Client) doubt() string {
	for _, s := range c.cfg.Servers {
		if c.cfg.Proxy == nil || c.cfg.Proxy(s) == "" {
			continue
		}
		return fmt.Sprintf("it was asked by way of the proxy %s, as the environment says: if the cluster needs none, set NO_PROXY=%s", c.cfg.Proxy(s), hostOf(s))
	}
	if c.cfg.Credentials == nil {
		return "is it running there? If it has certificates, set --certs or G2C_CERTS to the folder of yours"
	}
	return "is it running there, and do its certificates and yours come from one authority?"
}
