package raftnode_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"g2c/coordinator/raftnode"
	"g2c/coordinator/raftnode/journal"
	"g2c/coordinator/replica"
)

// spoiling is a disk that keeps other bytes of a state than it is given.
type spoiling struct {
	journal.OS
	spoils *atomic.Bool
}

type spoilt struct{ journal.File }

func (s spoiling) OpenFile(path string, flag int) (journal.File, error) {
	f, err := s.OS.OpenFile(path, flag)
	if err == nil && s.spoils.Load() && filepath.Base(path) == "state.bin" {
		f = spoilt{f}
	}
	return f, err
}

func (s spoilt) WriteAt(b []byte, at int64) (int, error) {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return s.File.WriteAt(b, at)
}

// A state that is written and cannot be read back: once the log before it was dropped all
// the same, and the node could not start again. The log stays, the node goes on, says so,
// and compacts when it can.
func TestASnapshotThatCannotBeReadBackIsNotReliedOn(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var spoils atomic.Bool
	spoils.Store(true)
	c.tune = func(k *raftnode.Config) {
		k.Storage.SnapshotBytes, k.Storage.Trailing = 1, 4
		k.Storage.Journal.Disk = spoiling{spoils: &spoils}
	}
	_, err := c.start("c1", func(k *raftnode.Config) { k.Single = true })
	must(t, err)
	for i := range 30 {
		c.write(i)
	}
	until(t, "it says that the log is not compacted", func() bool {
		return strings.Contains(c.leader().Status().Uncompacted, raftnode.ErrUnreadable.Error())
	})
	c.write(30)
	c.has(31)
	c.stop("c1")
	c.restart("c1")
	c.has(31)
	files, err := filepath.Glob(filepath.Join(c.data("c1"), "snapshots", "*"))
	must(t, err)
	if len(files) > 0 {
		t.Errorf("there is %v", files)
	}
	// A node that joins gets all there is.
	spoils.Store(false)
	_, err = c.start("c2", func(k *raftnode.Config) { k.Join = []string{c.place["c1"]} })
	must(t, err)
	until(t, "c2 votes", func() bool { return roleOf(c.leader().Status(), "c2") == replica.Voter })
	c.write(31)
	until(t, "the log is compacted", func() bool { return len(snapshotsOf(t, c, "c1")) > 0 && c.nodes["c1"].Status().Uncompacted == "" })
	c.has(32)
	c.same()
	c.stop("c2")
	c.stop("c1")
	c.restart("c1")
	c.restart("c2")
	c.has(32)
}

func snapshotsOf(t *testing.T, c *cluster, name string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.data(name), "snapshots", "*", "meta.json"))
	must(t, err)
	return files
}
