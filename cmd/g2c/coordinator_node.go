package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"

	"g2c/api/rpcerr"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
	"g2c/internal/fault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
)

// openedNode is a replica, and where its API is to be served.
type openedNode struct {
	replica     replica.Replica
	members     replica.Members // nil in memory
	listener    net.Listener
	credentials credentials.TransportCredentials
	encrypted   bool
	failed      <-chan struct{} // closed when the replica fails
	failure     func() error
	close       func() error
}

// openNode opens the replica that the flags ask for.
func openNode(ctx context.Context, f *coordinatorFlags, id *pki.Identity, log *slog.Logger) (*openedNode, error) {
	if f.dataDir != "" {
		return openRaft(ctx, f, id, log)
	}
	return openMemory(f, id, log)
}

// openMemory makes a replica that forgets everything when the process ends.
func openMemory(f *coordinatorFlags, id *pki.Identity, log *slog.Logger) (*openedNode, error) {
	if id != nil && (id.Self().Role != pki.Coordinator || id.Self().Name != f.id) {
		return nil, fault.New(fault.ErrSpec, "coordinator %s has the certificate of %s", f.id, id.Self()).WithHint("issue one with --role coordinator --name %s", f.id)
	}
	l, err := listen(f.listen)
	if err != nil {
		return nil, err
	}
	log.Warn("this coordinator keeps its state in memory: without --data-dir it is gone when the process ends")
	m := replica.NewMemory(f.id, time.Now)
	n := &openedNode{
		replica: m, listener: l, credentials: insecure.NewCredentials(), failed: make(chan struct{}),
		failure: func() error { return nil }, close: func() error {
			m.Close()
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		},
	}
	if id != nil {
		n.credentials, n.encrypted = grpctls.Server(id), true
	}
	return n, nil
}

// identify says who is at the other end of a connection: by its certificate, or, in
// plain text, somebody on this machine.
func identify(id *pki.Identity) func(context.Context) (server.Caller, error) {
	if id == nil {
		return func(ctx context.Context) (server.Caller, error) {
			p, ok := peer.FromContext(ctx)
			if ok {
				if a, tcp := p.Addr.(*net.TCPAddr); tcp && a.IP.IsLoopback() {
					return server.Caller{Role: server.Local, Name: "loopback"}, nil
				}
			}
			return server.Caller{}, rpcerr.New(rpcerr.NotPermitted, "plain text is for loopback alone")
		}
	}
	return func(ctx context.Context) (server.Caller, error) {
		p, err := grpctls.PeerFrom(ctx, time.Now())
		if err != nil {
			return server.Caller{}, rpcerr.New(rpcerr.Unauthenticated, "%w", err)
		}
		return server.Caller{Role: server.Role(p.Role), Name: p.Name, Grant: p.Grant.Role, Project: p.Grant.Project, Serial: p.Serial}, nil
	}
}

// dialPeer makes connections to other coordinators; nil where there are none.
func dialPeer(id *pki.Identity, r routes) func(replica.Peer) (*grpc.ClientConn, error) {
	if id == nil {
		return nil
	}
	return func(p replica.Peer) (*grpc.ClientConn, error) {
		return grpc.NewClient("passthrough:///"+p.Address,
			grpc.WithTransportCredentials(grpctls.Client(id, pki.Expect{Role: pki.Coordinator, Name: p.ID})),
			grpc.WithContextDialer(r.dial),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 5 * time.Second, Timeout: 3 * time.Second}),
			grpc.WithConnectParams(server.PeerBackoff()),
			grpc.WithDefaultCallOptions(server.PeerCallOptions()...),
			grpc.WithDisableServiceConfig(),
		)
	}
}
