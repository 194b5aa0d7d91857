// Package linktest joins processes of a test by links over gRPC, on this machine.
package linktest

import (
	"net"
	"strconv"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"g2c/worker/agent/grpclink"
	"g2c/worker/allreduce"
)

// Connect links so many processes, each with a server of its own. Servers and connections
// last as long as the test.
func Connect(t testing.TB, s allreduce.Session, processes int) [][]allreduce.Link {
	t.Helper()
	servers, connections := make([]*grpclink.Server, processes), make([]*grpc.ClientConn, processes)
	names := make([]string, processes)
	for i := range servers {
		servers[i] = &grpclink.Server{}
		connections[i] = Serve(t, servers[i])
		names[i] = strconv.Itoa(i)
	}
	links := make([][]allreduce.Link, processes)
	var all sync.WaitGroup
	for i := range links {
		all.Go(func() {
			var err error
			links[i], err = grpclink.Join(t.Context(), servers[i], s, i, names, func(process int) (grpc.ClientConnInterface, error) {
				return connections[process], nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return links
}

// Serve starts a server, and gives a connection to it.
func Serve(t testing.TB, s *grpclink.Server) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpclink.ServerOptions()...)
	s.Register(g)
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	cc, err := grpc.NewClient("passthrough:///"+l.Addr().String(), append(grpclink.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cc.Close(); err != nil {
			t.Error(err)
		}
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return cc
}
