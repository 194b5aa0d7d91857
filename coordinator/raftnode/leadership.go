package raftnode

import (
	"context"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/replica"
)

// leadership is a time in which this node leads.
type leadership struct {
	term uint64
	ctx  context.Context
	end  context.CancelFunc
}

// followLeadership makes and ends leaderships. Raft may leave out a loss between two
// gains, so a gain always begins anew.
func (n *Node) followLeadership() {
	defer n.setLeadership(nil)
	for {
		select {
		case <-n.stopped.Done():
			return
		case leads := <-n.raft.LeaderCh():
			n.setLeadership(nil)
			// The term is asked for first: if it is still the same later, the barrier
			// was in it.
			term := n.raft.CurrentTerm()
			if leads && n.catchUp() {
				ctx, end := context.WithCancel(n.stopped)
				n.caughtUp.Store(true)
				n.setLeadership(&leadership{term, ctx, end})
			}
		}
	}
}

// catchUp waits until all that was committed before is applied here. It reports
// false if leadership is lost meanwhile.
func (n *Node) catchUp() bool {
	for n.raft.State() == raft.Leader {
		if n.await(n.raft.Barrier(n.config.Timing.Stuck)) == nil {
			return true
		}
	}
	return false
}

// setLeadership replaces the leadership and tells those who wait.
func (n *Node) setLeadership(r *leadership) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.leading == nil && r == nil {
		return
	}
	if n.leading != nil {
		n.leading.end()
	}
	n.leading = r
	close(n.turned)
	n.turned = make(chan struct{})
}

// leads is the leadership; nil while this node does not lead.
func (n *Node) leads() *leadership {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.leading
}

// Leadership implements replica.Replica.
func (n *Node) Leadership(ctx context.Context) (context.Context, error) {
	for {
		n.mu.Lock()
		r, turned := n.leading, n.turned
		n.mu.Unlock()
		if r != nil {
			mine, end := context.WithCancel(ctx)
			stop := context.AfterFunc(r.ctx, end)
			context.AfterFunc(mine, func() { stop() })
			return mine, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-n.failed:
			return nil, replica.ErrClosed
		case <-turned:
		}
	}
}

// Leader implements replica.Replica.
func (n *Node) Leader() replica.Peer {
	address, _ := n.raft.LeaderWithID()
	m, place, err := parseAddress(address)
	if err != nil {
		return replica.Peer{}
	}
	return replica.Peer{ID: m.name, Address: place, Role: replica.Voter, Healthy: true}
}

// notLeader says who leads instead; it does not name this node, which has lost
// leadership or does not have it yet.
func (n *Node) notLeader() error {
	p := n.Leader()
	if p.ID == n.config.ID {
		p = replica.Peer{}
	}
	return &replica.NotLeader{Leader: p}
}

// Status implements replica.Replica. Indexes count commands, as the state does; an
// entry of raft that is not applied yet counts as one, since nobody has read it.
func (n *Node) Status() replica.Status {
	applied := n.raft.AppliedIndex()
	waiting := max(n.raft.CommitIndex(), applied) - applied
	snapshot := n.Snapshot()
	s := replica.Status{
		Leader: n.Leader().ID, Term: n.raft.CurrentTerm(), Committed: snapshot.Index() + waiting,
		Applied: snapshot.Index(), Hash: snapshot.Hash(), CaughtUp: n.caughtUp.Load(),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, server := range n.servers() {
		p, err := peerIn(server)
		if err != nil {
			continue // of another release; it is not spoken to either
		}
		r := n.reports[string(server.ID)]
		p.Healthy = string(server.ID) == n.dir.id.member().String() || time.Since(r.at) < 3*n.config.Timing.Watch
		p.Replaced = n.replaced[string(server.ID)]
		s.Peers = append(s.Peers, p)
	}
	sortPeers(s.Peers)
	if n.uncompacted != nil {
		s.Uncompacted = n.uncompacted.Error()
	}
	return s
}
