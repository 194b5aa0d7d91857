package raftnode

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/replica"
	"g2c/internal/fault"
	"g2c/internal/pki"
)

// ask is what nodes ask each other beside raft: who are you, and how do you do. One
// with Join asks to become a member as well.
type ask struct {
	Cluster string `json:"cluster,omitempty"` // of who asks; empty if it is in none
	From    string `json:"from"`
	Address string `json:"address"`
	Join    bool   `json:"join,omitempty"`
}

// report is the answer.
type report struct {
	Member   string     `json:"member"`
	Address  string     `json:"address"`
	Level    int        `json:"level"`
	Cluster  string     `json:"cluster,omitempty"`
	Founders []string   `json:"founders,omitempty"`
	Leads    bool       `json:"leads,omitempty"`
	Leader   string     `json:"leader,omitempty"`  // where the leader is
	Knows    bool       `json:"knows,omitempty"`   // who asks is a member, as far as this node knows
	Last     uint64     `json:"last,omitempty"`    // entry of its raft log
	Applied  uint64     `json:"applied,omitempty"` // entry of its raft log
	Marks    []hashMark `json:"marks,omitempty"`
	Error    string     `json:"error,omitempty"` // what became of Join

	at       time.Time // when it came
	replaced bool      // nothing came of who was asked: another data folder answered
}

// askPlace asks whoever is at an address; an empty name is any coordinator.
func (n *Node) askPlace(ctx context.Context, place, name string, a ask) (report, error) {
	wait := n.config.Timing.Network
	if a.Join {
		wait = 4 * n.config.Timing.Transfer // a change of members is committed meanwhile
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	c, err := n.config.dial(ctx, place, name, peerProtocol)
	if err != nil {
		return report{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	var r report
	if err := writeFrame(c, a); err != nil {
		return report{}, err
	}
	if err := readFrame(c, &r); err != nil {
		return report{}, fmt.Errorf("ask %s: %w", place, err)
	}
	m, err := parseMember(r.Member)
	if err != nil {
		return report{}, fmt.Errorf("ask %s: %w", place, err)
	}
	who, err := n.guard.check(c)
	if err != nil {
		return report{}, err
	}
	if who.Name != m.name {
		return report{}, fault.New(fault.ErrUnavailable, "%w: at %s is %s with the certificate of %s", pki.ErrWrongRole, place, m, who)
	}
	r.at = time.Now()
	return r, nil
}

// self is what this node asks with.
func (n *Node) self() ask {
	return ask{Cluster: n.dir.id.Cluster, From: n.dir.id.member().String(), Address: n.config.place()}
}

// askMember asks a server of raft's configuration.
func (n *Node) askMember(ctx context.Context, s raft.Server) (report, error) {
	m, place, err := parseAddress(s.Address)
	if err != nil {
		return report{}, err
	}
	r, err := n.askPlace(ctx, place, m.name, n.self())
	if err == nil && r.Member != m.String() {
		return report{}, fault.New(fault.ErrUnavailable, "%w: at %s is %s, not %s", ErrReplaced, place, r.Member, m)
	}
	return r, err
}

// answerPeer answers one question on a connection.
func (n *Node) answerPeer(c *tls.Conn) {
	c.SetDeadline(time.Now().Add(n.config.Timing.Network))
	var a ask
	if err := readFrame(c, &a); err != nil {
		n.config.Log.Debug("a question that cannot be read", "from", c.RemoteAddr(), "err", err)
		return
	}
	who, err := n.guard.check(c)
	if err != nil {
		n.config.Log.Warn("refused a node", "from", c.RemoteAddr(), "err", err)
		return
	}
	from, err := parseMember(a.From)
	if err != nil || from.name != who.Name {
		n.config.Log.Warn("a node calls itself another", "certificate", who, "name", a.From)
		return
	}
	r := n.report(a)
	if a.Join {
		wait := 3 * n.config.Timing.Transfer
		ctx, cancel := context.WithTimeout(n.stopped, wait)
		c.SetDeadline(time.Now().Add(wait + n.config.Timing.Network))
		if err := n.admit(ctx, from, a.Address); err != nil {
			r.Error = err.Error()
		}
		cancel()
	}
	if err := writeFrame(c, r); err != nil {
		n.config.Log.Debug("an answer did not arrive", "to", from, "err", err)
	}
}

// report is how this node does.
func (n *Node) report(a ask) report {
	id := n.dir.current()
	r := report{
		Member: id.member().String(), Address: n.config.place(), Level: n.config.Level,
		Cluster: id.Cluster, Founders: id.Founders,
	}
	n.mu.Lock()
	serving := n.serving
	r.Leads = n.leading != nil
	n.mu.Unlock()
	if !serving {
		return r
	}
	r.Leader = n.Leader().Address
	r.Last, r.Applied = n.raft.LastIndex(), n.raft.AppliedIndex()
	_, marks := n.machine.late()
	r.Marks = marks
	for _, s := range n.servers() {
		r.Knows = r.Knows || string(s.ID) == a.From
	}
	return r
}

// admit makes a node that asks for it a member.
func (n *Node) admit(ctx context.Context, m member, place string) error {
	n.mu.Lock()
	serving := n.serving
	n.mu.Unlock()
	if !serving {
		return errors.New("this node is in no cluster yet")
	}
	return n.Add(ctx, replica.Peer{ID: m.name, Address: place})
}
