package main

import (
	"fmt"
	"log/slog"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"g2c/api/client"
	"g2c/internal/fault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
	"g2c/worker/agent/grpclink"
	"g2c/worker/agent/peers"
	"g2c/worker/allreduce"
)

// pings has a server end connections to whom a network has lost, which would hold on to what
// was to be sent until the system gives them up.
var pings = grpc.KeepaliveParams(keepalive.ServerParameters{Time: allreduce.DefaultDeadline, Timeout: allreduce.DefaultDeadline})

// gangPort is a worker's side towards the other workers of its gangs, with its listener.
type gangPort struct {
	peers   *peers.Peers
	address string       // where others reach it; empty if they do not
	server  *grpc.Server // nil if nobody reaches it
	served  chan error
}

// openGangPort listens for the others, if the worker is to train with any. One that does not
// has gangs of its own slots alone, which change too. Without an identity there is no encryption, on loopback alone.
func (f *workerFlags) openGangPort(id *pki.Identity, log *slog.Logger) (*gangPort, error) {
	if f.listen == "" {
		if f.advertise != "" {
			return nil, fault.New(fault.ErrSpec, "--advertise %s says where the worker is reached, and nothing listens there", f.advertise).WithHint("say --listen too")
		}
		return &gangPort{peers: peers.New(peers.Config{Worker: f.id, Log: log})}, nil
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
	cfg := peers.Config{Worker: f.id, Log: log, Dial: func(worker, address string) (*grpc.ClientConn, error) {
		return dialWorker(id, worker, address)
	}}
	var listens credentials.TransportCredentials = insecure.NewCredentials()
	if id != nil {
		listens = grpctls.Server(id)
		cfg.Caller = peers.Certified
	}
	p := &gangPort{peers: peers.New(cfg), address: address, server: grpc.NewServer(append(grpclink.ServerOptions(), grpc.Creds(listens), pings)...), served: make(chan error, 1)}
	p.peers.Register(p.server)
	go func() { p.served <- p.server.Serve(l) }()
	log.Info("listens for other workers", "listen", l.Addr(), "address", address, "encrypted", id != nil)
	return p, nil
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

// dialWorker makes a connection to a worker of a name.
func dialWorker(id *pki.Identity, worker, address string) (*grpc.ClientConn, error) {
	var c credentials.TransportCredentials = insecure.NewCredentials()
	if id != nil {
		c = grpctls.Client(id, pki.Expect{Role: pki.Worker, Name: worker})
	}
	return grpc.NewClient("passthrough:///"+address, append(grpclink.DialOptions(), grpc.WithTransportCredentials(c), grpc.WithNoProxy())...)
}

// close ends all calls.
func (p *gangPort) close() error {
	if p.server == nil {
		return nil
	}
	p.server.Stop()
	return <-p.served
}
