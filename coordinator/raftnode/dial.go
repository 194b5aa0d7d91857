package raftnode

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/hashicorp/raft"

	"g2c/internal/fault"
	"g2c/internal/pki"
)

// dial makes a connection to a coordinator that speaks a protocol; an empty name
// is any.
func (c *Config) dial(ctx context.Context, place, name, protocol string) (*tls.Conn, error) {
	raw, err := c.Dial(ctx, place)
	if err != nil {
		return nil, err
	}
	t := tls.Client(raw, c.Identity.ClientConfig(pki.Expect{Role: pki.Coordinator, Name: name}, protocol))
	if err := t.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, pki.Explain(err)
	}
	return t, nil
}

// greeting begins a connection of raft: who speaks, to whom, in which cluster. The
// answer has the error, if there is one.
type greeting struct {
	Cluster string `json:"cluster"`
	From    string `json:"from"`
	To      string `json:"to"`
	Error   string `json:"error,omitempty"`
}

// layer is raft's network: the port, and connections on which both sides know that
// the other is the member they mean.
type layer struct {
	config  *Config
	guard   *guard
	self    member
	cluster string
	queue   *queue
}

// Dial implements raft.StreamLayer.
func (l *layer) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	m, place, err := parseAddress(to)
	if err != nil {
		return nil, err
	}
	timeout = min(timeout, l.config.Timing.Network)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	c, err := l.config.dial(ctx, place, m.name, raftProtocol)
	if err != nil {
		return nil, err
	}
	kept, err := l.guard.keep(c)
	if err != nil {
		c.Close()
		return nil, err
	}
	c.SetDeadline(time.Now().Add(timeout))
	var reply greeting
	err = writeFrame(c, greeting{Cluster: l.cluster, From: l.self.String(), To: m.String()})
	if err == nil {
		err = readFrame(c, &reply)
	}
	if err == nil && reply.Error != "" {
		err = fault.New(fault.ErrUnavailable, "%s at %s: %s", m.name, place, reply.Error)
	}
	if err != nil {
		kept.Close()
		return nil, err
	}
	c.SetDeadline(time.Time{})
	return &paced{Conn: kept, patience: l.config.Timing.Transfer}, nil
}

// Accept implements net.Listener: connections whose greeting was good.
func (l *layer) Accept() (net.Conn, error) { return l.queue.Accept() }

// take answers a greeting and hands the connection to raft. A node that is in no
// cluster has no layer yet.
func (l *layer) take(c *tls.Conn) {
	err := l.greet(c)
	var kept net.Conn
	if err == nil {
		kept, err = l.guard.keep(c)
	}
	if err != nil {
		l.config.Log.Warn("refused a node", "from", c.RemoteAddr(), "err", err)
		c.Close()
		return
	}
	l.queue.give(kept)
}

// greet answers a greeting. The other side waits for the answer, so nothing of raft
// is read here.
func (l *layer) greet(c *tls.Conn) error {
	c.SetDeadline(time.Now().Add(l.config.Timing.Network))
	var g greeting
	if err := readFrame(c, &g); err != nil {
		return err
	}
	err := l.check(c, g)
	reply := greeting{Cluster: l.cluster, From: l.self.String(), To: g.From}
	if err != nil {
		reply.Error = err.Error()
	}
	if wrong := writeFrame(c, reply); err == nil {
		err = wrong
	}
	c.SetDeadline(time.Time{})
	return err
}

func (l *layer) check(c *tls.Conn, g greeting) error {
	who, err := l.guard.check(c)
	if err != nil {
		return err
	}
	from, err := parseMember(g.From)
	switch {
	case err != nil:
		return err
	case from.name != who.Name:
		return fault.New(fault.ErrUnavailable, "%w: %s has the certificate of %s", pki.ErrWrongRole, from, who)
	case g.Cluster != l.cluster:
		return fault.New(fault.ErrUnavailable, "here is cluster %s, and %s is in %s", l.cluster, from, g.Cluster)
	case g.To != l.self.String():
		return fault.New(fault.ErrUnavailable, "%w: here is %s, and %s looks for %s", ErrReplaced, l.self, from, g.To)
	}
	return nil
}

// Close implements net.Listener.
func (l *layer) Close() error { return l.queue.Close() }

// Addr implements net.Listener: what raft takes for this node's address.
func (l *layer) Addr() net.Addr { return placeAddr(l.self.address(l.config.place())) }

type placeAddr string

// Network implements net.Addr.
func (placeAddr) Network() string { return "tcp" }

// String implements net.Addr.
func (a placeAddr) String() string { return string(a) }
