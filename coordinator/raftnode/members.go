package raftnode

import (
	"context"
	"io"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/command"
	"g2c/coordinator/replica"
	"g2c/internal/fault"
)

// find is the server of a name.
func (n *Node) find(id string) (raft.Server, bool) {
	for _, s := range n.servers() {
		if m, err := parseMember(string(s.ID)); err == nil && m.name == id {
			return s, true
		}
	}
	return raft.Server{}, false
}

// others is how many other voters there are.
func (n *Node) others() (count int) {
	for _, s := range n.servers() {
		if s.Suffrage == raft.Voter && string(s.ID) != n.dir.id.member().String() {
			count++
		}
	}
	return count
}

// Add implements replica.Members. The node must run, with a new data folder, and
// say itself who it is.
func (n *Node) Add(ctx context.Context, p replica.Peer) error {
	if n.leads() == nil {
		return n.refusal()
	}
	r, err := n.askPlace(ctx, p.Address, p.ID, n.self())
	if err != nil {
		return fault.New(fault.ErrUnavailable, "add %s: it is not at %s: %w", p.ID, p.Address, err).WithHint("start it with --join first")
	}
	if level := n.Snapshot().Level(); r.Level < level {
		return fault.New(fault.ErrUnavailable, "add %s: %w: it reads up to level %d, and the cluster is at %d", p.ID, command.ErrNewer, r.Level, level)
	}
	if r.Cluster != "" && r.Cluster != n.dir.id.Cluster {
		return fault.New(fault.ErrUnavailable, "add %s: it is in another cluster, %s", p.ID, r.Cluster).WithHint("give it an empty data folder")
	}
	m, err := parseMember(r.Member)
	if err != nil {
		return err
	}
	if s, ok := n.find(p.ID); ok {
		if string(s.ID) == m.String() {
			return nil // asked again
		}
		return fault.New(fault.ErrUnavailable, "add %s: %w", p.ID, ErrReplaced).WithHint("remove %s first: what it had promised is lost with its old folder", p.ID)
	}
	f := n.raft.AddNonvoter(raft.ServerID(m.String()), m.address(p.Address), 0, n.within(ctx))
	return n.translate(n.await(f))
}

// Remove implements replica.Members: it is the data folder that cannot come back.
func (n *Node) Remove(ctx context.Context, id string) error {
	r := n.leads()
	if r == nil {
		return n.refusal()
	}
	s, ok := n.find(id)
	if !ok {
		return errNoSuchPeer(id)
	}
	if s.Suffrage == raft.Voter {
		if err := n.checkRemoval(ctx, s); err != nil {
			return err
		}
	}
	return n.translate(n.await(n.raft.RemoveServer(s.ID, 0, n.within(ctx))))
}

// checkRemoval refuses what would leave too few that live.
func (n *Node) checkRemoval(ctx context.Context, leaves raft.Server) error {
	var left []raft.Server
	for _, s := range n.servers() {
		if s.Suffrage == raft.Voter && s.ID != leaves.ID {
			left = append(left, s)
		}
	}
	if len(left) == 0 {
		return fault.New(fault.ErrSpec, "%s is the last coordinator that votes", leaves.ID)
	}
	alive := 0
	for i, r := range n.askAll(ctx, left) {
		if !r.at.IsZero() || string(left[i].ID) == n.dir.id.member().String() {
			alive++
		}
	}
	if alive < len(left)/2+1 {
		return fault.New(fault.ErrUnavailable, "of the %d coordinators that would be left to vote %d answer: no majority", len(left), alive).
			WithHint("start them, or let a new one join, before removing %s", leaves.ID)
	}
	return nil
}

// within is how long raft may wait to take up a change.
func (n *Node) within(ctx context.Context) time.Duration {
	wait := n.config.Timing.Transfer
	if at, ok := ctx.Deadline(); ok {
		wait = min(wait, max(time.Until(at), time.Millisecond))
	}
	return wait
}

// Transfer implements replica.Members.
func (n *Node) Transfer(context.Context) error {
	if n.leads() == nil {
		return n.refusal()
	}
	if n.others() == 0 {
		return fault.New(fault.ErrUnavailable, "no other coordinator votes: leadership cannot be handed on")
	}
	return n.translate(n.await(n.raft.LeadershipTransfer()))
}

// Backup implements replica.Members.
func (n *Node) Backup(ctx context.Context, w io.Writer) error {
	s, err := n.Read(ctx)
	if err != nil {
		return err
	}
	return s.Encode(w)
}
