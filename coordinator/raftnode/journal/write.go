package journal

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// StoreLog implements raft.LogStore.
func (j *Journal) StoreLog(l *raft.Log) error { return j.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore: when it returns, the entries are on disk.
func (j *Journal) StoreLogs(logs []*raft.Log) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := j.fail.check(); err != nil {
		return err
	}
	if len(logs) == 0 {
		return nil
	}
	if err := j.store(logs); err != nil {
		return j.fail.set(fmt.Errorf("write entries %d to %d: %w", logs[0].Index, logs[len(logs)-1].Index, err))
	}
	return nil
}

func (j *Journal) store(logs []*raft.Log) error {
	last, first := j.last(), logs[0].Index
	if last != 0 && first != last+1 {
		return fmt.Errorf("entry %d does not follow %d", first, last)
	}
	if last == 0 {
		if err := j.begin(first); err != nil {
			return err
		}
	}
	s := j.segments[len(j.segments)-1]
	if s.end() >= j.limit {
		next, err := create(j.disk, j.dir, first)
		if err != nil {
			return err
		}
		j.mu.Lock()
		j.segments = append(j.segments, next)
		j.mu.Unlock()
		s = next
	}
	j.buf = j.buf[:0]
	at := s.end()
	ends := make([]int64, 0, len(logs))
	for i, l := range logs {
		if l.Index != first+uint64(i) {
			return fmt.Errorf("entry %d does not follow %d", l.Index, first+uint64(i)-1)
		}
		j.buf = appendRecord(j.buf, l)
		ends = append(ends, at+int64(len(j.buf)))
	}
	if _, err := s.file.WriteAt(j.buf, at); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	if cap(j.buf) > 8<<20 {
		j.buf = nil // one large write is not to hold memory for ever
	}
	j.mu.Lock()
	s.ends = append(s.ends, ends...)
	j.mu.Unlock()
	return j.setHighWater(highWater{last: first + uint64(len(logs)) - 1, base: j.high.base}, false)
}

// begin makes the first segment of an empty log. What is before rests in a
// snapshot.
func (j *Journal) begin(first uint64) error {
	if j.high.base != 0 && first != j.high.base+1 {
		return fmt.Errorf("entry %d does not follow snapshot %d", first, j.high.base)
	}
	if err := j.dropAll(); err != nil {
		return err
	}
	if err := j.setHighWater(highWater{last: first - 1, base: max(j.high.base, first-1)}, true); err != nil {
		return err
	}
	s, err := create(j.disk, j.dir, first)
	if err != nil {
		return err
	}
	j.mu.Lock()
	j.segments, j.first = append(j.segments, s), first
	j.mu.Unlock()
	return nil
}

// DeleteRange implements raft.LogStore: entries go at one of the two ends.
func (j *Journal) DeleteRange(from, to uint64) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := j.fail.check(); err != nil {
		return err
	}
	last := j.last()
	if last == 0 || to < j.first || from > last || from > to {
		return nil
	}
	var err error
	switch {
	case from <= j.first && to >= last:
		if err = j.setHighWater(highWater{last: min(j.high.last, j.first-1), base: j.high.base}, true); err == nil {
			err = j.dropAll()
		}
	case from <= j.first:
		err = j.dropFront(to + 1)
	case to >= last:
		err = j.dropBack(from)
	default:
		return fmt.Errorf("entries %d to %d are in the middle of %d to %d", from, to, j.first, last)
	}
	if err != nil {
		return j.fail.set(fmt.Errorf("drop entries %d to %d: %w", from, to, err))
	}
	return nil
}

// dropFront forgets entries that rest in a snapshot. Whole segments are removed,
// oldest first, so a crash leaves no gap.
func (j *Journal) dropFront(first uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.first = first
	for len(j.segments) > 1 && j.segments[1].first <= first {
		if err := j.remove(0); err != nil {
			return err
		}
	}
	return j.disk.SyncDir(j.dir)
}

// dropBack takes back entries that were never committed. The high-water mark goes first: the
// log may end here from now on.
func (j *Journal) dropBack(from uint64) error {
	if err := j.setHighWater(highWater{last: min(j.high.last, from-1), base: j.high.base}, true); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for n := len(j.segments); n > 0 && j.segments[n-1].first >= from; n = len(j.segments) {
		if err := j.remove(n - 1); err != nil {
			return err
		}
	}
	if err := j.disk.SyncDir(j.dir); err != nil {
		return err
	}
	return j.segments[len(j.segments)-1].cut(from)
}

// dropAll removes the newest segment first: what a crash leaves has no gap, and is
// not above the high-water mark.
func (j *Journal) dropAll() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for n := len(j.segments); n > 0; n-- {
		if err := j.remove(n - 1); err != nil {
			return err
		}
	}
	j.first = 0
	return j.disk.SyncDir(j.dir)
}

// remove is called with mu held.
func (j *Journal) remove(i int) error {
	s := j.segments[i]
	j.segments = append(j.segments[:i:i], j.segments[i+1:]...)
	if err := s.file.Close(); err != nil {
		return err
	}
	return j.disk.Remove(s.path)
}
