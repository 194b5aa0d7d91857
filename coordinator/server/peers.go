package server

import (
	"errors"
	"slices"
	"sync"

	"google.golang.org/grpc"

	"g2c/api/rpcerr"
	"g2c/coordinator/replica"
)

// peers are connections to other coordinators. A connection carries so many calls at a
// time, and sessions and watches last: when one is full, there is another.
type peers struct {
	dial func(p replica.Peer) (*grpc.ClientConn, error)

	mu    sync.Mutex
	conns []*peerConn
}

// peerConn is a connection to a coordinator.
type peerConn struct {
	*grpc.ClientConn
	to    replica.Peer
	calls int // under way
}

// take is a connection to a coordinator that has room, made if there is none.
func (p *peers) take(to replica.Peer) (*peerConn, error) {
	if p.dial == nil {
		return nil, rpcerr.New(rpcerr.NoLeader, "%s leads, and this coordinator cannot reach others", to.ID)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if c.reaches(to) && c.calls < maxCalls/2 { // the leader may count a call for longer
			c.calls++
			return c, nil
		}
	}
	p.conns = slices.DeleteFunc(p.conns, func(c *peerConn) bool { // it has another address now
		moved := c.to.ID == to.ID && c.to.Address != to.Address && c.calls == 0
		if moved {
			c.Close()
		}
		return moved
	})
	conn, err := p.dial(to)
	if err != nil {
		return nil, rpcerr.New(rpcerr.Unreachable, "connect to %s at %s: %w", to.ID, to.Address, err)
	}
	c := &peerConn{conn, to, 1}
	p.conns = append(p.conns, c)
	return c, nil
}

// give takes a connection back from a call that is over. The first to each coordinator
// stays open for the next.
func (p *peers) give(c *peerConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.calls--
	first := slices.IndexFunc(p.conns, func(other *peerConn) bool { return other.reaches(c.to) })
	if c.calls > 0 || first < 0 || p.conns[first] == c {
		return
	}
	c.Close()
	p.conns = slices.DeleteFunc(p.conns, func(other *peerConn) bool { return other == c })
}

// reaches says whether a connection is to a coordinator, at the address that it has now.
func (c *peerConn) reaches(to replica.Peer) bool {
	return c.to.ID == to.ID && c.to.Address == to.Address
}

func (p *peers) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, c := range p.conns {
		errs = append(errs, c.Close())
	}
	p.conns = nil
	return errors.Join(errs...)
}
