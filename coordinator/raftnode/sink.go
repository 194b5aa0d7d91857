package raftnode

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode/journal"
	"g2c/coordinator/state"
)

// snapshotSink is a snapshot that is being written.
type snapshotSink struct {
	of    *snapshots
	meta  snapshotMeta
	path  string // of its folder
	file  journal.File
	sum   hash.Hash64
	asked int64     // size when room was last asked for
	want  *[32]byte // the state's hash; nil if another node sent it
	ended bool
}

var _ raft.SnapshotSink = (*snapshotSink)(nil)

// roomEvery is after how many bytes a snapshot asks whether there is room for more.
const roomEvery = 4 << 20

// ID implements raft.SnapshotSink.
func (k *snapshotSink) ID() string { return k.meta.ID }

// Write implements raft.SnapshotSink. Its callers write large pieces.
func (k *snapshotSink) Write(b []byte) (int, error) {
	if k.meta.Size-k.asked >= roomEvery {
		k.asked = k.meta.Size
		if err := k.of.room(); err != nil {
			return 0, err
		}
	}
	n, err := k.file.WriteAt(b, k.meta.Size)
	k.sum.Write(b[:n])
	k.meta.Size += int64(n)
	k.of.writing.Add(int64(n))
	if err != nil {
		k.of.broken(err)
	}
	return n, err
}

// Cancel implements raft.SnapshotSink.
func (k *snapshotSink) Cancel() error {
	if k.ended {
		return nil
	}
	k.end()
	return errors.Join(k.file.Close(), k.of.disk.Remove(k.path))
}

func (k *snapshotSink) end() {
	k.ended = true
	k.of.writing.Add(-k.meta.Size)
}

// Close implements raft.SnapshotSink. A crash anywhere in it leaves the old snapshot
// with the log, or the new one: the folder has its name before the journal relies on
// it, and the journal does before the log behind it goes.
func (k *snapshotSink) Close() error {
	if k.ended {
		return nil
	}
	defer k.end()
	k.ended = true
	if err := errors.Join(k.file.Sync(), k.file.Close()); err != nil {
		k.of.broken(err)
		return err
	}
	err := k.readBack()
	if err != nil {
		k.of.log.Error("a snapshot cannot be read back: the log before it stays", "snapshot", k.meta.ID, "bytes", k.meta.Size, "err", err)
	} else {
		err = k.settle()
	}
	if err != nil {
		err = errors.Join(err, k.of.disk.Remove(k.path))
	}
	return err
}

// settle makes it the newest. Another node's may have become that while this one was
// written, and stays.
func (k *snapshotSink) settle() error {
	k.of.settling.Lock()
	defer k.of.settling.Unlock()
	if err := k.of.overtaken(k.meta.Index); err != nil {
		return err
	}
	if err := k.name(); err != nil {
		k.of.broken(err)
		return err
	}
	if err := k.of.journal.Rest(k.meta.Index); err != nil {
		return err
	}
	k.of.size.Store(k.meta.Size)
	k.of.reap(k.meta.ID)
	return nil
}

// readBack makes a state of what was written, as a node does that starts with it.
func (k *snapshotSink) readBack() error {
	s, err := readSnapshot(filepath.Join(k.path, stateFile))
	if err == nil && k.want != nil && s.Hash() != *k.want {
		err = fmt.Errorf("%w: it makes another state than it was taken of", state.ErrCorrupt)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return nil
}

func readSnapshot(path string) (*state.State, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := state.Decode(f)
	return s, errors.Join(err, f.Close())
}

// name writes meta.json and gives the folder the name under which it counts.
func (k *snapshotSink) name() error {
	k.meta.CRC = k.sum.Sum(nil)
	b, err := json.Marshal(&k.meta)
	if err != nil {
		return err
	}
	f, err := k.of.disk.OpenFile(filepath.Join(k.path, metaFile), os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(append(b, '\n'), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = k.of.disk.SyncDir(k.path)
	}
	if err == nil {
		err = k.of.disk.Rename(k.path, filepath.Join(k.of.dir, k.meta.ID))
	}
	if err == nil {
		err = k.of.disk.SyncDir(k.of.dir)
	}
	return err
}

var _ io.WriteCloser = (*snapshotSink)(nil)
