// Package grpctls joins pki and gRPC: credentials whose certificates can change
// while connections are open, and the peer of a call. A call's peer is the one of
// its connection, seen again on every call; a connection ends with the certificate
// that it was made with.
package grpctls

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"g2c/internal/fault"
	"g2c/internal/pki"
)

// Protocol is what gRPC calls itself in a handshake.
const Protocol = "h2"

// Server are credentials of a server. They take connections whose handshake a
// listener has made already, and make that of others.
func Server(id *pki.Identity) credentials.TransportCredentials { return server{id} }

type server struct{ id *pki.Identity }

func (s server) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	t, ok := c.(*tls.Conn)
	if !ok {
		t = tls.Server(c, s.id.ServerConfig(Protocol))
		if err := t.Handshake(); err != nil {
			c.Close()
			return nil, nil, pki.Explain(err)
		}
	}
	state := t.ConnectionState()
	if !state.HandshakeComplete {
		return nil, nil, fault.New(fault.ErrUnavailable, "the handshake with %s is not complete", c.RemoteAddr())
	}
	return pki.UntilExpiry(t), info(state), nil
}

func info(s tls.ConnectionState) credentials.TLSInfo {
	return credentials.TLSInfo{State: s, CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}
}

func (server) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, fault.New(fault.ErrUnavailable, "credentials of a server cannot dial")
}

func (server) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}
func (s server) Clone() credentials.TransportCredentials { return s }
func (server) OverrideServerName(string) error           { return nil }

// Client are credentials of a client that means to reach somebody.
func Client(id *pki.Identity, e pki.Expect) credentials.TransportCredentials { return client{id, e} }

type client struct {
	id     *pki.Identity
	expect pki.Expect
}

func (c client) ClientHandshake(ctx context.Context, _ string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	t := tls.Client(raw, c.id.ClientConfig(c.expect, Protocol))
	if err := t.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, nil, pki.Explain(err)
	}
	return pki.UntilExpiry(t), info(t.ConnectionState()), nil
}

func (client) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, fault.New(fault.ErrUnavailable, "credentials of a client cannot listen")
}

func (client) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}
func (c client) Clone() credentials.TransportCredentials { return c }
func (client) OverrideServerName(string) error           { return nil }

// PeerFrom is who makes a call. It refuses connections without TLS, and
// certificates that have ended since the connection was made.
func PeerFrom(ctx context.Context, now time.Time) (pki.Peer, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return pki.Peer{}, fault.New(fault.ErrUnavailable, "%w: not a call from a network", pki.ErrNoIdentity)
	}
	t, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return pki.Peer{}, fault.New(fault.ErrUnavailable, "%w: %s came without TLS", pki.ErrNoIdentity, p.Addr)
	}
	who, err := pki.PeerOf(t.State)
	if err != nil {
		return pki.Peer{}, err
	}
	return who, who.Check(now)
}
