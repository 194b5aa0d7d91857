package raftnode

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"

	"g2c/internal/fault"
	"g2c/internal/pki"
)

// ErrRevoked is a coordinator whose certificate the cluster believes no more.
var ErrRevoked = errors.New("certificate was revoked")

// guard keeps connections of raft to coordinators whose certificates are believed: it
// refuses those that were revoked, and ends what they had opened. Calls of the API are
// refused one by one, in words, by whoever answers them.
type guard struct {
	revoked func(serial string) bool

	mu   sync.Mutex
	open map[*guarded]struct{}
}

// guarded is a connection with the certificate of its other side.
type guarded struct {
	net.Conn
	guard  *guard
	serial string
}

func newGuard(revoked func(serial string) bool) *guard {
	return &guard{revoked: revoked, open: map[*guarded]struct{}{}}
}

// check refuses a connection to somebody whose certificate was revoked.
func (g *guard) check(c *tls.Conn) (pki.Peer, error) {
	who, err := pki.PeerOf(c.ConnectionState())
	if err == nil && g.revoked(who.Serial) {
		err = fault.New(fault.ErrUnavailable, "%w: that of %s", ErrRevoked, who).WithHint("issue another one with `g2c certs issue` into its folder; no restart is needed")
	}
	return who, err
}

// keep is a connection that ends with its certificate, or when that is revoked.
func (g *guard) keep(c *tls.Conn) (net.Conn, error) {
	who, err := g.check(c)
	if err != nil {
		return nil, err
	}
	k := &guarded{Conn: pki.UntilExpiry(c), guard: g, serial: who.Serial}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[k] = struct{}{}
	return k, nil
}

// Close implements net.Conn.
func (k *guarded) Close() error {
	k.guard.mu.Lock()
	delete(k.guard.open, k)
	k.guard.mu.Unlock()
	return k.Conn.Close()
}

// expel ends the connections whose certificates have been revoked since they were made.
func (g *guard) expel() {
	g.mu.Lock()
	var over []*guarded
	for k := range g.open {
		if g.revoked(k.serial) {
			over = append(over, k)
		}
	}
	g.mu.Unlock()
	for _, k := range over {
		k.Close()
	}
}

// expelRevoked looks at the connections whenever somebody may do less than before.
func (n *Node) expelRevoked() {
	seen := uint64(0)
	for {
		snapshot := n.Snapshot()
		if at := snapshot.AccessIndex(); at > seen {
			seen = at
			n.guard.expel()
		}
		select {
		case <-n.stopped.Done():
			return
		case <-n.failed:
			return
		case <-n.machine.waitFor(snapshot.Index()):
		}
	}
}
