package raftnode_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"g2c/coordinator/raftnode"
	"g2c/internal/netfault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
)

// A leader without the others stops leading, the others go on, and it follows once
// the network is whole.
func TestAPartitionHeals(t *testing.T) {
	t.Parallel()
	for _, how := range []func(*netfault.Link){(*netfault.Link).Cut, (*netfault.Link).Stall} {
		c := newCluster(t)
		c.found("c1", "c2", "c3")
		c.write(0)
		old := c.leader()
		leads, err := old.Leadership(t.Context())
		must(t, err)
		c.each(old.ID(), how)
		<-leads.Done()
		if _, err := old.Propose(t.Context(), setProject(7)); err == nil {
			t.Error("a leader without a majority writes")
		}
		if _, err := old.Read(t.Context()); err == nil {
			t.Error("a leader without a majority reads")
		}
		c.write(1)
		c.each(old.ID(), (*netfault.Link).Heal)
		c.write(2)
		c.has(3)
		c.same()
	}
}

// One direction alone fails: the cluster goes on all the same.
func TestALinkFailsOneWay(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	c.write(0)
	leader := c.leader().ID()
	other := c.follower()
	c.link(leader, other).Cut()
	c.write(1)
	c.link(other, leader).Stall()
	c.write(2)
	c.link(leader, other).Heal()
	c.link(other, leader).Heal()
	c.write(3)
	c.has(4)
	c.same()
}

// Leaders change and connections break under load; nothing that was acknowledged is
// lost, and nobody hangs.
func TestLeadersChangeUnderLoad(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	var next, acked atomic.Int64
	var kept sync.Map
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				for ctx.Err() == nil {
					if proposeAnywhere(ctx, c, i) == nil {
						kept.Store(i, true)
						acked.Add(1)
						break
					}
				}
			}
		})
	}
	for round := range 6 {
		leader := c.leader()
		switch round % 3 {
		case 0:
			leader.Transfer(t.Context())
		case 1:
			c.each(leader.ID(), (*netfault.Link).Cut)
		case 2:
			c.each(leader.ID(), (*netfault.Link).Stall)
		}
		if round%3 > 0 {
			until(t, "another leads", func() bool { return c.leader() != leader })
		}
		n := acked.Load() + 50
		until(t, "writes go on", func() bool { return acked.Load() > n })
		c.each(leader.ID(), (*netfault.Link).Heal)
	}
	cancel()
	writers.Wait()
	s := c.read()
	for i := range int(next.Load()) {
		if _, ok := kept.Load(i); ok && s.Project(setName(i)).Weight != i+1 {
			t.Fatalf("write %d was acknowledged and is lost", i)
		}
	}
	c.same()
}

// proposeAnywhere tries each node once.
func proposeAnywhere(ctx context.Context, c *cluster, i int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var err error
	for _, n := range c.nodes {
		if _, err = n.Propose(ctx, setProject(i)); err == nil {
			return nil
		}
	}
	runtime.Gosched()
	return err
}

// New certificates and a new authority, while writes go on: no election.
func TestCertificatesRotate(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ids := map[string]*pki.Identity{}
	c.tune = func(k *raftnode.Config) { ids[k.ID] = k.Identity }
	c.found("c1", "c2", "c3")
	c.write(0)
	term := c.leader().Status().Term
	must(t, pki.RenewCA(c.certs))
	for i, step := range []string{"both authorities", "new certificates"} {
		for name, id := range ids {
			if i == 0 {
				copyFile(t, filepath.Join(c.certs, "ca.crt"), filepath.Join(c.certs, name, "ca.crt"))
			} else {
				must(t, pki.Issue(c.certs, filepath.Join(c.certs, name), pki.Request{Role: pki.Coordinator, Name: name}))
			}
			must(t, id.Reload())
			c.write(i + 1)
		}
		if got := c.leader().Status().Term; got != term {
			t.Logf("%s: the term is %d, was %d: a busy machine, or the rotation", step, got, term)
		}
	}
	for name := range c.nodes { // new connections, with what is in the folders now
		c.each(name, (*netfault.Link).Cut)
		c.each(name, (*netfault.Link).Heal)
	}
	c.write(3)
	c.has(4)
	c.same()
}

// A node whose certificate ends is alone, though its connections were open, until it
// has a new one.
func TestACertificateEnds(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ids := map[string]*pki.Identity{}
	c.tune = func(k *raftnode.Config) { ids[k.ID] = k.Identity }
	c.found("c1", "c2", "c3")
	c.write(0)
	old := c.follower()
	dir := filepath.Join(c.certs, old)
	short := pki.Request{Role: pki.Coordinator, Name: old, From: time.Now().Add(-time.Hour), Valid: time.Hour + 4*time.Second}
	must(t, pki.Issue(c.certs, dir, short))
	must(t, ids[old].Reload())
	c.each(old, (*netfault.Link).Cut) // it connects with the new one
	c.each(old, (*netfault.Link).Heal)
	healthy := func() bool {
		for _, p := range c.leader().Status().Peers {
			if p.ID == old {
				return p.Healthy
			}
		}
		return false
	}
	until(t, "the certificate has ended", func() bool { _, err := pki.Load(dir); return errors.Is(err, pki.ErrExpired) })
	until(t, "the node is missed", func() bool { return !healthy() })
	c.write(1)
	must(t, pki.Issue(c.certs, dir, pki.Request{Role: pki.Coordinator, Name: old}))
	must(t, ids[old].Reload())
	until(t, "the node is back", healthy)
	c.write(2)
	c.has(3)
	c.same()
}

// The API's connections come out of the same port, and others do not.
func TestOnePort(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	n, err := c.start("c1", func(k *raftnode.Config) { k.Single = true })
	must(t, err)
	s := grpc.NewServer(grpc.Creds(grpctls.Server(c.identity("c1"))))
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	go s.Serve(n.API())
	defer s.Stop()
	me := client(t, c, pki.Client, "me")
	conn, err := grpc.NewClient(c.place["c1"], grpc.WithTransportCredentials(grpctls.Client(me, pki.Expect{Role: pki.Coordinator})))
	must(t, err)
	defer conn.Close()
	alive := func() {
		t.Helper()
		_, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true))
		must(t, err)
	}
	alive()

	// Who may not speak raft, and what is no TLS.
	for _, protocol := range []string{"g2c-raft/1", "g2c-peer/1"} {
		raw, err := net.Dial("tcp", c.place["c1"])
		must(t, err)
		if _, err := handshake(raw, me, protocol).Read(make([]byte, 1)); err == nil {
			t.Errorf("a client speaks %s", protocol)
		}
		raw.Close()
	}
	for _, say := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01", string(make([]byte, 100_000)), rand.Text()} {
		raw, err := net.Dial("tcp", c.place["c1"])
		must(t, err)
		io.WriteString(raw, say)
		raw.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, raw)
		raw.Close()
	}
	// A coordinator that speaks nonsense behind a good handshake.
	for _, protocol := range []string{"g2c-raft/1", "g2c-peer/1"} {
		raw, err := net.Dial("tcp", c.place["c1"])
		must(t, err)
		bad := handshake(raw, c.identity("c2"), protocol)
		bad.Write([]byte("\xff\xff\xff\xffnonsense"))
		if b, err := io.ReadAll(bad); len(b) > 0 {
			t.Errorf("%s: it answers %q, %v", protocol, b, err)
		}
		raw.Close()
	}
	alive()
	c.write(0)
}

// A host that opens connections and says nothing keeps only itself out.
func TestAFloodOfOneHost(t *testing.T) {
	t.Parallel()
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 99)}}
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	c.write(0)
	leader := c.leader()
	place := c.place[leader.ID()]
	probe, err := from.Dial("tcp", place)
	if err != nil {
		t.Skipf("no second loopback address here: %v", err)
	}
	probe.Close()
	var refused int
	for range 300 {
		conn, err := from.Dial("tcp", place)
		if err != nil {
			refused++
			continue
		}
		defer conn.Close()
	}
	term := leader.Status().Term
	for _, name := range []string{"c1", "c2", "c3"} {
		c.each(name, (*netfault.Link).Cut) // all connections are made anew
		c.each(name, (*netfault.Link).Heal)
	}
	c.write(1)
	c.has(2)
	t.Logf("%d refused at once; term %d, then %d", refused, term, c.leader().Status().Term)
}

// One certificate has so many connections to the API and no more, until it closes some;
// others are not kept out.
func TestConnectionsOfOneAreBounded(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	_, err := c.start("c1", func(k *raftnode.Config) { k.Single = true })
	must(t, err)
	api := c.leader().API()
	taken := make(chan net.Conn, raftnode.ConnectionsOfOne+2)
	go func() {
		for {
			conn, err := api.Accept()
			if err != nil {
				return
			}
			taken <- conn
		}
	}()
	open := func(id *pki.Identity) *tls.Conn {
		t.Helper()
		raw, err := net.Dial("tcp", c.place["c1"])
		must(t, err)
		conn := handshake(raw, id, grpctls.Protocol)
		must(t, conn.Handshake())
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	ended := func(conn *tls.Conn) bool {
		_, err := conn.Read(make([]byte, 1))
		return errors.Is(err, io.EOF)
	}
	eve, ann := client(t, c, pki.Client, "eve"), client(t, c, pki.Client, "ann")
	var first net.Conn
	for range raftnode.ConnectionsOfOne {
		open(eve)
		first = <-taken
	}
	if !ended(open(eve)) {
		t.Error("one more than she may have is open")
	}
	open(ann)
	(<-taken).Close()
	first.Close()
	open(eve)
	(<-taken).Close()
}

// Proposals and reads end when their caller does.
func TestACallerGivesUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	n := c.leader()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Propose(ctx, setProject(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("propose: %v", err)
	}
	if _, err := n.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
	if _, err := c.nodes[c.follower()].Leadership(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("lead: %v", err)
	}
}
