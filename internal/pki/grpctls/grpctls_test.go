package grpctls_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
)

func identity(t *testing.T, ca string, r pki.Request) *pki.Identity {
	t.Helper()
	dir := filepath.Join(ca, r.Name)
	if err := pki.Issue(ca, dir, r); err != nil {
		t.Fatal(err)
	}
	id, err := pki.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestACallKnowsItsPeer(t *testing.T) {
	ca := t.TempDir()
	if err := pki.InitCA(ca); err != nil {
		t.Fatal(err)
	}
	c1 := identity(t, ca, pki.Request{Role: pki.Coordinator, Name: "c1"})
	me := identity(t, ca, pki.Request{Role: pki.Client, Name: "me"})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	var who pki.Peer
	var refused error
	s := grpc.NewServer(grpc.Creds(grpctls.Server(c1)), grpc.UnaryInterceptor(func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
		who, refused = grpctls.PeerFrom(ctx, now)
		return h(ctx, in)
	}))
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	go s.Serve(ln)
	defer s.Stop()
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(grpctls.Client(me, pki.Expect{Role: pki.Coordinator})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	call := func() {
		t.Helper()
		if _, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
			t.Fatal(err)
		}
	}
	call()
	if refused != nil || who.String() != "client/me" {
		t.Fatalf("%s, %v", who, refused)
	}
	now = now.Add(2 * pki.LeafValid) // the connection outlives the certificate
	call()
	if !errors.Is(refused, pki.ErrExpired) {
		t.Errorf("an expired peer goes on: %v", refused)
	}
	if _, err := grpctls.PeerFrom(t.Context(), now); !errors.Is(err, pki.ErrNoIdentity) {
		t.Errorf("nobody calls: %v", err)
	}
}

// A connection ends with its certificate, and a new one is made with what the folder
// holds by then.
func TestAConnectionEndsWithItsCertificate(t *testing.T) {
	ca := t.TempDir()
	if err := pki.InitCA(ca); err != nil {
		t.Fatal(err)
	}
	c1 := identity(t, ca, pki.Request{Role: pki.Coordinator, Name: "c1"})
	// Certificates end on whole seconds.
	me := identity(t, ca, pki.Request{Role: pki.Client, Name: "me", From: time.Now().Add(-time.Hour), Valid: time.Hour + 2*time.Second})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(grpctls.Server(c1)))
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	go s.Serve(ln)
	defer s.Stop()
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(grpctls.Client(me, pki.Expect{Role: pki.Coordinator})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	watch, err := grpc_health_v1.NewHealthClient(conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err == nil {
		_, err = watch.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := pki.Issue(ca, filepath.Join(ca, "me"), pki.Request{Role: pki.Client, Name: "me"}); err != nil {
		t.Fatal(err)
	}
	if err := me.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err == nil {
		t.Errorf("the stream of an expired certificate: %v", err)
	}
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Errorf("a call with the new certificate: %v", err)
	}
}
