package pki_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"g2c/internal/fault"
	"g2c/internal/pki"
)

// authority makes one, with identities c1, w1 and me.
func authority(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, pki.InitCA(dir))
	for _, r := range []pki.Request{{Role: pki.Coordinator, Name: "c1"}, {Role: pki.Worker, Name: "w1"}, {Role: pki.Client, Name: "me"}} {
		r.Hosts = []string{"127.0.0.1", "localhost"}
		must(t, pki.Issue(dir, filepath.Join(dir, r.Name), r))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, dir string) *pki.Identity {
	t.Helper()
	id, err := pki.Load(dir)
	must(t, err)
	return id
}

// listen serves TLS on loopback: each connection is told who it is, and what the
// server thought of the handshake is sent to the channel.
func listen(t *testing.T, id *pki.Identity, protocols ...string) (string, <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	seen := make(chan error, 16)
	c := id.ServerConfig(protocols...)
	go func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			conn := tls.Server(raw, c)
			err = conn.Handshake()
			if err == nil {
				who, _ := pki.PeerOf(conn.ConnectionState())
				_, err = io.WriteString(conn, who.String())
			}
			conn.Close()
			seen <- err
		}
	}()
	return ln.Addr().String(), seen
}

// greet dials and reads what the server says; an error is explained.
func greet(address string, c *tls.Config) (string, error) {
	conn, err := tls.Dial("tcp", address, c)
	if err != nil {
		return "", pki.Explain(err)
	}
	defer conn.Close()
	b, err := io.ReadAll(conn)
	return string(b), pki.Explain(err)
}

func TestPeersKnowEachOther(t *testing.T) {
	dir := authority(t)
	address, _ := listen(t, load(t, filepath.Join(dir, "c1")), "h2", "other")
	for _, name := range []string{"w1", "me", "c1"} {
		id := load(t, filepath.Join(dir, name))
		got, err := greet(address, id.ClientConfig(pki.Expect{Role: pki.Coordinator, Name: "c1"}, "h2"))
		if err != nil || got != id.Self().String() {
			t.Errorf("%s: the server saw %q, %v", name, got, err)
		}
	}
}

func TestAClientRefusesAnotherRoleOrName(t *testing.T) {
	dir := authority(t)
	me := load(t, filepath.Join(dir, "me"))
	worker, _ := listen(t, load(t, filepath.Join(dir, "w1")), "h2")
	if _, err := greet(worker, me.ClientConfig(pki.Expect{Role: pki.Coordinator}, "h2")); err == nil {
		t.Error("a worker passes for a coordinator")
	}
	c1, _ := listen(t, load(t, filepath.Join(dir, "c1")), "h2")
	if _, err := greet(c1, me.ClientConfig(pki.Expect{Role: pki.Coordinator, Name: "c2"}, "h2")); !errors.Is(err, pki.ErrWrongRole) {
		t.Errorf("c1 passes for c2: %v", err)
	}
}

func TestAnotherAuthorityIsRefused(t *testing.T) {
	here, there := authority(t), authority(t)
	address, seen := listen(t, load(t, filepath.Join(here, "c1")), "h2")
	stranger := load(t, filepath.Join(there, "me"))
	if _, err := greet(address, stranger.ClientConfig(pki.Expect{Role: pki.Coordinator}, "h2")); !errors.Is(err, pki.ErrWrongAuthority) {
		t.Errorf("the client says %v", err)
	}
	if err := <-seen; err == nil {
		t.Error("the server saw nothing wrong")
	}
	// One that believes the server, and is not believed.
	mixed := t.TempDir()
	for from, name := range map[string]string{filepath.Join(here, "ca.crt"): "ca.crt", filepath.Join(there, "ca.crt"): "other.crt"} {
		b, err := os.ReadFile(from)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(mixed, name), b, 0o600))
	}
	b, err := os.ReadFile(filepath.Join(there, "me", "identity.pem"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(mixed, "identity.pem"), b, 0o600))
	if _, err := pki.Load(mixed); !errors.Is(err, pki.ErrWrongAuthority) {
		t.Errorf("an identity of another authority loads: %v", err)
	}
}

func TestExpiredCertificates(t *testing.T) {
	dir := authority(t)
	old := filepath.Join(dir, "old")
	must(t, pki.Issue(dir, old, pki.Request{Role: pki.Client, Name: "old", From: time.Now().Add(-2 * time.Hour), Valid: time.Hour}))
	if _, err := pki.Load(old); !errors.Is(err, pki.ErrExpired) || fault.ExitCode(err) != fault.ExitUnavailable {
		t.Errorf("an expired identity loads: %v", err)
	}
	p := pki.Peer{Role: pki.Worker, Name: "w", NotAfter: time.Now()}
	if err := p.Check(p.NotAfter.Add(time.Second)); !errors.Is(err, pki.ErrExpired) || !strings.Contains(err.Error(), "worker/w") {
		t.Errorf("a peer that ended passes: %v", err)
	}
	must(t, p.Check(p.NotAfter.Add(-time.Second)))

	// A client that held its certificate while it ended.
	short := filepath.Join(dir, "short")
	must(t, pki.Issue(dir, short, pki.Request{Role: pki.Client, Name: "short", Valid: time.Hour}))
	id := load(t, short)
	c := load(t, filepath.Join(dir, "c1")).ServerConfig("h2")
	get := c.GetConfigForClient
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		one, err := get(h)
		one.Time = func() time.Time { return time.Now().Add(2 * time.Hour) }
		return one, err
	}
	a, b := net.Pipe()
	defer a.Close()
	go func() {
		s := tls.Server(b, c)
		s.Handshake()
		b.Close()
	}()
	conn := tls.Client(a, id.ClientConfig(pki.Expect{Role: pki.Coordinator}, "h2"))
	_, err := io.ReadAll(conn) // in TLS 1.3 a refused client hears of it with the first read
	if err := pki.Explain(err); !errors.Is(err, pki.ErrExpired) {
		t.Errorf("the client hears %v", err)
	}
}

func TestAClientMustNameAProtocolAndShowACertificate(t *testing.T) {
	dir := authority(t)
	address, seen := listen(t, load(t, filepath.Join(dir, "c1")), "h2")
	me := load(t, filepath.Join(dir, "me"))
	greet(address, me.ClientConfig(pki.Expect{Role: pki.Coordinator}))
	if err := <-seen; !errors.Is(err, pki.ErrProtocol) {
		t.Errorf("no protocol: the server says %v", err)
	}
	if _, err := greet(address, me.ClientConfig(pki.Expect{Role: pki.Coordinator}, "gopher")); !errors.Is(err, pki.ErrProtocol) {
		t.Errorf("a strange protocol: %v", err)
	}
	<-seen
	c := me.ClientConfig(pki.Expect{Role: pki.Coordinator}, "h2")
	c.Certificates = nil
	if _, err := greet(address, c); !errors.Is(err, pki.ErrNoIdentity) {
		t.Errorf("no certificate: %v", err)
	}
	<-seen
	conn, err := net.Dial("tcp", address)
	must(t, err)
	io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
	if err := <-seen; err == nil || !strings.Contains(pki.Explain(err).Error(), "does not speak TLS") {
		t.Errorf("plain text: the server says %v", pki.Explain(err))
	}
	conn.Close()
}

// A new authority takes over while processes run: nobody is ever refused.
func TestRotation(t *testing.T) {
	dir := authority(t)
	c1, me := load(t, filepath.Join(dir, "c1")), load(t, filepath.Join(dir, "me"))
	address, _ := listen(t, c1, "h2")
	talk := func(when string) {
		t.Helper()
		if got, err := greet(address, me.ClientConfig(pki.Expect{Role: pki.Coordinator}, "h2")); err != nil || got != "client/me" {
			t.Fatalf("%s: %q, %v", when, got, err)
		}
	}
	talk("before")
	must(t, pki.RenewCA(dir))
	both, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	must(t, err)
	for _, id := range []*pki.Identity{c1, me} {
		must(t, os.WriteFile(filepath.Join(dir, id.Self().Name, "ca.crt"), both, 0o600))
		must(t, id.Reload())
		talk("with both authorities")
	}
	for _, id := range []*pki.Identity{me, c1} {
		must(t, pki.Issue(dir, filepath.Join(dir, id.Self().Name), pki.Request{Role: id.Self().Role, Name: id.Self().Name}))
		must(t, id.Reload())
		talk("with a new certificate")
	}
	first := both[:strings.Index(string(both), "-----END CERTIFICATE-----\n")+len("-----END CERTIFICATE-----\n")]
	for _, id := range []*pki.Identity{me, c1} {
		must(t, os.WriteFile(filepath.Join(dir, id.Self().Name, "ca.crt"), first, 0o600))
		must(t, id.Reload())
		talk("without the old authority")
	}
}

func TestReloadKeepsWhatItHad(t *testing.T) {
	dir := authority(t)
	own := filepath.Join(dir, "me")
	me := load(t, own)
	must(t, os.WriteFile(filepath.Join(own, "identity.pem"), []byte("not PEM"), 0o600))
	if err := me.Reload(); err == nil {
		t.Error("garbage loads")
	}
	you := pki.Request{Role: pki.Client, Name: "you"}
	if err := pki.Issue(dir, own, you); fault.ExitCode(err) != fault.ExitSpec {
		t.Errorf("a file that is no identity is replaced: %v", err)
	}
	you.Force = true
	must(t, pki.Issue(dir, own, you))
	if err := me.Reload(); err == nil || !strings.Contains(err.Error(), "client/you") {
		t.Errorf("another identity is taken up: %v", err)
	}
	if me.Self().String() != "client/me" {
		t.Errorf("self is %s", me.Self())
	}
}

func TestWatchTakesUpChanges(t *testing.T) {
	dir := authority(t)
	own := filepath.Join(dir, "me")
	me := load(t, own)
	before := me.Self().NotAfter
	ctx, stop := context.WithCancel(t.Context())
	told, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		me.Watch(ctx, time.Millisecond, func(err error) { told <- err })
	}()
	must(t, os.WriteFile(filepath.Join(own, "identity.pem"), nil, 0o600))
	if err := <-told; err == nil {
		t.Error("an empty file is no identity")
	}
	must(t, pki.Issue(dir, own, pki.Request{Role: pki.Client, Name: "me", Valid: 2 * pki.LeafValid}))
	for err := range told { // one reading may fall between the two files
		if err == nil && me.Self().NotAfter.After(before) {
			break
		}
	}
	go func() {
		for range told {
		}
	}()
	stop()
	<-ended
	close(told)
}

func TestWhatIsNotIssued(t *testing.T) {
	dir := authority(t)
	if err := pki.InitCA(dir); fault.ExitCode(err) != fault.ExitSpec {
		t.Errorf("a second authority in one folder: %v", err)
	}
	for _, r := range []pki.Request{{Role: "king", Name: "a"}, {Role: pki.Worker}, {Role: pki.Worker, Name: "a/b"}, {Role: pki.Worker, Name: "ü"}} {
		if err := pki.Issue(dir, t.TempDir(), r); fault.ExitCode(err) != fault.ExitSpec {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if err := pki.Issue(t.TempDir(), t.TempDir(), pki.Request{Role: pki.Worker, Name: "a"}); fault.ExitCode(err) != fault.ExitNotFound {
		t.Errorf("no authority: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "ca.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v, %v", info.Mode(), err)
	}
}

// What a certificate grants is read as it was written; one that says it in a way nobody
// understands grants nothing and lets nobody in.
func TestGrants(t *testing.T) {
	dir := t.TempDir()
	must(t, pki.InitCA(dir))
	for _, g := range []pki.Grant{{}, {Role: "viewer"}, {Role: "admin", Project: "kidney"}} {
		out := filepath.Join(t.TempDir(), "ann")
		must(t, pki.Issue(dir, out, pki.Request{Role: pki.Client, Name: "ann", Grant: g}))
		id, err := pki.Load(out)
		must(t, err)
		holder, err := pki.Holder(out)
		must(t, err)
		if id.Self().Grant != g || holder != id.Self() || pki.CheckSerial(holder.Serial) != nil {
			t.Errorf("%+v became %+v", g, holder)
		}
	}
	for _, r := range []pki.Request{
		{Role: pki.Worker, Name: "w", Grant: pki.Grant{Role: "viewer"}},
		{Role: pki.Client, Name: "ann", Grant: pki.Grant{Role: "owner"}},
		{Role: pki.Client, Name: "ann", Grant: pki.Grant{Project: "kidney"}},
		{Role: pki.Client, Name: "ann", Grant: pki.Grant{Role: "viewer", Project: "a/b"}},
	} {
		if err := pki.Issue(dir, t.TempDir(), r); fault.ExitCode(err) != fault.ExitSpec {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, s := range []string{"", "0", "-1", "0a", "A", "x", strings.Repeat("f", 41)} {
		if pki.CheckSerial(s) == nil {
			t.Errorf("%q passes for a serial number", s)
		}
	}
}
