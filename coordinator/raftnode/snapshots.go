package raftnode

import (
	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode/journal"
)

// snapshots are the compacted states. Only the newest counts: an older one with
// entries missing behind it would be a state that never was.
type snapshots struct {
	raft.SnapshotStore
	journal *journal.Journal
	fail    func(error)
}

// List implements raft.SnapshotStore.
func (s *snapshots) List() ([]*raft.SnapshotMeta, error) {
	all, err := s.SnapshotStore.List()
	return all[:min(1, len(all))], err
}

// Create implements raft.SnapshotStore.
func (s *snapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(v, index, term, c, at, t)
	if err != nil {
		s.fail(err)
		return nil, err
	}
	return &resting{sink, index, s, false}, nil
}

// resting tells the journal once a snapshot is on disk.
type resting struct {
	raft.SnapshotSink
	index uint64
	of    *snapshots
	ended bool
}

// Write implements raft.SnapshotSink.
func (r *resting) Write(b []byte) (int, error) {
	n, err := r.SnapshotSink.Write(b)
	if err != nil {
		r.of.fail(err)
	}
	return n, err
}

// Close implements raft.SnapshotSink.
func (r *resting) Close() error {
	if r.ended {
		return nil
	}
	r.ended = true
	if err := r.SnapshotSink.Close(); err != nil {
		r.of.fail(err)
		return err
	}
	return r.of.journal.Rest(r.index)
}

// Cancel implements raft.SnapshotSink.
func (r *resting) Cancel() error {
	r.ended = true
	return r.SnapshotSink.Cancel()
}
