package journal

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// Missing reports what the log lacks beside the newest snapshot that can be read
// (0 if there is none): entries that were acknowledged, or the snapshot itself.
func (j *Journal) Missing(snapshot uint64) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	last := max(j.last(), snapshot)
	if snapshot < j.high.base {
		return fmt.Errorf("%w: the newest snapshot has index %d, and entries up to %d rest in one", ErrLost, snapshot, j.high.base)
	}
	if last < j.high.last {
		return fmt.Errorf("%w: the log in %s ends with entry %d, and entry %d was acknowledged from here", ErrLost, j.dir, last, j.high.last)
	}
	if j.first > snapshot+1 {
		return fmt.Errorf("%w: entries from %d to %d", ErrLost, snapshot+1, j.first-1)
	}
	return nil
}

// Recover brings the log in line with the newest snapshot, of which index and term
// are those of its last entry (0 if there is none). A crash may have come between a
// snapshot that another node sent and the removal of the log before it: then the log
// ends before the snapshot, or has another entry in its place, and none of it was ever
// committed behind the snapshot. It returns what Missing does.
func (j *Journal) Recover(index, term uint64) error {
	if err := j.Missing(index); err != nil || index == 0 {
		return err
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	last := j.last()
	of := last != 0 && last < index
	if last != 0 && j.first <= index && index <= last {
		var l raft.Log
		if err := j.GetLog(index, &l); err != nil {
			return err
		}
		of = l.Term != term
	}
	high := highWater{last: j.high.last, base: max(j.high.base, index)}
	if of {
		high.last = min(high.last, j.first-1)
	}
	if high == j.high && !of {
		return nil
	}
	err := j.setHighWater(high, true)
	if err == nil && of {
		err = j.dropAll()
	}
	if err != nil {
		return j.fail.set(fmt.Errorf("bring the log in line with snapshot %d: %w", index, err))
	}
	return nil
}

// bridge makes the segments that were loaded and the one that begins at an index
// follow each other. After a crash of the machine, of segments that were being removed
// any may be left: those before a gap go if what is missing rests in a snapshot, and the
// next one, with all behind it, if nothing there was acknowledged.
func (j *Journal) bridge(first uint64) (keep bool, err error) {
	n := len(j.segments)
	if n == 0 || j.segments[n-1].next() == first {
		return true, nil
	}
	next := j.segments[n-1].next()
	switch {
	case first > next && first-1 <= j.high.base:
		for len(j.segments) > 0 {
			if err := j.remove(len(j.segments) - 1); err != nil {
				return false, err
			}
		}
		return true, j.disk.SyncDir(j.dir)
	case first > next && next > j.high.last:
		return false, nil
	}
	return false, fmt.Errorf("%w: no entries from %d to %d before %s", ErrLost, next, first-1, segmentPath(j.dir, first))
}
