package raftnode_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"g2c/coordinator/raftnode"
	"g2c/coordinator/raftnode/journal"
	"g2c/coordinator/replica"
	"g2c/internal/fault"
)

// refused wants a node that does not start, and says why.
func (c *cluster) refused(name string, change func(*raftnode.Config), why error) {
	c.t.Helper()
	n, err := c.start(name, change)
	if err == nil {
		n.Close()
		c.t.Fatalf("%s starts, want: %v", name, why)
	}
	if !errors.Is(err, why) {
		c.t.Fatalf("%s: %v, want: %v", name, err, why)
	}
}

// replaceNode takes a node out and lets it come back with an empty folder.
func (c *cluster) replaceNode(name string) {
	c.t.Helper()
	must(c.t, os.RemoveAll(c.data(name)))
	var join []string
	for other := range c.nodes {
		join = append(join, c.place[other])
	}
	c.remove(name)
	_, err := c.start(name, func(k *raftnode.Config) { k.Join = join })
	must(c.t, err)
	until(c.t, name+" votes", func() bool {
		for _, p := range c.leader().Status().Peers {
			if p.ID == name && p.Role == replica.Voter {
				return true
			}
		}
		return false
	})
}

// follower is a node that does not lead.
func (c *cluster) follower() string {
	c.t.Helper()
	leader := c.leader()
	for name, n := range c.nodes {
		if n != leader {
			return name
		}
	}
	c.t.Fatal("all lead")
	return ""
}

func (c *cluster) lastSegment(name string) string {
	c.t.Helper()
	all, err := filepath.Glob(filepath.Join(c.data(name), "log", "log-*"))
	must(c.t, err)
	return all[len(all)-1]
}

func edit(t *testing.T, path string, do func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, do(b), 0o600))
}

// Danger (a): a byte of an entry on disk is flipped. It was applied silently once.
func TestAFlippedByteStopsTheNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	for i := range 10 {
		c.write(i)
	}
	c.same()
	victim := c.follower()
	c.stop(victim)
	edit(t, c.lastSegment(victim), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	c.refused(victim, nil, journal.ErrCorrupt)
	c.write(10)
	c.replaceNode(victim)
	c.write(11)
	c.has(12)
	c.same()
}

// The same under a running node: it stops when it next reads the entry, here for a
// node that joins.
func TestAFlippedByteStopsARunningNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	n, err := c.start("c1", func(k *raftnode.Config) { k.Single = true })
	must(t, err)
	for i := range 10 {
		c.write(i)
	}
	f, err := os.OpenFile(c.lastSegment("c1"), os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte{0xff, 0xff, 0xff}, 300)
	must(t, errors.Join(err, f.Close()))
	ctx, cancel := context.WithCancel(t.Context())
	k := c.config("c2", c.listen("c2"))
	k.Join = []string{c.place["c1"]}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if n, err := raftnode.Open(ctx, k); err == nil {
			<-ctx.Done()
			n.Close()
		}
	}()
	<-n.Done()
	if err := n.Err(); !errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("it stopped for %v", err)
	}
	cancel()
	<-ended
	c.stop("c1")
	c.refused("c1", nil, journal.ErrCorrupt)
}

// Danger (b): the end of the log is gone. It was forgotten silently once.
func TestALostTailStopsTheNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	for i := range 10 {
		c.write(i)
	}
	c.same()
	victim := c.follower()
	c.stop(victim)
	edit(t, c.lastSegment(victim), func(b []byte) []byte { return b[:len(b)-40] })
	n, err := c.start(victim, nil)
	if err == nil {
		n.Close()
		t.Fatal("it starts")
	}
	if !errors.Is(err, journal.ErrCorrupt) && !errors.Is(err, journal.ErrLost) || fault.ExitCode(err) != fault.ExitData {
		t.Fatal(err)
	}
	c.replaceNode(victim)
	c.has(10)
	c.same()
}

// Danger (c): a voter's disk is wiped and it comes back under its name. With a voter
// that is behind it made a majority once, and an acknowledged write was lost.
func TestAWipedVoterDoesNotVote(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	c.write(0)
	c.same()
	var peers []replica.Peer
	for _, name := range []string{"c1", "c2", "c3"} {
		peers = append(peers, replica.Peer{ID: name, Address: c.place[name]})
	}
	behind := c.follower()
	c.stop(behind)
	c.write(1) // two of three have it
	leader := c.leader().ID()
	wiped := c.follower()
	c.stop(leader)
	c.stop(wiped)
	must(t, os.RemoveAll(c.data(wiped)))
	c.restart(behind)
	c.refused(wiped, func(k *raftnode.Config) { k.Bootstrap = peers }, raftnode.ErrReplaced) // as its unit file has it
	c.refused(wiped, nil, raftnode.ErrNew)
	if l := c.nodes[behind].Leader(); l.ID != "" {
		t.Fatalf("%s leads without a majority", l.ID)
	}
	c.restart(leader)
	c.has(2)
	c.replaceNode(wiped)
	c.has(2)
	c.same()
}

// A wiped voter that tries to join under its name is refused until it is removed, and the
// leader says that it waits for that.
func TestAWipedVoterDoesNotJoin(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.found("c1", "c2", "c3")
	c.write(0)
	wiped := c.follower()
	c.stop(wiped)
	must(t, os.RemoveAll(c.data(wiped)))
	k := c.config(wiped, c.listen(wiped))
	k.Join = []string{c.place[c.leader().ID()]}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	refused, cut := context.WithCancel(t.Context())
	k.Log = onLog(func(msg string) {
		if strings.Contains(msg, "waiting to join") {
			cut()
		}
	})
	go func() {
		_, err := raftnode.Open(ctx, k)
		ended <- err
	}()
	<-refused.Done()
	replaced := func() bool {
		return slices.ContainsFunc(c.leader().Status().Peers, func(p replica.Peer) bool { return p.ID == wiped && p.Replaced })
	}
	until(t, "the leader knows of the new folder", replaced)
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), raftnode.ErrReplaced.Error()) {
		t.Fatalf("it joins: %v", err)
	}
	until(t, "the leader knows that nobody waits", func() bool { return !replaced() })
	c.replaceNode(wiped)
	c.same()
}

// smallDisk is full once so much is written.
type smallDisk struct {
	journal.File
	left *atomic.Int64
}

func (d smallDisk) WriteAt(b []byte, at int64) (int, error) {
	if d.left.Add(-int64(len(b))) < 0 {
		n, _ := d.File.WriteAt(b[:len(b)/2], at)
		return n, syscall.ENOSPC
	}
	return d.File.WriteAt(b, at)
}

// Danger (d): the disk is full. The node lived on, stuck, once.
func TestAFullDiskStopsTheNode(t *testing.T) {
	t.Parallel()
	for _, leads := range []bool{true, false} {
		c := newCluster(t)
		room := map[string]*atomic.Int64{"c1": new(atomic.Int64), "c2": new(atomic.Int64), "c3": new(atomic.Int64)}
		c.tune = func(k *raftnode.Config) {
			left := room[k.ID]
			left.Store(1 << 40)
			k.Storage.Journal.Disk = disk{wrap: func(f journal.File) journal.File { return smallDisk{f, left} }}
		}
		c.found("c1", "c2", "c3")
		c.write(0)
		victim := c.follower()
		if leads {
			victim = c.leader().ID()
		}
		n := c.nodes[victim]
		room[victim].Store(10 << 10)
		i := 1
		for failed := false; !failed; i++ {
			c.write(i)
			select {
			case <-n.Done():
				failed = true
			default:
			}
		}
		if err := n.Err(); !errors.Is(err, raftnode.ErrDisk) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("it stopped for %v", err)
		}
		c.stop(victim)
		c.write(i)
		c.restart(victim) // there is room again
		c.has(i + 1)
		c.same()
	}
}

// A disk that is nearly full stops the node while it can still do so in order.
func TestADiskThatIsNearlyFullStopsTheNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	n, err := c.start("c1", func(k *raftnode.Config) {
		k.Single = true
		k.Storage.Free = func(string) (int64, error) { return k.Storage.MinFree - 1, nil }
	})
	must(t, err)
	<-n.Done()
	if err := n.Err(); !errors.Is(err, raftnode.ErrDisk) {
		t.Errorf("it stopped for %v", err)
	}
}

// Danger (e): what describes the rest is garbage. It opened and failed for ever once.
func TestGarbageOnDiskIsRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.tune = func(k *raftnode.Config) { k.Storage.SnapshotBytes, k.Storage.Trailing = 1, 4 }
	n, err := c.start("c1", func(k *raftnode.Config) { k.Single = true })
	must(t, err)
	for i := range 10 {
		c.write(i)
	}
	snapshots := func() []string {
		all, err := filepath.Glob(filepath.Join(c.data("c1"), "snapshots", "*", "state.bin"))
		must(t, err)
		return all
	}
	until(t, "there is a snapshot", func() bool { return len(snapshots()) > 0 })
	until(t, "the state is whole", func() bool { return n.Snapshot().Index() >= 10 })
	c.stop("c1")
	fill := func(b []byte) []byte {
		for i := range b {
			b[i] = byte(i * 7)
		}
		return b
	}
	files := []string{"node.json", "log/mark", "log/votes"}
	for _, s := range snapshots() {
		rest, err := filepath.Rel(c.data("c1"), s)
		must(t, err)
		files = append(files, rest, filepath.Join(filepath.Dir(rest), "meta.json"))
	}
	for _, f := range files {
		path := filepath.Join(c.data("c1"), f)
		whole, err := os.ReadFile(path)
		must(t, err)
		for what, do := range map[string]func([]byte) []byte{
			"garbage": fill,
			"empty":   func([]byte) []byte { return nil },
			"half":    func(b []byte) []byte { return b[:len(b)/2] },
		} {
			edit(t, path, do)
			if n, err := c.start("c1", nil); err == nil && filepath.Base(f) != "state.bin" && filepath.Base(f) != "meta.json" {
				n.Close()
				t.Fatalf("%s of %s: it starts", what, f)
			} else if err == nil { // an older snapshot, which is not needed
				n.Close()
				delete(c.nodes, "c1")
			} else if class := fault.ExitCode(err); class != fault.ExitData {
				t.Errorf("%s of %s: %v", what, f, err)
			}
			must(t, os.WriteFile(path, whole, 0o600))
		}
		must(t, os.Remove(path))
		if n, err := c.start("c1", nil); err == nil {
			n.Close()
			delete(c.nodes, "c1")
			if filepath.Dir(f) == "log" || f == "node.json" {
				t.Fatalf("%s is gone: it starts", f)
			}
		}
		must(t, os.WriteFile(path, whole, 0o600))
	}
	c.restart("c1")
	c.has(10)
}

// A node whose state is another than that of the others stops, whichever it is.
func TestANodeThatDivergesStops(t *testing.T) {
	t.Parallel()
	for _, leads := range []bool{false, true} {
		c := newCluster(t)
		c.found("c1", "c2", "c3")
		var all sync.WaitGroup
		for i := range raftnode.MarkEvery + 1 {
			all.Go(func() { c.write(i) })
		}
		all.Wait()
		c.same()
		wrong := c.follower()
		if leads {
			wrong = c.leader().ID()
		}
		n := c.nodes[wrong]
		n.Diverge()
		<-n.Done()
		if err := n.Err(); !errors.Is(err, raftnode.ErrDiverged) {
			t.Errorf("it stopped for %v", err)
		}
		c.stop(wrong)
		c.write(1000)
		for name, n := range c.nodes {
			if n.Err() != nil {
				t.Errorf("%s stopped too: %v", name, n.Err())
			}
		}
	}
}

// A state that hangs stops the node, though raft has handed it all there is, and the
// node closes: its process can end.
func TestAStateThatHangsStopsTheNode(t *testing.T) {
	c := newCluster(t)
	c.tune = func(k *raftnode.Config) {
		k.Timing.Watch, k.Timing.Stuck = 10*time.Millisecond, 200*time.Millisecond
		k.Storage.SnapshotBytes, k.Storage.Trailing = 1, 0 // the watch wants snapshots, too, and they wait for the state
	}
	_, err := c.start("c1", func(k *raftnode.Config) { k.Single = true })
	must(t, err)
	n := c.leader()
	t.Cleanup(n.Hang())
	select {
	case <-n.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on")
	}
	if !errors.Is(n.Err(), raftnode.ErrStuck) {
		t.Errorf("it stops because of %v", n.Err())
	}
	n.Close()
}
