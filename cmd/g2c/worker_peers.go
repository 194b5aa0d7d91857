package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"g2c/api"
	"g2c/api/client"
	"g2c/internal/fault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
	"g2c/worker/agent/gangport"
	"g2c/worker/agent/grpclink"
	"g2c/worker/agent/peers"
	"g2c/worker/allreduce"
)

// pings has a server end connections to whom a network has lost, which would hold on to what
// was to be sent until the system gives them up.
var pings = grpc.KeepaliveParams(keepalive.ServerParameters{Time: allreduce.DefaultDeadline, Timeout: allreduce.DefaultDeadline})

// gangPort is where the other workers of its gangs reach a worker.
type gangPort struct {
	*gangport.Port        // nil if nobody does
	address        string // that others are told; empty if they do not
}

// openGangPort listens for the others, if the worker is to train with any. One that does not
// has gangs of its own slots alone, which change too. Without an identity there is no encryption, on loopback alone.
func (f *workerFlags) openGangPort(id *pki.Identity, log *slog.Logger) (*gangPort, error) {
	if f.listen == "" {
		if f.advertise != "" {
			return nil, fault.New(fault.ErrSpec, "--advertise %s says where the worker is reached, and nothing listens there", f.advertise).WithHint("say --listen too")
		}
		return &gangPort{}, nil
	}
	if id == nil && !client.Loopback(f.listen) {
		return nil, fault.New(fault.ErrSpec, "--listen %s is not on loopback, and without --certs nothing would be encrypted", f.listen).
			WithHint("issue the worker a certificate: `g2c certs issue --role worker`")
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "listen for other workers: %w", err).WithHint("choose another --listen")
	}
	address, err := reachable(l.Addr(), f.listen, f.advertise)
	if err != nil {
		l.Close()
		return nil, err
	}
	log.Info("listens for other workers", "listen", l.Addr(), "address", address, "encrypted", id != nil)
	return &gangPort{gangport.Open(l, gangport.Config{}), address}, nil
}

// close hangs up on those who wait.
func (p *gangPort) close(log *slog.Logger) {
	if p.Port == nil {
		return
	}
	if err := p.Close(); err != nil {
		log.Warn("close the port for other workers", "error", err)
	}
}

// gangServer is a process's side towards the others, for the tasks that run in it.
type gangServer struct {
	peers  *peers.Peers
	server *grpc.Server // nil if nobody reaches the worker
	served chan error   // nil until it serves
	log    *slog.Logger
}

// newGangServer makes that of a worker, which others reach or not, and which had so many
// runs before.
func newGangServer(worker string, reached bool, id *pki.Identity, runs int, log *slog.Logger) *gangServer {
	cfg := peers.Config{Worker: worker, Log: log, Runs: runs}
	if !reached {
		return &gangServer{peers: peers.New(cfg), log: log}
	}
	cfg.Dial = func(task api.Key, worker, address string) (*grpc.ClientConn, error) {
		return dialWorker(id, task, worker, address)
	}
	var listens credentials.TransportCredentials = insecure.NewCredentials()
	if id != nil {
		listens = grpctls.Server(id)
		cfg.Caller = peers.Certified
	}
	g := &gangServer{peers: peers.New(cfg), server: grpc.NewServer(append(grpclink.ServerOptions(), grpc.Creds(listens), pings)...), log: log}
	g.peers.Register(g.server)
	return g
}

// serve takes the connections of a listener.
func (g *gangServer) serve(l net.Listener) {
	if g.server == nil {
		return
	}
	g.served = make(chan error, 1)
	go func() { g.served <- g.server.Serve(l) }()
}

// goodbyes is how long calls of other workers may take to end, once the tasks have: they
// are told why these have.
const goodbyes = 5 * time.Second

// close ends all calls.
func (g *gangServer) close() {
	if g.server == nil {
		return
	}
	late := time.AfterFunc(goodbyes, g.server.Stop)
	g.server.GracefulStop()
	late.Stop()
	if g.served == nil {
		return
	}
	if err := <-g.served; err != nil {
		g.log.Warn("calls of other workers", "error", err)
	}
}

// reachable is the address that others are told.
func reachable(bound net.Addr, listen, advertise string) (string, error) {
	if advertise != "" {
		return advertise, nil
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fault.New(fault.ErrSpec, "--listen %s: %w", listen, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return "", fault.New(fault.ErrSpec, "--listen %s does not say where others reach this worker", listen).WithHint("say --advertise HOST:PORT, or name the host in --listen")
	}
	return net.JoinHostPort(host, fmt.Sprint(bound.(*net.TCPAddr).Port)), nil
}

// dialWorker makes a connection to the run of a task at a worker of a name.
func dialWorker(id *pki.Identity, task api.Key, worker, address string) (*grpc.ClientConn, error) {
	var c credentials.TransportCredentials = insecure.NewCredentials()
	if id != nil {
		c = grpctls.Client(id, pki.Expect{Role: pki.Worker, Name: worker})
	}
	dial := func(ctx context.Context, address string) (net.Conn, error) {
		return gangport.Dial(ctx, address, task, allreduce.DefaultDeadline)
	}
	// The port says how long there is to wait: it is as patient as this, and each of its words has a deadline.
	wait := grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: gangport.DefaultPatience + 2*allreduce.DefaultDeadline}
	return grpc.NewClient("passthrough:///"+address, append(grpclink.DialOptions(),
		grpc.WithTransportCredentials(c), grpc.WithNoProxy(), grpc.WithContextDialer(dial), grpc.WithConnectParams(wait))...)
}
