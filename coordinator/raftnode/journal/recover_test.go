package journal_test

import (
	"errors"
	"os"
	"testing"

	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode/journal"
)

// A log that does not fit the newest snapshot goes, one that does stays, and one that
// lacks something is refused.
func TestTheLogIsBroughtInLineWithASnapshot(t *testing.T) {
	for _, c := range []struct {
		what        string
		index, term uint64
		first, last uint64 // afterwards
		refused     bool
	}{
		{"no snapshot", 0, 0, 1, 40, false},
		{"of an entry of the log", 30, 1, 1, 40, false},
		{"of the last entry", 40, 1, 1, 40, false},
		{"of another entry in its place", 30, 2, 0, 0, false},
		{"behind the log", 50, 2, 0, 0, false},
	} {
		j := open(t, full(t))
		must(t, j.Recover(c.index, c.term))
		check(t, j, c.first, c.last, one)
		base, _ := j.Ends()
		if base != c.index {
			t.Errorf("%s: it rests in snapshot %d, want %d", c.what, base, c.index)
		}
		must(t, j.StoreLogs(entries(max(c.index, c.last)+1, max(c.index, c.last)+3, 3)))
	}
	dir := full(t)
	j := open(t, dir)
	must(t, j.Rest(30))
	if err := j.Recover(20, 1); !errors.Is(err, journal.ErrLost) {
		t.Errorf("an older snapshot than the log rests in: %v", err)
	}
	must(t, j.DeleteRange(1, 40))
	if err := j.StoreLogs(entries(41, 42, 1)); err == nil {
		t.Error("entry 41 follows snapshot 30")
	}
}

// After a crash of the machine any of the segments that were being removed may be left.
func TestSegmentsThatWereBeingRemoved(t *testing.T) {
	// removed makes a journal that rests in a snapshot, and loses some of its segments.
	removed := func(rest uint64, lose ...int) string {
		t.Helper()
		dir := full(t)
		j := open(t, dir)
		if rest > 0 {
			must(t, j.Rest(rest))
		}
		must(t, j.Close())
		all := segments(t, dir)
		for _, i := range lose {
			must(t, os.Remove(all[(i+len(all))%len(all)]))
		}
		return dir
	}
	j := open(t, removed(40, 1, 3))
	must(t, j.Recover(40, 1))
	first, err := j.FirstIndex()
	must(t, err)
	check(t, j, first, 40, one)
	if first < 10 {
		t.Errorf("it begins with %d", first)
	}
	if _, err := journal.Open(removed(5, 2), options); !errors.Is(err, journal.ErrLost) {
		t.Errorf("a segment that rests nowhere is gone: %v", err)
	}
	// Entries that are taken back: the high-water mark was lowered first.
	dir := full(t)
	all := segments(t, dir)
	whole := map[string][]byte{}
	for _, path := range all {
		b, err := os.ReadFile(path)
		must(t, err)
		whole[path] = b
	}
	j = open(t, dir)
	must(t, j.DeleteRange(5, 40))
	must(t, j.Close())
	for _, path := range all[len(all)-2:] {
		must(t, os.WriteFile(path, whole[path], 0o600))
	}
	j = open(t, dir)
	must(t, j.Recover(0, 0))
	check(t, j, 1, 4, one)
}

// What rests in a snapshot is kept up to so many bytes, and the newest of it always.
func TestTrailingBytesAreBounded(t *testing.T) {
	for _, c := range []struct {
		keep        int64
		least, most uint64 // for the first entry
	}{{1, 30, 30}, {400, 20, 29}, {0, 1, 1}, {1 << 30, 1, 1}} {
		o := options
		o.TrailingBytes = c.keep
		dir := full(t)
		before := len(segments(t, dir))
		j, err := journal.Open(dir, o)
		must(t, err)
		must(t, j.Rest(30))
		first, err := j.FirstIndex()
		must(t, err)
		if first < c.least || first > c.most {
			t.Errorf("keeping %d bytes, the log begins with %d, want %d to %d", c.keep, first, c.least, c.most)
		}
		check(t, j, first, 40, one)
		if c.keep == 1 && len(segments(t, dir)) >= before {
			t.Error("no segment is removed")
		}
		count, size := j.Behind()
		if count != 10 || size <= 0 || size >= j.Bytes() {
			t.Errorf("%d entries of %d bytes are behind the snapshot", count, size)
		}
		must(t, j.Close())
		whole := open(t, dir)
		must(t, whole.Recover(30, 1))
		var l raft.Log
		must(t, whole.GetLog(30, &l))
		must(t, whole.Close())
	}
}
