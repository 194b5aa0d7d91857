package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode/journal"
)

var (
	_ raft.LogStore          = (*journal.Journal)(nil)
	_ raft.MonotonicLogStore = (*journal.Journal)(nil)
	_ raft.StableStore       = (*journal.Votes)(nil)
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lazy files do not wait for the disk: these tests damage files, not disks.
type lazy struct{ *os.File }

func (lazy) Sync() error { return nil }

var options = journal.Options{SegmentBytes: 300, Disk: disk{wrap: func(f *os.File) journal.File { return lazy{f} }}}

// disk has files of a test.
type disk struct {
	journal.OS
	wrap func(*os.File) journal.File
}

func (d disk) OpenFile(path string, flag int) (journal.File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return d.wrap(f), nil
}

func open(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, options)
	must(t, err)
	t.Cleanup(func() { j.Close() })
	return j
}

// entry is a function of its index and term.
func entry(index, term uint64) *raft.Log {
	l := &raft.Log{Index: index, Term: term, Type: raft.LogType(index % 3), AppendedAt: time.Unix(0, int64(index)+1)}
	if index%4 != 0 {
		l.Data = bytes.Repeat([]byte{byte(index), byte(term)}, int(index%40))
	}
	if index%5 == 0 {
		l.Extensions = []byte("extra")
	}
	return l
}

func entries(from, to, term uint64) (all []*raft.Log) {
	for i := from; i <= to; i++ {
		all = append(all, entry(i, term))
	}
	return all
}

// check wants exactly the entries from first to last; term says which.
func check(t *testing.T, j *journal.Journal, first, last uint64, term func(uint64) uint64) {
	t.Helper()
	gotFirst, err := j.FirstIndex()
	must(t, err)
	gotLast, err := j.LastIndex()
	must(t, err)
	if gotFirst != first || gotLast != last {
		t.Fatalf("holds %d to %d, want %d to %d", gotFirst, gotLast, first, last)
	}
	var l raft.Log
	for i := first; i <= last && last > 0; i++ {
		must(t, j.GetLog(i, &l))
		want := entry(i, term(i))
		if l.Index != i || l.Term != want.Term || l.Type != want.Type || !bytes.Equal(l.Data, want.Data) ||
			!bytes.Equal(l.Extensions, want.Extensions) || !l.AppendedAt.Equal(want.AppendedAt) {
			t.Fatalf("entry %d is %+v, want %+v", i, l, want)
		}
	}
	for _, i := range []uint64{first - 1, last + 1} {
		if err := j.GetLog(i, &l); !errors.Is(err, raft.ErrLogNotFound) {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
}

func one(uint64) uint64 { return 1 }

// A random history against a plain map, opened anew now and then.
func TestAgainstAMap(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	j := open(t, dir)
	terms := map[uint64]uint64{}
	var first, last, snapshot uint64
	for range 300 {
		switch n := r.IntN(10); {
		case n < 6:
			from := last + 1
			if last == 0 {
				from = snapshot + 1
				first = from
			}
			last = from + r.Uint64N(12)
			term := r.Uint64N(100)
			for i := from; i <= last; i++ {
				terms[i] = term
			}
			must(t, j.StoreLogs(entries(from, last, term)))
		case n == 6 && last > first: // a conflict
			from := first + 1 + r.Uint64N(last-first)
			must(t, j.DeleteRange(from, last))
			last = from - 1
		case n == 7 && last > first: // compaction
			to := first + r.Uint64N(last-first)
			snapshot = max(snapshot, to)
			must(t, j.Rest(snapshot))
			must(t, j.DeleteRange(first, to))
			first = to + 1
		case n == 8 && last > 0: // a snapshot from elsewhere
			snapshot = last + r.Uint64N(50)
			must(t, j.Rest(snapshot))
			must(t, j.DeleteRange(first, last))
			first, last = 0, 0
		case n == 9:
			must(t, j.Close())
			j = open(t, dir)
			must(t, j.Missing(snapshot))
			if got, err := j.FirstIndex(); err != nil || got > first || last > 0 && got == 0 {
				t.Fatalf("begins with %d, %v; want %d or less", got, err, first)
			} else if last > 0 {
				must(t, j.DeleteRange(got, first-1))
			}
		}
		check(t, j, first, last, func(i uint64) uint64 { return terms[i] })
	}
}

func TestAGapIsRefused(t *testing.T) {
	j := open(t, t.TempDir())
	must(t, j.StoreLogs(entries(1, 3, 1)))
	if err := j.StoreLogs(entries(5, 6, 1)); err == nil {
		t.Error("entry 5 follows 3")
	}
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "log-*"))
	must(t, err)
	return all
}

// full makes a closed journal of entries 1 to 40 in several segments.
func full(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	j := open(t, dir)
	for i := uint64(1); i <= 40; i += 2 {
		must(t, j.StoreLogs(entries(i, i+1, 1)))
	}
	must(t, j.Close())
	if len(segments(t, dir)) < 4 {
		t.Fatalf("only %d segments", len(segments(t, dir)))
	}
	return dir
}

// edit changes a file.
func edit(t *testing.T, path string, do func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, do(b), 0o600))
}

// poke sets one byte in place.
func poke(t *testing.T, path string, at int, b byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte{b}, int64(at))
	must(t, errors.Join(err, f.Close()))
}

// Bytes of every file, flipped: the journal refuses, or is whole all the same.
func TestAFlippedByteIsNeverBelieved(t *testing.T) {
	dir := full(t)
	files := append(segments(t, dir), filepath.Join(dir, "mark"))
	for _, path := range files {
		whole, err := os.ReadFile(path)
		must(t, err)
		for at := rand.IntN(2); at < len(whole); at += 2 {
			if at%4096 > 600 {
				continue // a slot has nothing there
			}
			poke(t, path, at, whole[at]^0x10)
			j, err := journal.Open(dir, options)
			if err == nil {
				if filepath.Base(path) != "mark" {
					t.Fatalf("%s, byte %d flipped: opens", path, at)
				}
				check(t, j, 1, 40, one)
				must(t, j.Missing(0))
				j.Close()
			} else if !errors.Is(err, journal.ErrCorrupt) && !errors.Is(err, journal.ErrLost) {
				t.Fatalf("%s, byte %d flipped: %v", path, at, err)
			}
			poke(t, path, at, whole[at])
		}
	}
	check(t, open(t, dir), 1, 40, one)
}

// A tail that is cut loses entries that were acknowledged: the high-water mark knows.
func TestALostTailIsMissed(t *testing.T) {
	for cut := 1; cut < 200; cut += 7 {
		dir := full(t)
		all := segments(t, dir)
		last := all[len(all)-1]
		edit(t, last, func(b []byte) []byte { return b[:max(0, len(b)-cut)] })
		j, err := journal.Open(dir, options)
		if err == nil {
			err = j.Missing(0)
			j.Close()
		}
		if !errors.Is(err, journal.ErrLost) && !errors.Is(err, journal.ErrCorrupt) {
			t.Fatalf("%d bytes cut off: %v", cut, err)
		}
	}
	for gone := range segments(t, full(t)) {
		dir := full(t)
		must(t, os.Remove(segments(t, dir)[gone]))
		j, err := journal.Open(dir, journal.Options{})
		if err == nil {
			err = j.Missing(0)
			j.Close()
		}
		if !errors.Is(err, journal.ErrLost) {
			t.Fatalf("segment %d gone: %v", gone, err)
		}
	}
}

// A write that a crash cut short was never acknowledged: it goes, at every length.
func TestATornWriteIsDropped(t *testing.T) {
	dir := full(t)
	marks, err := os.ReadFile(filepath.Join(dir, "mark"))
	must(t, err)
	all := segments(t, dir)
	last := all[len(all)-1]
	before, err := os.ReadFile(last)
	must(t, err)
	j := open(t, dir)
	must(t, j.StoreLogs(entries(41, 43, 1)))
	must(t, j.Close())
	after := segments(t, dir)
	grown := after[len(after)-1]
	whole, err := os.ReadFile(grown)
	must(t, err)
	from := len(before)
	if grown != last {
		from = 0
	}
	for n := from; n < len(whole); n++ {
		for _, tail := range [][]byte{nil, make([]byte, 100)} { // cut off, and never written out
			must(t, os.WriteFile(grown, append(whole[:n:n], tail...), 0o600))
			must(t, os.WriteFile(filepath.Join(dir, "mark"), marks, 0o600))
			j, err := journal.Open(dir, options)
			if err != nil {
				t.Fatalf("cut at %d of %d: %v", n, len(whole), err)
			}
			must(t, j.Missing(0))
			end, err := j.LastIndex()
			must(t, err)
			check(t, j, 1, end, one)
			if end < 40 {
				t.Fatalf("cut at %d: ends with %d", n, end)
			}
			must(t, j.StoreLogs(entries(end+1, end+2, 1)))
			must(t, j.Close())
		}
	}
}

func TestWhatIsNotThereIsMissed(t *testing.T) {
	dir := full(t)
	j := open(t, dir)
	must(t, j.Rest(30))
	must(t, j.DeleteRange(1, 25))
	must(t, j.Missing(30))
	if err := j.Missing(20); !errors.Is(err, journal.ErrLost) {
		t.Errorf("the snapshot of entry 30 is gone: %v", err)
	}
	must(t, j.Close())
	must(t, os.Remove(filepath.Join(dir, "mark")))
	if _, err := journal.Open(dir, journal.Options{}); !errors.Is(err, journal.ErrLost) {
		t.Errorf("the high-water mark is gone: %v", err)
	}
}

func TestVotes(t *testing.T) {
	dir := t.TempDir()
	v, err := journal.OpenVotes(dir, options)
	must(t, err)
	if _, err := v.GetUint64([]byte("term")); err == nil || err.Error() != "not found" || !v.Empty() {
		t.Errorf("a new file has a term: %v", err)
	}
	for i := range uint64(5) {
		must(t, v.SetUint64([]byte("term"), i))
		must(t, v.Set([]byte("for"), fmt.Append(nil, "c", i)))
	}
	must(t, v.Close())
	path := filepath.Join(dir, "votes")
	whole, err := os.ReadFile(path)
	must(t, err)
	// Damage to one copy loses nothing, at no byte; to both it is seen.
	for at := range whole {
		if at%4096 > 300 {
			continue // a slot has nothing there
		}
		b := bytes.Clone(whole)
		b[at] ^= 1
		must(t, os.WriteFile(path, b, 0o600))
		v, err := journal.OpenVotes(dir, options)
		if err != nil {
			t.Fatalf("byte %d flipped: %v", at, err)
		}
		term, err := v.GetUint64([]byte("term"))
		whom, wrong := v.Get([]byte("for"))
		if must(t, errors.Join(err, wrong)); term != 4 || string(whom) != "c4" {
			t.Fatalf("byte %d flipped: term %d, vote for %s", at, term, whom)
		}
		must(t, v.Close())
	}
	b := bytes.Clone(whole)
	b[20] ^= 1
	b[4096+20] ^= 1
	must(t, os.WriteFile(path, b, 0o600))
	if _, err := journal.OpenVotes(dir, options); !errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("both copies are damaged: %v", err)
	}
}
