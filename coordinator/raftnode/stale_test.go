package raftnode_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode"
)

func nameOf(id raft.ServerID) string {
	name, _, _ := strings.Cut(string(id), "/")
	return name
}

// deposed is a leader that does not know that it leads no more: its disk stands still,
// and with it all of raft but its messages; the answers of the other voters are held
// back once they have come; then everything that it and they send each other is lost.
// Another leads, and has acknowledged write 1. It returns the old leader.
func (c *cluster) deposed(wires map[string]*wire) *raftnode.Node {
	c.t.Helper()
	c.write(0)
	old := c.leader()
	w := wires[old.ID()]
	c.t.Cleanup(w.release) // before the nodes are closed
	var others []string
	for _, name := range []string{"c1", "c2", "c3"} {
		if name != old.ID() {
			others = append(others, name)
		}
	}
	w.disk.set(true)
	go old.Propose(c.t.Context(), setProject(9))
	until(c.t, "the disk stands still", func() bool { return w.disk.holds() > 0 })
	for _, name := range others {
		for _, kind := range []string{heartbeat, entries} {
			w.answers(name, kind).set(true)
		}
	}
	until(c.t, "answers are under way", func() bool {
		for _, name := range others {
			if w.answers(name, heartbeat).holds() == 0 || w.answers(name, entries).holds() == 0 {
				return false
			}
		}
		return true
	})
	for _, name := range others {
		w.lose(name)
		wires[name].lose(old.ID())
		wires[name].lose("d")
	}
	followers := map[string]*raftnode.Node{others[0]: c.nodes[others[0]], others[1]: c.nodes[others[1]]}
	all := c.nodes
	c.nodes = followers
	c.write(1)
	c.nodes = all
	return old
}

// stale wants a read to lack nothing, or to fail.
func stale(t *testing.T, n *raftnode.Node, read <-chan error) {
	t.Helper()
	select {
	case err := <-read:
		if err == nil && n.Snapshot().Project(setName(1)).Weight != 2 {
			t.Error("a read lacks what another leader acknowledged before it began")
		}
	case <-time.After(20 * time.Second):
		t.Error("a read has no end")
	}
}

// A read begins after another leader has acknowledged a write. The old one lacks it,
// and gets answers that were under way since before: they say nothing about now.
func TestAnswersUnderWayConfirmNoRead(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	wires := c.wired()
	c.found("c1", "c2", "c3")
	old := c.deposed(wires)
	w := wires[old.ID()]
	read := make(chan error, 1)
	go func() { _, err := old.Read(t.Context()); read <- err }()
	c.lateAnswers(w, old, entries) // raft's lease is as good as new
	w.disk.set(false)
	old.Turn()
	c.lateAnswers(w, old, heartbeat)
	stale(t, old, read)
}

// lateAnswers lets answers through that were held back.
func (c *cluster) lateAnswers(w *wire, of *raftnode.Node, kind string) {
	for name := range c.place {
		if name != of.ID() {
			w.answers(name, kind).set(false)
		}
	}
}

// The same, and no voter says anything more: a learner does, and does not count.
func TestLearnersConfirmNoRead(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.tune = func(k *raftnode.Config) { k.Timing.Watch = time.Hour } // the learner is to stay one
	wires := c.wired()
	c.found("c1", "c2", "c3")
	_, err := c.start("d", func(k *raftnode.Config) {
		for _, place := range c.place {
			if place != k.Listener.Addr().String() {
				k.Join = append(k.Join, place)
			}
		}
	})
	must(t, err)
	old := c.deposed(wires)
	w := wires[old.ID()]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read := make(chan error, 1)
	go func() { _, err := old.Read(ctx); read <- err }()
	c.lateAnswers(w, old, entries)
	w.disk.set(false)
	old.Turn()
	stale(t, old, read)
}
