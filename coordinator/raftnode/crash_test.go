package raftnode

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/command"
	"g2c/coordinator/raftnode/journal"
	"g2c/coordinator/state"
)

// dying is a disk under a process that is killed at one of its operations: that one and
// all after it are not done, and a write is done in part.
type dying struct {
	journal.OS
	left *atomic.Int64
}

var errKilled = errors.New("the process was killed")

func newDying() dying {
	d := dying{left: new(atomic.Int64)}
	d.left.Store(1 << 60)
	return d
}

func (d dying) step() error {
	if d.left.Add(-1) < 0 {
		return errKilled
	}
	return nil
}

func (d dying) OpenFile(path string, flag int) (journal.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := d.step(); err != nil {
			return nil, err
		}
	}
	f, err := d.OS.OpenFile(path, flag)
	if err != nil {
		return nil, err
	}
	return dyingFile{f, d}, nil
}

func (d dying) then(do func() error) error {
	if err := d.step(); err != nil {
		return err
	}
	return do()
}

func (d dying) MakeDir(path string) error { return d.then(func() error { return d.OS.MakeDir(path) }) }
func (d dying) Remove(path string) error  { return d.then(func() error { return d.OS.Remove(path) }) }
func (d dying) SyncDir(string) error      { return d.step() }
func (d dying) Rename(from, to string) error {
	return d.then(func() error { return d.OS.Rename(from, to) })
}

type dyingFile struct {
	journal.File
	on dying
}

func (f dyingFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.on.step(); err != nil {
		if f.on.left.Load() == -1 {
			n, _ := f.File.WriteAt(b[:len(b)/2], at)
			return n, err
		}
		return 0, err
	}
	return f.File.WriteAt(b, at)
}

func (f dyingFile) Sync() error { return f.on.step() }

func (f dyingFile) Truncate(size int64) error {
	return f.on.then(func() error { return f.File.Truncate(size) })
}

// rig is a node that follows a leader which the test plays.
type rig struct {
	t      *testing.T
	node   *Node
	wire   *raft.InmemTransport // of the node
	leader *raft.InmemTransport
}

// open starts the node of a folder on a disk.
func openRig(t *testing.T, dir string, disk journal.Disk) (*rig, error) {
	t.Helper()
	n := testNode()
	n.config.Storage.Journal = journal.Options{Disk: disk, SegmentBytes: 600}
	n.acks = newAcknowledgements()
	var err error
	if n.dir, err = openDataDir(dir, filepath.Base(dir), "h:1"); err != nil {
		return nil, err
	}
	if n.dir.id.Cluster == "" {
		must(t, n.dir.enter("x", nil))
	}
	r := &rig{t: t, node: n}
	if err := n.openStores(); err != nil {
		r.close()
		return nil, err
	}
	if n.votes.Empty() {
		must(t, n.votes.SetUint64([]byte("CurrentTerm"), 1))
	}
	must(t, n.dir.started())
	_, r.wire = raft.NewInmemTransport(n.dir.id.member().address("h:1"))
	_, r.leader = raft.NewInmemTransport("leader")
	r.leader.Connect(r.wire.LocalAddr(), r.wire)
	c := n.raftConfig(n.dir.id.member())
	n.raft, err = raft.NewRaft(c, n.machine, &logStore{n.journal, n.fail}, n.votes, n.snapshots, r.wire)
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// close ends the node as far as it came.
func (r *rig) close() {
	n := r.node
	if n.raft != nil {
		n.raft.Shutdown().Error()
	}
	if n.journal != nil {
		n.journal.Close()
	}
	if n.votes != nil {
		n.votes.Close()
	}
	n.dir.close()
}

// server is the node in a configuration: a learner, so that it stands for no election.
func (r *rig) server() raft.Server {
	id := r.node.dir.id.member()
	return raft.Server{ID: raft.ServerID(id.String()), Address: r.wire.LocalAddr(), Suffrage: raft.Nonvoter}
}

func (r *rig) configuration() raft.Configuration {
	return raft.Configuration{Servers: []raft.Server{r.server(), {ID: "leader", Address: "leader"}}}
}

// termOf is the term of an entry in a log whose entries have term 1 up to an index, and
// 2 from there on.
func termOf(index, upTo uint64) uint64 {
	if index <= upTo {
		return 1
	}
	return 2
}

// entry is an entry of a term: a configuration, or a command that no other term has.
func (r *rig) entry(index, term uint64) *raft.Log {
	l := &raft.Log{Index: index, Term: term, Type: raft.LogConfiguration}
	if index == 1 {
		l.Data = raft.EncodeConfiguration(r.configuration())
		return l
	}
	b, err := command.Encode(command.Entry{At: int64(index), Principal: fmt.Sprint(term), Command: command.SetProject{Project: fmt.Sprint("p", index%7), Weight: int(index)}})
	must(r.t, err)
	l.Type, l.Data = raft.LogCommand, encodeBatch([][]byte{b})
	return l
}

// send appends entries at the node, of a log of term 1 up to an index, and reports
// whether it acknowledged them.
func (r *rig) send(leads, from, to, first uint64) bool {
	for at := from; at <= to; at += 7 { // segments are small
		q := &raft.AppendEntriesRequest{RPCHeader: r.header(), Term: leads, LeaderCommitIndex: to}
		if at > 1 {
			q.PrevLogEntry, q.PrevLogTerm = at-1, termOf(at-1, first)
		}
		for i := at; i <= min(to, at+6); i++ {
			q.Entries = append(q.Entries, r.entry(i, termOf(i, first)))
		}
		var answer raft.AppendEntriesResponse
		if err := r.leader.AppendEntries(r.server().ID, r.wire.LocalAddr(), q, &answer); err != nil || !answer.Success {
			return false
		}
	}
	return true
}

func (r *rig) header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("leader"), Addr: []byte("leader")}
}

// catchUp sends the node a log up to entry 60 as a leader does that has it from an index
// on, and before that a snapshot.
func (r *rig) catchUp(first, trimmed uint64) bool {
	for next := uint64(60); next > trimmed; next-- {
		if r.send(3, next, 60, first) {
			return true
		}
	}
	return trimmed > 0 && r.install(3, trimmed, first) && r.send(3, trimmed+1, 60, first)
}

// heartbeat tells the node of a term.
func (r *rig) heartbeat(term uint64) {
	r.t.Helper()
	q := &raft.AppendEntriesRequest{RPCHeader: r.header(), Term: term}
	var answer raft.AppendEntriesResponse
	must(r.t, r.leader.AppendEntries(r.server().ID, r.wire.LocalAddr(), q, &answer))
}

// install sends the state of a log up to an index.
func (r *rig) install(leads, index, first uint64) bool {
	var b bytes.Buffer
	must(r.t, r.state(index, first).Snapshot().Encode(&b))
	q := &raft.InstallSnapshotRequest{
		RPCHeader: r.header(), SnapshotVersion: raft.SnapshotVersionMax, Term: leads, LastLogIndex: index, LastLogTerm: termOf(index, first),
		Configuration: raft.EncodeConfiguration(r.configuration()), ConfigurationIndex: 1, Size: int64(b.Len()),
	}
	var answer raft.InstallSnapshotResponse
	err := r.leader.InstallSnapshot(r.server().ID, r.wire.LocalAddr(), q, &answer, &b)
	return err == nil && answer.Success
}

// state is what a log makes up to an index.
func (r *rig) state(index, first uint64) *state.State {
	m := newMachine(func(err error) { r.t.Error(err) })
	for i := uint64(1); i <= index; i++ {
		m.Apply(r.entry(i, termOf(i, first)))
	}
	return m.state
}

// applies waits until the node has the state of a log up to an index.
func (r *rig) applies(index, first uint64) {
	r.t.Helper()
	want := r.state(index, first)
	for s := r.node.Snapshot(); s.Index() < want.Index(); s = r.node.Snapshot() {
		select {
		case <-r.node.machine.waitFor(s.Index()):
		case <-r.node.failed:
			r.t.Fatalf("the node stops: %v", r.node.Err())
		case <-time.After(20 * time.Second):
			r.t.Fatalf("the node has applied %d commands of %d", s.Index(), want.Index())
		}
	}
	if r.node.Snapshot().Hash() != want.Hash() {
		r.t.Fatal("the node has another state")
	}
}

// killedAt plays a history on a disk that dies at each operation of the last part in
// turn, and wants the node back afterwards, with what it acknowledged, as one that
// catches up to entry 60. The leader's log is of term 1 up to an index, and rests in a
// snapshot up to another. The last part says up to which entry it was acknowledged.
func killedAt(t *testing.T, first, trimmed uint64, before func(*rig), last func(*rig) (acknowledged uint64)) {
	t.Helper()
	points := 0
	for at := int64(0); ; at++ {
		dir := filepath.Join(t.TempDir(), "c1")
		disk := newDying()
		r, err := openRig(t, dir, disk)
		must(t, err)
		before(r)
		r.heartbeat(2) // raft panics if it cannot write its term
		disk.left.Store(at)
		acknowledged := last(r)
		whole := disk.left.Load() >= 0
		r.close()

		r, err = openRig(t, dir, journal.OS{})
		if err != nil {
			t.Fatalf("killed at operation %d, the node does not start: %v", at, err)
		}
		base, end := r.node.journal.Ends()
		if reached := max(base, end); reached < acknowledged {
			t.Fatalf("killed at operation %d: the node has entries up to %d, and acknowledged %d", at, reached, acknowledged)
		}
		if rests, err := filepath.Glob(filepath.Join(dir, "snapshots", "*"+unfinished)); err != nil || len(rests) > 0 {
			t.Errorf("killed at operation %d: %v stays, %v", at, rests, err)
		}
		ok := r.catchUp(first, trimmed)
		if errors.Is(r.node.Err(), ErrAgain) {
			r.close()
			r, err = openRig(t, dir, journal.OS{})
			must(t, err)
			ok = r.catchUp(first, trimmed)
		}
		if !ok {
			t.Fatalf("killed at operation %d, the node takes no more: %v", at, r.node.Err())
		}
		r.applies(60, first)
		r.close()
		r, err = openRig(t, dir, journal.OS{})
		must(t, err)
		if !r.send(3, 61, 61, first) {
			t.Fatalf("killed at operation %d, started twice: the node takes no more: %v", at, r.node.Err())
		}
		r.applies(61, first)
		r.close()
		points++
		if whole {
			break
		}
	}
	t.Logf("killed at %d operations", points-1)
	if points < 5 {
		t.Error("hardly any operation was reached")
	}
}

// A crash while a snapshot of another node is installed: the log ended before it, and
// the node refused the entries behind it, for ever.
func TestACrashWhileASnapshotIsInstalled(t *testing.T) {
	t.Parallel()
	installs := func(first uint64) func(*rig) uint64 {
		return func(r *rig) uint64 {
			if !r.install(2, 50, first) {
				return min(20, first)
			}
			if errors.Is(r.node.Err(), ErrAgain) {
				return 50
			}
			if !r.send(2, 51, 55, first) {
				return 50
			}
			return 55
		}
	}
	t.Run("over a log that ends before it", func(t *testing.T) {
		killedAt(t, 20, 50, func(r *rig) {
			if !r.send(1, 1, 20, 20) {
				t.Fatal("the node takes no entries")
			}
			r.applies(20, 20)
		}, installs(20))
	})
	t.Run("over a log with other entries", func(t *testing.T) {
		killedAt(t, 15, 50, func(r *rig) {
			if !r.send(1, 1, 15, 99) || !r.sendUncommitted(16, 58) {
				t.Fatal("the node takes no entries")
			}
			r.applies(15, 15)
		}, installs(15))
	})
	t.Run("over an empty log", func(t *testing.T) {
		killedAt(t, 20, 50, func(*rig) {}, func(r *rig) uint64 {
			if !r.install(2, 50, 20) {
				return 0
			}
			return 50
		})
	})
}

// sendUncommitted appends entries of term 1 that nobody commits.
func (r *rig) sendUncommitted(from, to uint64) bool {
	q := &raft.AppendEntriesRequest{RPCHeader: r.header(), Term: 1, LeaderCommitIndex: from - 1, PrevLogEntry: from - 1, PrevLogTerm: 1}
	for i := from; i <= to; i++ {
		q.Entries = append(q.Entries, r.entry(i, 1))
	}
	var answer raft.AppendEntriesResponse
	err := r.leader.AppendEntries(r.server().ID, r.wire.LocalAddr(), q, &answer)
	return err == nil && answer.Success
}

// A crash while the node compacts its own log.
func TestACrashWhileTheLogIsCompacted(t *testing.T) {
	t.Parallel()
	killedAt(t, 99, 0, func(r *rig) {
		r.node.config.Storage.Trailing = 3
		if !r.send(1, 1, 20, 99) {
			t.Fatal("the node takes no entries")
		}
		r.applies(20, 99)
	}, func(r *rig) uint64 {
		r.node.raft.ReloadConfig(raft.ReloadableConfig{TrailingLogs: 3, SnapshotInterval: time.Hour, SnapshotThreshold: 1 << 60, HeartbeatTimeout: time.Second, ElectionTimeout: time.Second})
		r.node.raft.Snapshot().Error()
		if !r.send(2, 21, 30, 99) {
			return 20
		}
		return 30
	})
}

// A crash while entries that were never committed are taken back.
func TestACrashWhileEntriesAreTakenBack(t *testing.T) {
	t.Parallel()
	killedAt(t, 15, 0, func(r *rig) {
		if !r.send(1, 1, 15, 99) || !r.sendUncommitted(16, 58) {
			t.Fatal("the node takes no entries")
		}
		r.applies(15, 15)
	}, func(r *rig) uint64 {
		if !r.send(2, 16, 40, 15) {
			return 15
		}
		return 40
	})
}

// A crash while a backup is restored: the folder is none that a node starts with, or
// has all that the backup has.
func TestACrashWhileABackupIsRestored(t *testing.T) {
	t.Parallel()
	r := &rig{t: t}
	r.node = &Node{dir: &dataDir{id: identity{Name: "x", Birth: newBirth()}}}
	_, r.wire = raft.NewInmemTransport("x")
	want := r.state(40, 99)
	whole := false
	for at := int64(0); !whole; at++ {
		dir := filepath.Join(t.TempDir(), "d1")
		d, err := openDataDir(dir, "d1", "h:1")
		must(t, err)
		disk := newDying()
		disk.left.Store(at)
		failed := restoreInto(d, journal.Options{Disk: disk}, want.Snapshot().Encode)
		whole = disk.left.Load() >= 0
		must(t, d.close())
		if whole != (failed == nil) {
			t.Fatalf("killed at operation %d: %v", at, failed)
		}
		d, err = openDataDir(dir, "d1", "h:1")
		must(t, err)
		entered := d.id.Cluster != ""
		must(t, d.close())
		if entered != whole {
			t.Fatalf("killed at operation %d: the folder is in a cluster: %v", at, entered)
		}
		if !whole {
			continue
		}
		n, err := openRig(t, dir, journal.OS{})
		must(t, err)
		if n.node.Snapshot().Hash() != want.Hash() {
			t.Error("it is another state")
		}
		n.close()
	}
}

// A snapshot that comes late, when the node is past it, takes nothing back.
func TestALateSnapshotTakesNothingBack(t *testing.T) {
	t.Parallel()
	r, err := openRig(t, filepath.Join(t.TempDir(), "c1"), journal.OS{})
	must(t, err)
	defer func() { r.close() }()
	if !r.install(1, 30, 99) || !r.install(1, 30, 99) { // its answer was lost
		t.Fatal("the node takes no snapshot")
	}
	if !r.send(1, 31, 50, 99) {
		t.Fatal("the node takes no entries")
	}
	r.applies(50, 99)
	for _, index := range []uint64{20, 30} {
		if r.install(1, index, 99) {
			t.Errorf("the node goes back to entry %d", index)
		}
	}
	if !r.send(1, 51, 60, 99) {
		t.Error("the node lacks what it acknowledged")
	}
	r.applies(60, 99)
}
