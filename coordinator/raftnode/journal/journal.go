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

	trailing int64

	writing sync.Mutex // one writer at a time; taken before mu
	slots   *slots
	high    highWater // changed with mu held as well
	forced  time.Time // when it was last forced
	buf     []byte

	mu       sync.RWMutex // guards what readers see
	first    uint64       // logical: a segment may hold more before it
	segments []*segment   // by first index; no gaps
}

// Open opens the journal in a folder and checks every entry. What a crash left of
// a last write is dropped; any other damage is an error that names the place.
func Open(dir string, o Options) (*Journal, error) {
	j := &Journal{dir: dir, disk: o.On(), limit: o.SegmentBytes, trailing: o.TrailingBytes, fail: &failure{tell: o.Failed}}
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
		keep, err := j.bridge(first)
		if err == nil && keep {
			err = j.loadSegment(first, i == len(firsts)-1)
		} else if err == nil {
			err = j.disk.Remove(segmentPath(j.dir, first))
		}
		if err != nil {
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
	err := j.setHighWater(highWater{last: j.high.last, base: snapshot}, true)
	if err == nil {
		err = j.trim()
	}
	if err != nil {
		return j.fail.set(fmt.Errorf("rest in snapshot %d: %w", snapshot, err))
	}
	return nil
}

// trim forgets entries that rest in a snapshot until no more bytes of such are left
// than are kept for replicas that are a little behind. The newest of them stays, so
// that those that have all of them go on from it.
func (j *Journal) trim() error {
	if j.trailing == 0 || j.last() == 0 {
		return nil
	}
	first := min(j.high.base, j.last())
	for kept := j.size(first); first > j.first; first-- {
		if kept += j.size(first - 1); kept > j.trailing {
			break
		}
	}
	if first <= j.first {
		return nil
	}
	return j.dropFront(first)
}

// size is how much disk an entry takes. It is called by the writer.
func (j *Journal) size(index uint64) int64 {
	for i := len(j.segments) - 1; i >= 0; i-- {
		if s := j.segments[i]; index >= s.first && index < s.next() {
			return s.begin(index+1) - s.begin(index)
		}
	}
	return 0
}

// last is the last index; 0 if there is none.
func (j *Journal) last() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.end()
}

// end is last with mu held.
func (j *Journal) end() uint64 {
	if len(j.segments) == 0 || j.segments[len(j.segments)-1].next() == j.first {
		return 0
	}
	return j.segments[len(j.segments)-1].next() - 1
}

// Ends are the index of the snapshot that the log needs, and the last index; 0 if there
// is none.
func (j *Journal) Ends() (base, last uint64) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.high.base, j.end()
}

// Behind is how many entries, and bytes of them, are behind the snapshot.
func (j *Journal) Behind() (entries uint64, size int64) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	from, last := max(j.high.base+1, j.first), j.end()
	if last < from {
		return 0, 0
	}
	for _, s := range j.segments {
		if s.next() > from {
			size += s.end() - s.begin(max(from, s.first))
		}
	}
	return last - from + 1, size
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
