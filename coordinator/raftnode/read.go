package raftnode

import (
	"context"
	"errors"
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
	c := confirmation{node: n, asked: make(chan error, 1)}
	for {
		n.mu.Lock()
		turned := n.turned
		n.mu.Unlock()
		var late <-chan time.Time
		if len(c.waiting) > 0 {
			late = time.After(n.config.Timing.Heartbeat)
		}
		select {
		case r := <-n.reads:
			c.waiting = append(c.waiting, r)
			c.gather()
		case <-n.acks.moved:
		case <-turned: // those who waited for the old leadership wait in vain
		case <-late: // voters may have become fewer, which no answer says
		case err := <-c.asked:
			c.answered(err)
		case <-n.stopped.Done():
			return
		}
		c.settle()
	}
}

// confirmation is the reads that wait, and the question on its way for them.
type confirmation struct {
	node    *Node
	waiting []read
	askedAt time.Time  // when the newest question was begun
	asking  bool       // it has no answer yet
	asked   chan error // its answer
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
	now := c.node.leads()
	since := c.node.followedSince(now)
	var rest []read
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
	c.waiting = rest
	if unasked && !c.asking {
		c.ask()
	}
}

// ask has raft send a message to each member at once: what VerifyLeader decides does
// not count, for it takes answers that were under way before it was called, and those
// of learners. If raft is busy, members are asked no later than their next heartbeat.
func (c *confirmation) ask() {
	c.asking, c.askedAt = true, time.Now()
	c.node.work.Go(func() { c.asked <- c.node.await(c.node.raft.VerifyLeader()) })
}

// answered ends the reads of a question that found this node to lead no more.
func (c *confirmation) answered(err error) {
	c.asking = false
	if err == nil {
		return
	}
	if errors.Is(err, raft.ErrRaftShutdown) {
		err = replica.ErrClosed
	} else {
		err = c.node.notLeader()
	}
	var rest []read
	for _, r := range c.waiting {
		if r.began.After(c.askedAt) {
			rest = append(rest, r)
			continue
		}
		r.done <- err
	}
	c.waiting = rest
}

// followedSince is a time at which or after which a majority of the voters followed
// this leadership; the zero time if it is over. The voters are those of the newest
// configuration in this node's log: it and that of the next leader differ by one
// member at most, so that their majorities share one.
func (n *Node) followedSince(l *leadership) time.Time {
	if l == nil {
		return time.Time{}
	}
	now := time.Now()
	since := n.acks.since(l.term, n.servers(), raft.ServerID(n.dir.id.member().String()), now)
	// After now was taken: this node took no part in a later term until then.
	if n.raft.State() != raft.Leader || n.raft.CurrentTerm() != l.term {
		return time.Time{}
	}
	return since
}
