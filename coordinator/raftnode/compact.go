package raftnode

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// compaction decides when the state is written and the log before it cut. Raft would
// decide by entries alone, and an entry is between a hundred bytes and 64 MiB.
type compaction struct {
	node     *Node
	began    time.Time // the last one
	applied  uint64    // entry of raft's log that was applied then
	base     uint64    // entry of the newest snapshot then
	running  bool
	ended    chan error
	failures int // in a row
	next     time.Time
}

// longestPause is between two tries to write a state that cannot be written. Each
// costs as much as one that succeeds.
const longestPause = 10 * time.Minute

// entriesPause is between two for many entries alone: each writes the whole state and
// reads it back.
const entriesPause = 30 * time.Second

// look begins a compaction if it is time for one. A state that hangs lets it wait: the
// caller does not.
func (c *compaction) look(now time.Time, applied uint64) {
	c.conclude(now)
	if !c.due(now, applied) {
		return
	}
	c.began, c.applied, c.running = now, applied, true
	c.base, _ = c.node.journal.Ends()
	c.node.work.Go(func() { c.ended <- c.node.await(c.node.raft.Snapshot()) })
}

// due is whether what was applied since the last snapshot is much, in entries or bytes.
func (c *compaction) due(now time.Time, applied uint64) bool {
	if base, _ := c.node.journal.Ends(); c.running || applied <= max(base, c.applied) || now.Before(c.next) {
		return false
	}
	entries, size := c.node.journal.Behind()
	s := c.node.config.Storage
	return size > s.SnapshotBytes || entries >= s.SnapshotEvery && now.Sub(c.began) >= entriesPause
}

// conclude says what became of the last one. One that failed leaves the log as it is, and
// is tried again, later and later.
func (c *compaction) conclude(now time.Time) {
	if !c.running {
		return
	}
	var err error
	select {
	case err = <-c.ended:
	default:
		return
	}
	c.running = false
	base, _ := c.node.journal.Ends()
	switch {
	case err == nil, errors.Is(err, raft.ErrNothingNewToSnapshot), base > c.base: // another node sent one meanwhile
		c.failures, c.next = 0, time.Time{}
		err = nil
	case errors.Is(err, raft.ErrRaftShutdown):
		return
	default:
		pause := min(c.node.config.Timing.Watch<<min(c.failures, 20), longestPause)
		c.failures, c.next, c.applied = c.failures+1, now.Add(pause), 0
		c.node.config.Log.Error("the log was not compacted, and goes on growing", "bytes", c.node.journal.Bytes(), "tries", c.failures, "again in", pause, "err", err)
	}
	c.node.mu.Lock()
	defer c.node.mu.Unlock()
	c.node.uncompacted = err
}

// room is why the disk has no room for more of a snapshot.
func (n *Node) room() error {
	free, err := n.config.Storage.Free(n.dir.path)
	if err == nil && free < n.config.Storage.MinFree {
		err = fmt.Errorf("%w: %d MiB are free on %s, and %d have to stay", ErrDisk, free>>20, n.dir.path, n.config.Storage.MinFree>>20)
	}
	return err
}

// checkRoom stops the node while there is room to stop in order, to start again and to
// write the next snapshot: without that the log would grow until nothing is left.
func (n *Node) checkRoom() {
	free, err := n.config.Storage.Free(n.dir.path)
	if err != nil {
		n.fail(fmt.Errorf("%w: ask how much is free on %s: %w", ErrDisk, n.dir.path, err))
		return
	}
	if need := n.snapshots.needs(); free < n.config.Storage.MinFree+need {
		n.fail(fmt.Errorf("%w: %d MiB are free on %s, and %d are needed to stop in order, and %d for the next snapshot: make room and start again",
			ErrDisk, free>>20, n.dir.path, n.config.Storage.MinFree>>20, need>>20))
	}
}
