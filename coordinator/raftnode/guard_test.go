package raftnode_test

import (
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/internal/pki"
)

// A coordinator whose certificate is revoked is out of the cluster at once, on
// connections that were open too, and the others go on; with another certificate it
// takes part again, and nothing is lost.
func TestARevokedCoordinatorIsOut(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	must(t, c.propose(command.Entry{Command: command.Raise{Level: api.LevelWishes}}))
	c.write(0)
	name := c.follower()
	dir := c.certs + "/" + name
	holder, err := pki.Holder(dir)
	must(t, err)
	must(t, c.propose(command.Entry{Request: "revoke", Principal: "me", Command: command.RevokeCertificate{Serial: holder.Serial}}))
	c.write(1)
	until(t, name+" is out", func() bool {
		for _, p := range c.leader().Status().Peers {
			if p.ID == name && p.Healthy {
				return false
			}
		}
		return true
	})
	behind := c.nodes[name].Snapshot().Index()
	c.write(2)
	if at := c.nodes[name].Snapshot().Index(); at != behind {
		t.Errorf("%s was told of entries up to %d, and was out at %d", name, at, behind)
	}
	c.identity(name) // another certificate, into the same folder
	must(t, c.ids[name].Reload())
	c.write(3)
	c.has(4)
	c.same()
}
