package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
)

// What is read as a record is written the same way, and no bytes crash the reader.
func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, &raft.Log{Index: 7, Term: 2, Data: []byte("data"), Extensions: []byte("x")}))
	f.Add(appendRecord(nil, &raft.Log{Index: 1}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		parseSlot(b)
		parseHighWater(b)
		h, err := parseHead(b)
		if err != nil {
			return
		}
		var l raft.Log
		if parseBody(h, b[headBytes:min(len(b), headBytes+h.length)], &l) != nil {
			return
		}
		if again := appendRecord(nil, &l); !bytes.Equal(again, b[:len(again)]) {
			t.Errorf("read as %+v, which is written as %x", l, again)
		}
	})
}

// A segment of any bytes is refused or read, never a crash.
func FuzzSegment(f *testing.F) {
	s := segmentHeader(1)
	s = appendRecord(s, &raft.Log{Index: 1, Term: 1, Data: []byte("a")})
	f.Add(s)
	f.Add(appendRecord(s, &raft.Log{Index: 3, Term: 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		s := &segment{file: file, path: path, first: 1}
		s.scan()
		for i := s.first; i < s.next(); i++ {
			if err := s.read(i, new(raft.Log)); err != nil {
				t.Errorf("entry %d was good when scanned: %v", i, err)
			}
		}
	})
}
