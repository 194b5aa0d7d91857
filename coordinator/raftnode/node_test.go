package raftnode_test

import (
	"errors"
	"testing"

	"g2c/coordinator/raftnode"
	"g2c/coordinator/replica"
)

func TestOneNodeIsACluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	single := func(k *raftnode.Config) { k.Single = true }
	_, err := c.start("c1", single)
	must(t, err)
	for i := range 10 {
		c.write(i)
	}
	c.stop("c1")
	_, err = c.start("c1", single) // the flag stays in the unit file
	must(t, err)
	c.has(10)
	s := c.leader().Status()
	if s.Leader != "c1" || len(s.Peers) != 1 || !s.Peers[0].Healthy || s.Peers[0].Role != replica.Voter {
		t.Errorf("status %+v", s)
	}
}

func TestThreeNodesAgree(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	for i := range 20 {
		c.write(i)
	}
	c.has(20)
	c.same()
	leader := c.leader()
	if s := leader.Status(); s.Applied < 20 || s.Committed < s.Applied {
		t.Errorf("status %+v", s)
	}
	for name, n := range c.nodes {
		if n == leader {
			continue
		}
		var not *replica.NotLeader
		if _, err := n.Propose(t.Context(), setProject(99)); !errors.As(err, &not) {
			t.Errorf("%s, which follows, proposes: %v", name, err)
		}
		if _, err := n.Read(t.Context()); !errors.As(err, &not) || not.Leader.ID == name {
			t.Errorf("%s, which follows, reads: %v", name, err)
		}
	}
	until(t, "all are healthy", func() bool {
		for _, p := range leader.Status().Peers {
			if !p.Healthy || p.Role != replica.Voter {
				return false
			}
		}
		return len(leader.Status().Peers) == 3
	})
}

func TestAnotherLeads(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	i := 0
	for range 3 {
		for range 5 {
			c.write(i)
			i++
		}
		old := c.leader()
		leads, err := old.Leadership(t.Context())
		must(t, err)
		c.stop(old.ID())
		<-leads.Done()
		c.write(i)
		i++
		c.restart(old.ID())
	}
	c.has(i)
	c.same()
	old := c.leader()
	must(t, c.asLeader(func(n *raftnode.Node) error { old = n; return n.Transfer(t.Context()) }))
	until(t, "another leads", func() bool { return c.leader() != old })
	c.has(i)
}
