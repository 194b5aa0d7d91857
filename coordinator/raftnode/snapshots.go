package raftnode

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode/journal"
)

// snapshots are the compacted states on disk, in the files of raft's own store:
//
//	snapshots/<term>-<index>-<milliseconds>/meta.json   what raft knows of it, and state.bin's CRC-64
//	snapshots/<term>-<index>-<milliseconds>/state.bin   as state.Encode writes it
//	snapshots/….tmp                                     one that is not whole
//
// A folder gets its name once its state has been read back: the log before it is not
// needed any more. Only the newest counts: an older one with entries missing behind it
// would be a state that never was.
type snapshots struct {
	dir     string
	disk    journal.Disk
	journal *journal.Journal
	log     *slog.Logger
	broken  func(error)  // the disk failed
	room    func() error // why there is no room for more

	settling sync.Mutex // one becomes the newest at a time

	writing atomic.Int64 // bytes of those that are not whole
	size    atomic.Int64 // bytes of the newest; 0 if there is none
}

// snapshotMeta is meta.json.
type snapshotMeta struct {
	raft.SnapshotMeta
	CRC []byte
}

const (
	unfinished = ".tmp"
	metaFile   = "meta.json"
	stateFile  = "state.bin"
)

var (
	// ErrUnreadable is a snapshot that cannot be read back. The log before it stays.
	ErrUnreadable = errors.New("a snapshot was written and cannot be read back")
	// errOvertaken is a snapshot that holds nothing that this node does not have, and
	// lacks some of it.
	errOvertaken = errors.New("this node is past that snapshot")
)

// openSnapshots opens the snapshots of a data folder and removes what never became
// whole.
func openSnapshots(dir string, s *snapshots) (*snapshots, error) {
	s.dir = filepath.Join(dir, "snapshots")
	if err := s.disk.MakeDir(s.dir); err != nil {
		return nil, err
	}
	rests, err := filepath.Glob(filepath.Join(s.dir, "*"+unfinished))
	for _, path := range rests {
		err = errors.Join(err, s.disk.Remove(path))
	}
	return s, err
}

// align brings the log in line with the newest snapshot.
func (s *snapshots) align() error {
	m, err := s.newest()
	if err != nil {
		return err
	}
	if m == nil {
		return s.journal.Recover(0, 0)
	}
	s.size.Store(m.Size)
	return s.journal.Recover(m.Index, m.Term)
}

// newest is the snapshot that counts; nil if there is none.
func (s *snapshots) newest() (*snapshotMeta, error) {
	all, err := s.all()
	if len(all) == 0 {
		return nil, err
	}
	return all[0], err
}

// all are the snapshots whose meta.json can be read, newest first. That the newest is
// among them is for the journal to know.
func (s *snapshots) all() ([]*snapshotMeta, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var all []*snapshotMeta
	for _, e := range entries {
		if !e.IsDir() || strings.HasSuffix(e.Name(), unfinished) {
			continue
		}
		m, err := s.meta(e.Name())
		if err != nil {
			s.log.Warn("a snapshot that cannot be read", "snapshot", filepath.Join(s.dir, e.Name()), "err", err)
			continue
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *snapshotMeta) int {
		return cmp.Or(cmp.Compare(b.Term, a.Term), cmp.Compare(b.Index, a.Index), cmp.Compare(b.ID, a.ID))
	})
	return all, nil
}

func (s *snapshots) meta(id string) (*snapshotMeta, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, id, metaFile))
	if err != nil {
		return nil, err
	}
	return parseMeta(b, id)
}

func parseMeta(b []byte, id string) (*snapshotMeta, error) {
	m := &snapshotMeta{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w: %w", journal.ErrCorrupt, err)
	}
	if m.Version != raft.SnapshotVersionMax || m.ID != id || m.Index == 0 {
		return nil, fmt.Errorf("%w: version %d of snapshot %q, index %d", journal.ErrCorrupt, m.Version, m.ID, m.Index)
	}
	return m, nil
}

// List implements raft.SnapshotStore.
func (s *snapshots) List() ([]*raft.SnapshotMeta, error) {
	m, err := s.newest()
	if m == nil {
		return nil, err
	}
	return []*raft.SnapshotMeta{&m.SnapshotMeta}, err
}

// Open implements raft.SnapshotStore: it reads the state once to check it, and hands
// it out from the beginning.
func (s *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	m, err := s.meta(id)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(filepath.Join(s.dir, id, stateFile))
	if err != nil {
		return nil, nil, err
	}
	sum := crc64.New(crcTable)
	n, err := io.Copy(sum, f)
	if err == nil && (n != m.Size || !bytes.Equal(sum.Sum(nil), m.CRC)) {
		err = fmt.Errorf("%w: checksum of %s", journal.ErrCorrupt, f.Name())
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return &m.SnapshotMeta, f, nil
}

// Create implements raft.SnapshotStore. A snapshot that another node sent, and that
// arrives when this one has gone on from it, would take back what was acknowledged.
func (s *snapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if v != raft.SnapshotVersionMax {
		return nil, fmt.Errorf("a snapshot of version %d, this release writes %d", v, raft.SnapshotVersionMax)
	}
	if err := s.overtaken(index); err != nil {
		return nil, err
	}
	made := time.Now().UnixMilli()
	id := func() string { return fmt.Sprintf("%d-%d-%d", term, index, made) }
	for there := error(nil); there == nil; made++ {
		_, there = os.Stat(filepath.Join(s.dir, id()))
		if there != nil {
			break
		}
	}
	k := &snapshotSink{of: s, path: filepath.Join(s.dir, id()+unfinished), sum: crc64.New(crcTable)}
	k.meta.SnapshotMeta = raft.SnapshotMeta{Version: v, ID: id(), Index: index, Term: term, Configuration: c, ConfigurationIndex: at}
	err := s.disk.MakeDir(k.path)
	if err == nil {
		k.file, err = s.disk.OpenFile(filepath.Join(k.path, stateFile), os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	}
	if err != nil {
		s.broken(err)
		return nil, err
	}
	return k, nil
}

func (s *snapshots) overtaken(index uint64) error {
	base, last := s.journal.Ends()
	if index < base || index == base && last > base {
		return fmt.Errorf("%w: it has index %d, and this node one of index %d and entries up to %d", errOvertaken, index, base, max(base, last))
	}
	return nil
}

// reap removes all but the newest. One that stays is in nobody's way.
func (s *snapshots) reap(newest string) {
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		if name := e.Name(); name != newest && !strings.HasSuffix(name, unfinished) {
			err = errors.Join(err, s.disk.Remove(filepath.Join(s.dir, name)))
		}
	}
	if err != nil {
		s.log.Warn("an old snapshot was not removed", "err", err)
	}
}

// needs is about how much disk the next snapshot takes: a little more than the newest,
// or, before there is one, no more than the log it comes from; less what is written
// of it already.
func (s *snapshots) needs() int64 {
	need := s.size.Load()
	if need += need / 4; need == 0 {
		need = s.journal.Bytes()
	}
	return max(0, need-s.writing.Load())
}

var crcTable = crc64.MakeTable(crc64.ECMA)
