package raftnode_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/raftnode"
	"g2c/coordinator/replica"
)

// slow is a connection of a link that passes so many bytes a second.
type slow struct {
	net.Conn
	perSecond int
}

func (s slow) Write(b []byte) (n int, err error) {
	const piece = 16 << 10
	for err == nil && n < len(b) {
		var k int
		k, err = s.Conn.Write(b[n:min(len(b), n+piece)])
		n += k
		<-time.After(time.Duration(k) * time.Second / time.Duration(s.perSecond))
	}
	return n, err
}

// throughSlowLinks has a cluster's nodes send over links on which what is sent here takes
// far longer than a message was given once.
func (c *cluster) throughSlowLinks(perSecond int) {
	before := c.tune
	c.tune = func(k *raftnode.Config) {
		before(k)
		k.Timing.Transfer = time.Second
		k.Timing.Heartbeat, k.Timing.Election, k.Timing.Lease = 2*time.Second, 2*time.Second, 2*time.Second // this is about no election
		dial := k.Dial
		k.Dial = func(ctx context.Context, place string) (net.Conn, error) {
			conn, err := dial(ctx, place)
			if err != nil {
				return nil, err
			}
			return slow{conn, perSecond}, nil
		}
	}
}

// large is an experiment of some works, about a kilobyte each.
func large(name string, works int) command.Entry {
	s := command.Submit{Experiment: name, Name: name, Project: "p"}
	for i := range works {
		s.Works = append(s.Works, fixture.Work(fmt.Sprint(name, "-", i), fixture.Options{}))
	}
	return command.Entry{Request: name, Principal: "me", Command: s}
}

// catchesUp has a node join over slow links after a number of large entries, and wants
// it to have them.
func catchesUp(t *testing.T, tune func(*raftnode.Config), ready func(*cluster)) {
	c := newCluster(t)
	c.tune = tune
	c.throughSlowLinks(256 << 10)
	_, err := c.start("c1", func(k *raftnode.Config) { k.Single = true })
	must(t, err)
	for i := range 3 {
		must(t, c.propose(large(fmt.Sprint("e", i), 300)))
	}
	ready(c)
	_, err = c.start("c2", func(k *raftnode.Config) { k.Join = []string{c.place["c1"]} })
	must(t, err)
	until(t, "c2 votes", func() bool { return roleOf(c.leader().Status(), "c2") == replica.Voter })
	c.write(0)
	c.same()
	if n := c.nodes["c2"].Snapshot().TaskCount(); n != 3*300 {
		t.Errorf("c2 has %d tasks", n)
	}
}

// Raft sends 64 entries at once, and gave that a time: over a slow link, or with large
// entries, a node that had to catch up never did.
func TestLargeEntriesPassASlowLink(t *testing.T) {
	catchesUp(t, func(*raftnode.Config) {}, func(*cluster) {})
}

// The same with a snapshot.
func TestALargeSnapshotPassesASlowLink(t *testing.T) {
	catchesUp(t, func(k *raftnode.Config) {
		k.Storage.SnapshotBytes, k.Storage.Trailing, k.Storage.TrailingBytes = 64<<10, 1, 1
	},
		func(c *cluster) {
			until(t, "the log is compacted", func() bool { return len(snapshotsOf(t, c, "c1")) > 0 })
		})
}
