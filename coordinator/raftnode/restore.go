package raftnode

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode/journal"
	"g2c/internal/fault"
)

// Restore makes a data folder that begins with a backup: a new cluster of one node,
// which others can join with empty folders. The cluster that was backed up is none
// of its business, and must not run any more.
func Restore(dir, name, address string, backup io.Reader) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fault.New(fault.ErrSpec, "restore: %s is not empty", dir).WithHint("name a new folder")
	}
	s, err := readState(backup)
	if err != nil {
		return fault.New(fault.ErrData, "restore: %w", err).WithHint("take another backup")
	}
	d, err := openDataDir(dir, name, address)
	if err != nil {
		return err
	}
	err = restoreInto(d, s.Encode)
	return errors.Join(err, d.close())
}

func restoreInto(d *dataDir, encode func(io.Writer) error) error {
	self := d.id.member()
	place := self.address(d.id.Address)
	logs := filepath.Join(d.path, "log")
	j, err := journal.Open(logs, journal.Options{})
	if err != nil {
		return err
	}
	defer j.Close()
	files, err := raft.NewFileSnapshotStoreWithLogger(d.path, 2, hclog.NewNullLogger())
	if err != nil {
		return err
	}
	_, transport := raft.NewInmemTransport(place)
	store := &snapshots{files, j, func(error) {}}
	c := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(self.String()), Address: place, Suffrage: raft.Voter}}}
	sink, err := store.Create(raft.SnapshotVersionMax, 1, 1, c, 1, transport)
	if err != nil {
		return err
	}
	if err := encode(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return err
	}
	votes, err := journal.OpenVotes(logs, journal.Options{})
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
