package raftnode

import (
	"context"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/replica"
	"g2c/coordinator/state"
)

// read is a caller that waits for a state with everything acknowledged before it
// began.
type read struct {
	began   time.Time
	leading *leadership
	done    chan error // has room for one
}

// Read implements replica.Replica. Everything that this node acknowledged is in its
// snapshot already, what others did before is since its leadership began, and that
// nobody did anything in a later term before the read began is what a majority of
// the voters say in answers to questions that were sent after that.
func (n *Node) Read(ctx context.Context) (*state.Snapshot, error) {
	r := read{began: time.Now(), leading: n.leads(), done: make(chan error, 1)}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.leading == nil {
		return nil, n.refusal()
	}
	select {
	case n.reads <- r:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.failed:
		return nil, replica.ErrClosed
	}
	select {
	case err := <-r.done:
		if err != nil {
			return nil, err
		}
		return n.Snapshot(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.failed:
		return nil, replica.ErrClosed
	}
}

// confirmReads answers reads as members acknowledge this node's term. All reads that
// wait share the questions.
func (n *Node) confirmReads() {
	c := confirmation{node: n}
	for {
		n.mu.Lock()
		turned := n.turned
		n.mu.Unlock()
		reads, late := n.reads, (<-chan time.Time)(nil)
		if len(c.waiting) > 0 { // those that come meanwhile share the next question
			reads, late = nil, time.After(n.config.Timing.Heartbeat)
		}
		select {
		case r := <-reads:
			c.waiting = append(c.waiting, r)
			c.gather()
		case <-n.acks.moved:
		case <-turned: // those who waited for the old leadership wait in vain
		case <-late: // a question was lost, or voters became fewer, which no answer says
			c.askedAt = time.Time{}
		case <-n.stopped.Done():
			return
		}
		c.settle()
	}
}

// confirmation is the reads that wait, and who asks the voters for them.
type confirmation struct {
	node    *Node
	waiting []read

	leading *leadership // of the rest
	askers  map[raft.ServerID]chan<- struct{}
	askedAt time.Time // reads that began before need no further question
}

// gather takes in what else waits already.
func (c *confirmation) gather() {
	for {
		select {
		case r := <-c.node.reads:
			c.waiting = append(c.waiting, r)
		default:
			return
		}
	}
}

// settle answers the reads that can be answered, and asks for the others.
func (c *confirmation) settle() {
	if len(c.waiting) == 0 {
		return
	}
	now, servers := c.node.leads(), c.node.servers()
	since := c.node.followedSince(now, servers)
	rest := c.waiting[:0]
	unasked := false
	for _, r := range c.waiting {
		switch {
		case r.leading != now || now.ctx.Err() != nil:
			r.done <- c.node.refusal()
		case !since.Before(r.began):
			r.done <- nil
		default:
			rest = append(rest, r)
			unasked = unasked || !r.began.Before(c.askedAt)
		}
	}
	clear(c.waiting[len(rest):])
	c.waiting = rest
	if unasked {
		c.ask(now, servers)
	}
}

// ask has each other voter asked at once. Raft's VerifyLeader would do as well, by way
// of raft's main goroutine, which waits for the disk.
func (c *confirmation) ask(l *leadership, servers []raft.Server) {
	if c.leading != l {
		c.leading, c.askers = l, map[raft.ServerID]chan<- struct{}{}
	}
	c.askedAt = time.Now()
	self := raft.ServerID(c.node.dir.id.member().String())
	for _, s := range servers {
		if s.Suffrage != raft.Voter || s.ID == self {
			continue
		}
		if c.askers[s.ID] == nil {
			questions := make(chan struct{}, 1) // one waits while another is answered
			c.askers[s.ID] = questions
			c.node.work.Go(func() { c.node.askVoter(l, s, questions) })
		}
		select {
		case c.askers[s.ID] <- struct{}{}:
		default:
		}
	}
}

// askVoter sends a voter the message that raft sends it as a heartbeat, once for each
// question, until a leadership ends. That is a message of the only leader that its
// term ever has.
func (n *Node) askVoter(l *leadership, s raft.Server, questions <-chan struct{}) {
	id := n.dir.id.member()
	address := n.transport.EncodePeer(raft.ServerID(id.String()), n.transport.LocalAddr())
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id.String()), Addr: address}
	for {
		select {
		case <-questions:
		case <-l.ctx.Done():
			return
		}
		q := raft.AppendEntriesRequest{RPCHeader: header, Term: l.term, Leader: address}
		if n.transport.AppendEntries(s.ID, s.Address, &q, new(raft.AppendEntriesResponse)) == nil {
			continue
		}
		select { // raft's own heartbeats go on
		case <-time.After(n.config.Timing.Heartbeat / 10):
		case <-l.ctx.Done():
			return
		}
	}
}

// followedSince is a time at which or after which a majority of the voters followed
// this leadership; the zero time if it is over. The voters are those of the newest
// configuration in this node's log: it and that of the next leader differ by one
// member at most, so that their majorities share one.
func (n *Node) followedSince(l *leadership, servers []raft.Server) time.Time {
	if l == nil {
		return time.Time{}
	}
	now := time.Now()
	since := n.acks.since(l.term, servers, raft.ServerID(n.dir.id.member().String()), now)
	// After now was taken: this node took no part in a later term until then.
	if n.raft.State() != raft.Leader || n.raft.CurrentTerm() != l.term {
		return time.Time{}
	}
	return since
}
