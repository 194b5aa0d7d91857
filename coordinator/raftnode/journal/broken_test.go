package journal_test

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode/journal"
)

// frail files fail once enough calls were made.
type frail struct {
	*os.File
	calls *atomic.Int64
}

var errDisk = syscall.EIO

func (f frail) broken() bool { return f.calls.Add(-1) < 0 }

func (f frail) WriteAt(b []byte, at int64) (int, error) {
	if f.broken() {
		n, _ := f.File.WriteAt(b[:len(b)/3], at)
		return n, errDisk
	}
	return f.File.WriteAt(b, at)
}

func (f frail) Sync() error {
	if f.broken() {
		return errDisk
	}
	return nil
}

func (f frail) Truncate(size int64) error {
	if f.broken() {
		return errDisk
	}
	return f.File.Truncate(size)
}

// A disk that fails at each possible call of a history: the journal breaks once, for
// good, and what is opened afterwards has all that was acknowledged.
func TestADiskThatFails(t *testing.T) {
	for after := range int64(60) {
		dir := t.TempDir()
		calls := new(atomic.Int64)
		calls.Store(after)
		told := 0
		o := journal.Options{
			SegmentBytes: 200, Failed: func(error) { told++ },
			Disk: disk{wrap: func(f *os.File) journal.File { return frail{f, calls} }},
		}
		j, err := journal.Open(dir, o)
		must(t, err)
		var acked uint64
		for i := uint64(1); i < 40 && err == nil; i += 3 {
			if err = j.StoreLogs(entries(i, i+2, 1)); err == nil {
				acked = i + 2
			}
			if err == nil && i == 19 {
				if err = j.DeleteRange(20, 21); err == nil {
					err = j.StoreLogs(entries(20, 21, 1))
				} else {
					acked = 19
				}
			}
		}
		if err == nil {
			if told != 0 {
				t.Fatalf("after %d calls: told of a failure that nobody met", after)
			}
			j.Close()
			continue
		}
		if told != 1 {
			t.Fatalf("after %d calls: told %d times", after, told)
		}
		if again := j.StoreLogs(entries(acked+1, acked+1, 1)); !errors.Is(again, journal.ErrBroken) || !errors.Is(again, errDisk) {
			t.Fatalf("after %d calls it writes again: %v", after, again)
		}
		if err := j.DeleteRange(1, 2); !errors.Is(err, journal.ErrBroken) {
			t.Fatalf("after %d calls it drops: %v", after, err)
		}
		j.Close()
		whole := open(t, dir)
		must(t, whole.Missing(0))
		last, err := whole.LastIndex()
		must(t, err)
		var l raft.Log
		for i := uint64(1); i <= last; i++ {
			must(t, whole.GetLog(i, &l))
		}
		if last < min(acked, 19) || acked > 21 && last < acked {
			t.Fatalf("after %d calls: ends with %d, %d were acknowledged", after, last, acked)
		}
		must(t, whole.Close())
	}
}
