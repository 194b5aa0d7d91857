package raftnode_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/raftnode"
	"g2c/coordinator/replica"
	"g2c/internal/fault"
)

// onLog calls a function with each message.
func onLog(do func(string)) *slog.Logger { return slog.New(logFunc(do)) }

type logFunc func(string)

func (logFunc) Enabled(context.Context, slog.Level) bool { return true }
func (f logFunc) Handle(_ context.Context, r slog.Record) error {
	f(r.Message)
	return nil
}
func (f logFunc) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f logFunc) WithGroup(string) slog.Handler      { return f }

func roleOf(s replica.Status, id string) string {
	for _, p := range s.Peers {
		if p.ID == id {
			return p.Role
		}
	}
	return ""
}

// A node joins a cluster whose log is compacted: it gets a snapshot, then votes.
func TestANodeJoinsAndLeaves(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.tune = func(k *raftnode.Config) { k.Storage.SnapshotBytes, k.Storage.Trailing = 1, 4 }
	_, err := c.start("c1", func(k *raftnode.Config) { k.Single = true })
	must(t, err)
	for i := range 40 {
		c.write(i)
	}
	until(t, "the log is compacted", func() bool {
		all, err := filepath.Glob(filepath.Join(c.data("c1"), "snapshots", "*"))
		return err == nil && len(all) > 0
	})
	for _, name := range []string{"c2", "c3"} {
		_, err := c.start(name, func(k *raftnode.Config) { k.Join = []string{c.place["c1"]} })
		must(t, err)
		until(t, name+" votes", func() bool { return roleOf(c.leader().Status(), name) == replica.Voter })
	}
	c.write(40)
	c.has(41)
	c.same()
	gone := c.follower()
	c.remove(gone)
	<-c.nodes[gone].Done()
	if err := c.nodes[gone].Err(); !errors.Is(err, raftnode.ErrRemoved) {
		t.Errorf("it stopped for %v", err)
	}
	c.stop(gone)
	c.write(41)
	if err := c.asLeader(func(n *raftnode.Node) error { return n.Remove(t.Context(), gone) }); fault.ExitCode(err) != fault.ExitNotFound {
		t.Errorf("it is removed twice: %v", err)
	}
	c.has(42)
}

// A leader that is removed stops, and the others go on.
func TestALeaderIsRemoved(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	c.write(0)
	var old *raftnode.Node
	must(t, c.asLeader(func(n *raftnode.Node) error { old = n; return n.Remove(t.Context(), n.ID()) }))
	<-old.Done()
	c.stop(old.ID())
	c.write(1)
	c.has(2)
}

// What would leave no majority is refused.
func TestTooManyAreNotRemoved(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	c.write(0)
	dead := c.follower()
	c.stop(dead)
	leader := c.leader()
	until(t, "the dead one is missed", func() bool {
		for _, p := range leader.Status().Peers {
			if p.ID == dead {
				return !p.Healthy
			}
		}
		return false
	})
	var other string
	for name, n := range c.nodes {
		if n != leader {
			other = name
		}
	}
	if err := c.asLeader(func(n *raftnode.Node) error { return n.Remove(t.Context(), other) }); fault.ExitCode(err) != fault.ExitUnavailable {
		t.Errorf("%s is removed while %s is dead: %v", other, dead, err)
	}
	c.remove(dead)
	c.write(1)
}

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	for i := range 10 {
		c.write(i)
	}
	var b bytes.Buffer
	must(t, c.asLeader(func(n *raftnode.Node) error { b.Reset(); return n.Backup(t.Context(), &b) }))
	want := c.leader().Snapshot().Hash()
	c.write(10) // is not in it

	bad := bytes.Clone(b.Bytes())
	bad[len(bad)/2] ^= 1
	if err := raftnode.Restore(t.TempDir(), "d1", "127.0.0.1:1", bytes.NewReader(bad)); fault.ExitCode(err) != fault.ExitData {
		t.Errorf("a damaged backup is restored: %v", err)
	}
	if err := raftnode.Restore(c.data("c1"), "c1", "127.0.0.1:1", bytes.NewReader(b.Bytes())); fault.ExitCode(err) != fault.ExitSpec {
		t.Errorf("a folder in use is overwritten: %v", err)
	}
	d := newCluster(t)
	must(t, d.listen("d1").Close()) // its place is known now
	must(t, raftnode.Restore(d.data("d1"), "d1", d.place["d1"], &b))
	n := d.restart("d1")
	d.has(10)
	if n.Snapshot().Hash() != want {
		t.Error("the state is another")
	}
	_, err := d.start("d2", func(k *raftnode.Config) { k.Join = []string{d.place["d1"]} })
	must(t, err)
	d.write(11)
	d.same()
	d.stop("d2")
	d.stop("d1")
	d.restart("d1")
	d.restart("d2")
	d.same()
}

// submission is an experiment of one work, old or with fields that the first level lacks.
func submission(name string, late bool) command.Entry {
	w := fixture.Work(name, fixture.Options{})
	if late {
		w.Where.Labelled = &api.Labelled{Folds: 5, Fold: 1}
	}
	return command.Entry{Request: name, Principal: "me", Command: command.Submit{Experiment: name, Name: name, Works: []api.Work{w}}}
}

// newer is a cluster of three nodes that read one level more than the cluster is at.
func newer(t *testing.T) *cluster {
	c := newCluster(t)
	c.tune = func(k *raftnode.Config) { k.Level = command.Level + 1 }
	c.found("c1", "c2", "c3")
	c.write(0)
	return c
}

// Nothing is written that one of the nodes could not read.
func TestLevels(t *testing.T) {
	t.Parallel()
	c := newer(t)
	if err := c.propose(submission("folds", true)); !errors.Is(err, command.ErrNewer) {
		t.Errorf("a work of a later level on a cluster of level 1: %v", err)
	}
	must(t, c.propose(submission("old", false))) // the cluster is in use
	raise := command.Entry{Principal: "me", Command: command.Raise{Level: command.Level + 1}}
	old := c.follower()
	c.stop(old)
	if err := c.propose(raise); !errors.Is(err, replica.ErrAway) || fault.ExitCode(err) != fault.ExitUnavailable || !strings.Contains(err.Error(), "members remove "+old) {
		t.Errorf("raised while %s cannot be asked: %v", old, err)
	}
	_, err := c.start(old, func(k *raftnode.Config) { k.Level = command.Level })
	must(t, err)
	if err := c.propose(raise); !errors.Is(err, command.ErrNewer) {
		t.Errorf("raised over an older release: %v", err)
	}
	c.write(1)
	c.stop(old)
	c.restart(old) // upgraded
	if err := c.propose(raise); err != nil {
		t.Errorf("not raised: %v", err)
	}
	if got := c.leader().Snapshot().Level(); got != command.Level+1 {
		t.Errorf("level %d", got)
	}
	higher := command.Entry{Command: command.Raise{Level: command.Level + 2}}
	if err := c.propose(higher); !errors.Is(err, command.ErrNewer) {
		t.Errorf("raised to what nobody has: %v", err)
	}
}

// A cluster in which nothing was ever submitted is raised while one of its nodes is away,
// and takes what the new level brings; one that is there and older forbids it.
func TestANewClusterIsRaisedWithoutOneThatIsAway(t *testing.T) {
	t.Parallel()
	c := newer(t)
	raise := command.Entry{Command: command.Raise{Level: command.Level + 1}}
	away := c.follower()
	c.stop(away)
	_, err := c.start(away, func(k *raftnode.Config) { k.Level = command.Level })
	must(t, err)
	if err := c.propose(raise); !errors.Is(err, command.ErrNewer) {
		t.Errorf("raised over an older release: %v", err)
	}
	c.stop(away)
	if err := c.propose(raise); err != nil {
		t.Fatalf("not raised while %s is away: %v", away, err)
	}
	must(t, c.propose(submission("folds", true)))
	c.restart(away)
	c.same()
	if got := c.nodes[away].Snapshot(); got.Level() != command.Level+1 || !got.Submitted() {
		t.Errorf("%s is at level %d", away, got.Level())
	}
}
