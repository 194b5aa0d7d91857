package raftnode

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode/journal"
)

// openStore opens snapshots beside an empty log, under a folder.
func openStore(t *testing.T, dir string, o journal.Options) *snapshots {
	t.Helper()
	j, err := journal.Open(filepath.Join(dir, "log"), o)
	must(t, err)
	t.Cleanup(func() { j.Close() })
	s, err := openSnapshots(dir, &snapshots{
		disk: o.On(), journal: j, log: slog.New(slog.DiscardHandler),
		room: func() error { return nil }, broken: func(err error) { t.Error(err) },
	})
	must(t, err)
	return s
}

// The files are those of raft's own store, in both directions: releases before this one
// had that.
func TestSnapshotsAreRaftsFiles(t *testing.T) {
	_, wire := raft.NewInmemTransport("x")
	c := raft.Configuration{Servers: []raft.Server{{ID: "a/0123456789abcdef", Address: "a/0123456789abcdef@h:1"}}}
	want := applied(t, 20).Snapshot()
	var state bytes.Buffer
	must(t, want.Encode(&state))
	read := func(from raft.SnapshotStore) {
		t.Helper()
		all, err := from.List()
		must(t, err)
		if len(all) != 1 || all[0].Index != 7 || all[0].Term != 3 || all[0].ConfigurationIndex != 2 || len(all[0].Configuration.Servers) != 1 {
			t.Fatalf("%d snapshots: %+v", len(all), all)
		}
		m, r, err := from.Open(all[0].ID)
		must(t, err)
		b, err := io.ReadAll(r)
		must(t, errors.Join(err, r.Close()))
		if m.Size != int64(len(b)) || !bytes.Equal(b, state.Bytes()) {
			t.Errorf("%d bytes are read of %d", len(b), state.Len())
		}
	}
	write := func(to raft.SnapshotStore) {
		t.Helper()
		sink, err := to.Create(raft.SnapshotVersionMax, 7, 3, c, 2, wire)
		must(t, err)
		_, err = sink.Write(state.Bytes())
		must(t, errors.Join(err, sink.Close()))
	}
	dir := t.TempDir()
	ours := openStore(t, dir, journal.Options{})
	write(ours)
	read(ours)
	theirs, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, raftLogger(slog.New(slog.DiscardHandler)))
	must(t, err)
	read(theirs)
	dir = t.TempDir()
	theirs, err = raft.NewFileSnapshotStoreWithLogger(dir, 2, raftLogger(slog.New(slog.DiscardHandler)))
	must(t, err)
	write(theirs)
	read(openStore(t, dir, journal.Options{}))
}

// A snapshot that a state cannot be made of never becomes one, whoever sent it; nor one
// that is given up.
func TestWhatCannotBeReadBackIsNoSnapshot(t *testing.T) {
	want := applied(t, 20).Snapshot()
	var good, other bytes.Buffer
	must(t, want.Encode(&good))
	must(t, applied(t, 21).Snapshot().Encode(&other))
	s := openStore(t, t.TempDir(), journal.Options{})
	take := func(index uint64, b []byte, hash *[32]byte) error {
		t.Helper()
		sink, err := s.Create(raft.SnapshotVersionMax, index, 1, raft.Configuration{}, 1, nil)
		must(t, err)
		k := sink.(*snapshotSink)
		k.want = hash
		_, err = k.Write(b)
		must(t, err)
		return k.Close()
	}
	hash := want.Hash()
	flipped := bytes.Clone(good.Bytes())
	flipped[len(flipped)/2] ^= 1
	for what, b := range map[string][]byte{"another state": other.Bytes(), "a flipped byte": flipped, "half": good.Bytes()[:good.Len()/2], "nothing": nil} {
		if err := take(5, b, &hash); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := take(5, flipped, nil); !errors.Is(err, ErrUnreadable) {
		t.Errorf("from another node: %v", err)
	}
	sink, err := s.Create(raft.SnapshotVersionMax, 5, 1, raft.Configuration{}, 1, nil)
	must(t, err)
	must(t, errors.Join(sink.Cancel(), sink.Cancel(), sink.Close()))
	files, err := filepath.Glob(filepath.Join(s.dir, "*"))
	must(t, err)
	base, _ := s.journal.Ends()
	if len(files) > 0 || base != 0 || s.writing.Load() != 0 {
		t.Fatalf("%v is left, the log rests in snapshot %d, %d bytes are being written", files, base, s.writing.Load())
	}
	must(t, take(5, good.Bytes(), &hash))
	must(t, take(9, good.Bytes(), &hash))
	if base, _ := s.journal.Ends(); base != 9 {
		t.Errorf("the log rests in snapshot %d", base)
	}
	if files, err = filepath.Glob(filepath.Join(s.dir, "*")); err != nil || len(files) != 1 || !strings.Contains(files[0], "1-9-") {
		t.Errorf("beside the newest there are %v, %v", files, err)
	}
}

// One that took long to write does not take the place of a newer one.
func TestAnOvertakenSnapshotIsGivenUp(t *testing.T) {
	var good bytes.Buffer
	must(t, applied(t, 20).Snapshot().Encode(&good))
	s := openStore(t, t.TempDir(), journal.Options{})
	begin := func(index uint64) *snapshotSink {
		t.Helper()
		sink, err := s.Create(raft.SnapshotVersionMax, index, 1, raft.Configuration{}, 1, nil)
		must(t, err)
		_, err = sink.Write(good.Bytes())
		must(t, err)
		return sink.(*snapshotSink)
	}
	own, sent := begin(60), begin(80)
	must(t, sent.Close())
	if err := own.Close(); !errors.Is(err, errOvertaken) {
		t.Errorf("the older one: %v", err)
	}
	if _, err := s.Create(raft.SnapshotVersionMax, 70, 1, raft.Configuration{}, 1, nil); !errors.Is(err, errOvertaken) {
		t.Errorf("another older one: %v", err)
	}
	all, err := s.List()
	must(t, err)
	if len(all) != 1 || all[0].Index != 80 {
		t.Errorf("there is %+v", all)
	}
}

// A snapshot stops when the disk has no room for the rest, and the node does not.
func TestASnapshotStopsBeforeTheDiskIsFull(t *testing.T) {
	s := openStore(t, t.TempDir(), journal.Options{})
	full := errors.New("full")
	asked := 0
	s.room = func() error {
		if asked++; asked > 2 {
			return full
		}
		return nil
	}
	sink, err := s.Create(raft.SnapshotVersionMax, 5, 1, raft.Configuration{}, 1, nil)
	must(t, err)
	piece := make([]byte, 1<<20)
	wrote := 0
	for err == nil {
		_, err = sink.Write(piece)
		wrote++
	}
	if !errors.Is(err, full) || wrote > 3*roomEvery/len(piece)+1 {
		t.Errorf("after %d MiB: %v", wrote, err)
	}
	if s.needs() != 0 {
		t.Errorf("%d bytes are needed for what is written already", s.needs())
	}
	must(t, sink.Cancel())
}

// What a snapshot will need is counted as used before it is.
func TestRoomForTheNextSnapshotIsKept(t *testing.T) {
	r, err := openRig(t, filepath.Join(t.TempDir(), "c1"), journal.OS{})
	must(t, err)
	defer r.close()
	n := r.node
	free := n.config.Storage.MinFree
	n.config.Storage.Free = func(string) (int64, error) { return free, nil }
	if !r.send(1, 1, 20, 99) {
		t.Fatal("the node takes no entries")
	}
	r.applies(20, 99)
	if n.snapshots.needs() != n.journal.Bytes() {
		t.Errorf("a first snapshot needs %d, the log has %d", n.snapshots.needs(), n.journal.Bytes())
	}
	must(t, n.raft.Snapshot().Error())
	m, err := n.snapshots.newest()
	must(t, err)
	need := n.snapshots.needs()
	if need < m.Size || need > 2*m.Size {
		t.Errorf("the next snapshot needs %d, the last took %d", need, m.Size)
	}
	free += need
	n.checkRoom()
	if n.Err() != nil {
		t.Fatalf("it stops though there is room: %v", n.Err())
	}
	free--
	n.checkRoom()
	if !errors.Is(n.Err(), ErrDisk) {
		t.Errorf("there is no room for the next snapshot, and it goes on: %v", n.Err())
	}
}

// A state that cannot be written is tried again, later and later, and not for ever later.
func TestCompactionIsTriedAgain(t *testing.T) {
	r, err := openRig(t, filepath.Join(t.TempDir(), "c1"), journal.OS{})
	must(t, err)
	defer r.close()
	if !r.send(1, 1, 20, 99) {
		t.Fatal("the node takes no entries")
	}
	r.applies(20, 99)
	n := r.node
	n.config.Storage.SnapshotBytes = 1
	c := compaction{node: n, ended: make(chan error, 1)}
	now := time.Now()
	pause := time.Duration(0)
	for tries := range 40 {
		if !c.due(now, 20) {
			t.Fatalf("try %d: it is not time", tries)
		}
		c.running, c.applied = true, 20
		if c.due(now, 30) {
			t.Fatal("two run at once")
		}
		c.ended <- ErrUnreadable
		c.conclude(now)
		if s := n.Status().Uncompacted; !strings.Contains(s, ErrUnreadable.Error()) {
			t.Fatalf("the status says %q", s)
		}
		next := c.next.Sub(now)
		if next < pause || next > longestPause || c.due(now.Add(next-1), 20) {
			t.Fatalf("try %d: again in %v, after %v", tries, next, pause)
		}
		now, pause = now.Add(next), next
	}
	if pause != longestPause {
		t.Errorf("the last pause is %v", pause)
	}
	c.look(now, 20)
	if err := <-c.ended; err != nil {
		t.Fatal(err)
	}
	c.ended <- nil
	c.look(now, 20)
	if s := n.Status().Uncompacted; s != "" || c.running || c.due(now, 20) {
		t.Errorf("after one that went well the status says %q", s)
	}
	if !r.send(1, 21, 21, 99) || !c.due(now, 21) {
		t.Error("it is not done again")
	}
	n.config.Storage.SnapshotBytes = 1 << 20
	if c.due(now, 21) {
		t.Error("it is done for one entry")
	}
	n.config.Storage.SnapshotEvery = 1
	if c.due(now.Add(entriesPause-1), 21) {
		t.Error("it is done for many entries at once again")
	}
	if !c.due(now.Add(entriesPause), 21) {
		t.Error("it is not done for many entries")
	}
}
