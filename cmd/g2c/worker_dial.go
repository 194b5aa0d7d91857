package main

import (
	"context"
	"net"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	apiv1 "g2c/api/v1"
	"g2c/internal/fault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
)

// workerStreams opens a worker's sessions: at each coordinator in turn, since any
// of them passes the session on to whoever leads.
type workerStreams struct {
	conns []*grpc.ClientConn
	next  atomic.Uint64
}

// Connect implements agent.Opener.
func (w *workerStreams) Connect(ctx context.Context) (grpc.BidiStreamingClient[apiv1.ConnectRequest, apiv1.ConnectResponse], error) {
	conn := w.conns[w.next.Add(1)%uint64(len(w.conns))]
	return apiv1.NewWorkerServiceClient(conn).Connect(ctx)
}

// dialWorkers prepares connections to the coordinators that a list names.
func dialWorkers(servers, certs string) (*workerStreams, func(), error) {
	var creds credentials.TransportCredentials
	if certs != "" {
		id, err := pki.Load(certs)
		if err != nil {
			return nil, nil, err
		}
		creds = grpctls.Client(id, pki.Expect{Role: pki.Coordinator})
	}
	w := &workerStreams{}
	closeAll := func() {
		for _, c := range w.conns {
			c.Close()
		}
	}
	for server := range strings.SplitSeq(servers, ",") {
		c := creds
		if c == nil {
			if err := onLoopback(server); err != nil {
				closeAll()
				return nil, nil, err
			}
			c = insecure.NewCredentials()
		}
		conn, err := grpc.NewClient(server, grpc.WithTransportCredentials(c))
		if err != nil {
			closeAll()
			return nil, nil, fault.New(fault.ErrSpec, "--server %s: %w", server, err)
		}
		w.conns = append(w.conns, conn)
	}
	return w, closeAll, nil
}

// onLoopback refuses to speak plain text beyond this machine.
func onLoopback(server string) error {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return fault.New(fault.ErrSpec, "--server %s: %w", server, err).WithHint("want host:port")
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fault.New(fault.ErrSpec, "--server %s is not on this machine, and without --certs nothing would be encrypted", server).
		WithHint("issue a certificate with `g2c certs issue`")
}
