package raftnode

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode/journal"
	"g2c/coordinator/state"
	"g2c/internal/fault"
)

// Restore makes a data folder that begins with a backup: a new cluster of one node,
// which others can join with empty folders. The cluster that was backed up is none
// of its business, and must not run any more.
func Restore(dir, name, address string, backup io.Reader) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fault.New(fault.ErrSpec, "restore: %s is not empty", dir).WithHint("name a new folder")
	}
	s, err := state.Decode(backup)
	if err != nil {
		return fault.New(fault.ErrData, "restore: %w", err).WithHint("take another backup")
	}
	d, err := openDataDir(dir, name, address)
	if err != nil {
		return err
	}
	err = restoreInto(d, journal.Options{}, s.Encode)
	return errors.Join(err, d.close())
}

func restoreInto(d *dataDir, o journal.Options, encode func(io.Writer) error) error {
	self := d.id.member()
	place := self.address(d.id.Address)
	logs := filepath.Join(d.path, "log")
	j, err := journal.Open(logs, o)
	if err != nil {
		return err
	}
	store, err := openSnapshots(d.path, &snapshots{
		disk: o.On(), journal: j, log: slog.New(slog.DiscardHandler), room: func() error { return nil }, broken: func(error) {},
	})
	if err != nil {
		return errors.Join(err, j.Close())
	}
	c := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(self.String()), Address: place, Suffrage: raft.Voter}}}
	if err := errors.Join(store.take(c, encode), j.Close()); err != nil {
		return err
	}
	votes, err := journal.OpenVotes(logs, o)
	if err != nil {
		return err
	}
	if err := errors.Join(votes.SetUint64([]byte("CurrentTerm"), 1), votes.Close()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	// Last: a folder without a cluster is a restore that did not end.
	founders := []string{string(place)}
	if err := d.enter(clusterOf(founders), founders); err != nil {
		return err
	}
	return d.started()
}

// take writes the snapshot that a log begins with.
func (s *snapshots) take(c raft.Configuration, encode func(io.Writer) error) error {
	sink, err := s.Create(raft.SnapshotVersionMax, 1, 1, c, 1, nil)
	if err != nil {
		return err
	}
	if err := encode(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}
