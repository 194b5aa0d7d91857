package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const defaultSegmentBytes = 64 << 20

// Journal is a replica's log. It implements raft.LogStore.
type Journal struct {
	dir   string
	disk  Disk
	limit int64
	fail  *failure

	writing sync.Mutex // one writer at a time; taken before mu
	slots   *slots
	high    highWater
	forced  time.Time // when it was last forced
	buf     []byte

	mu       sync.RWMutex // guards what readers see
	first    uint64       // logical: a segment may hold more before it
	segments []*segment   // by first index; no gaps
}

// Open opens the journal in a folder and checks every entry. What a crash left of
// a last write is dropped; any other damage is an error that names the place.
func Open(dir string, o Options) (*Journal, error) {
	j := &Journal{dir: dir, disk: o.On(), limit: o.SegmentBytes, fail: &failure{tell: o.Failed}}
	if j.limit == 0 {
		j.limit = defaultSegmentBytes
	}
	if err := j.disk.MakeDir(dir); err != nil {
		return nil, err
	}
	if err := j.load(); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

func (j *Journal) load() error {
	s, value, err := openSlots(j.disk, filepath.Join(j.dir, "mark"))
	if err != nil {
		return err
	}
	j.slots = s
	if value != nil {
		if j.high, err = parseHighWater(value); err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
	}
	firsts, err := listSegments(j.dir)
	if err != nil {
		return err
	}
	if len(firsts) > 0 && value == nil {
		return fmt.Errorf("%w: %s is gone, and the log beside it is not", ErrLost, s.path)
	}
	for i, first := range firsts {
		if err := j.loadSegment(first, i == len(firsts)-1); err != nil {
			return err
		}
	}
	if len(j.segments) > 0 {
		j.first = j.segments[0].first
	}
	return nil
}

// loadSegment checks a segment. Only the last can have been being written when
// the process ended, and only behind the high-water mark.
func (j *Journal) loadSegment(first uint64, last bool) error {
	f, err := j.disk.OpenFile(segmentPath(j.dir, first), os.O_RDWR)
	if err != nil {
		return err
	}
	s := &segment{file: f, path: segmentPath(j.dir, first), first: first}
	if n := len(j.segments); n > 0 && j.segments[n-1].next() != first {
		return errors.Join(fmt.Errorf("%w: no entries from %d to %d before %s", ErrLost, j.segments[n-1].next(), first-1, s.path), f.Close())
	}
	j.segments = append(j.segments, s)
	err = s.scan()
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, errTorn) || !last:
		return err
	case s.next() <= j.high.last:
		return fmt.Errorf("%w; it was written and acknowledged", err)
	case len(s.ends) == 0: // the segment itself was being made, or has nothing yet
		j.segments = j.segments[:len(j.segments)-1]
		return errors.Join(f.Close(), j.disk.Remove(s.path), j.disk.SyncDir(j.dir))
	}
	return s.cut(s.next())
}

// listSegments returns the first indexes, rising.
func listSegments(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var firsts []uint64
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "log-")
		if !ok {
			continue
		}
		first, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || first == 0 || segmentPath(dir, first) != filepath.Join(dir, e.Name()) {
			return nil, fmt.Errorf("%w: %s is not named like a segment", ErrCorrupt, filepath.Join(dir, e.Name()))
		}
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	return firsts, nil
}

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

// Rest says that a snapshot holds all entries up to an index: without it the log
// is of no use any more.
func (j *Journal) Rest(snapshot uint64) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := j.fail.check(); err != nil {
		return err
	}
	if snapshot <= j.high.base {
		return nil
	}
	if err := j.setHighWater(highWater{last: j.high.last, base: snapshot}, true); err != nil {
		return j.fail.set(err)
	}
	return nil
}

// last is the last index; 0 if there is none.
func (j *Journal) last() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if len(j.segments) == 0 || j.segments[len(j.segments)-1].next() == j.first {
		return 0
	}
	return j.segments[len(j.segments)-1].next() - 1
}

// Bytes is how much disk the log takes.
func (j *Journal) Bytes() (n int64) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, s := range j.segments {
		n += s.end()
	}
	return n
}

// IsMonotonic implements raft.MonotonicLogStore: there are no gaps.
func (j *Journal) IsMonotonic() bool { return true }

// FirstIndex implements raft.LogStore.
func (j *Journal) FirstIndex() (uint64, error) {
	if j.last() == 0 {
		return 0, j.fail.check()
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.first, j.fail.check()
}

// LastIndex implements raft.LogStore.
func (j *Journal) LastIndex() (uint64, error) { return j.last(), j.fail.check() }

// GetLog implements raft.LogStore.
func (j *Journal) GetLog(index uint64, l *raft.Log) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for i := len(j.segments) - 1; i >= 0 && index >= j.first; i-- {
		if s := j.segments[i]; index >= s.first {
			if index >= s.next() {
				break
			}
			err := s.read(index, l)
			if err != nil {
				j.fail.set(err)
			}
			return err
		}
	}
	return raft.ErrLogNotFound
}

// Close closes the files. What was acknowledged is on disk already.
func (j *Journal) Close() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.fail.close()
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	if j.slots != nil {
		errs = append(errs, j.slots.file.Sync(), j.slots.file.Close())
	}
	for _, s := range j.segments {
		errs = append(errs, s.file.Close())
	}
	j.segments, j.slots = nil, nil
	return errors.Join(errs...)
}
