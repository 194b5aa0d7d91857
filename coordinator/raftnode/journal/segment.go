package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
)

// A segment is a file of records whose indexes follow each other:
//
//	"g2c/log/1\n"  10
//	first index     8
//	sum             4   CRC-32C of the 18 bytes before
//	record*
type segment struct {
	file  File
	path  string
	first uint64
	ends  []int64 // where each record ends
}

const (
	segmentMagic = "g2c/log/1\n"
	segmentHead  = len(segmentMagic) + 8 + 4
)

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("log-%020d", first))
}

func segmentHeader(first uint64) []byte {
	b := binary.LittleEndian.AppendUint64([]byte(segmentMagic), first)
	return binary.LittleEndian.AppendUint32(b, sumOf(b))
}

func (s *segment) next() uint64 { return s.first + uint64(len(s.ends)) }

func (s *segment) end() int64 { return s.begin(s.next()) }

// begin is where a record begins, or would.
func (s *segment) begin(index uint64) int64 {
	if index == s.first {
		return int64(segmentHead)
	}
	return s.ends[index-s.first-1]
}

// create makes an empty segment that is there after a crash.
func create(disk Disk, dir string, first uint64) (*segment, error) {
	s := &segment{path: segmentPath(dir, first), first: first}
	f, err := disk.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	s.file = f
	if _, err = f.WriteAt(segmentHeader(first), 0); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = disk.SyncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// errTorn says that a segment's last write did not come to its end.
var errTorn = errors.New("write cut short")

// scan reads a whole segment and checks every record. An error wraps errTorn if
// all before it is good, so that what follows may have been a write that a crash
// cut short; s.ends says how far it is good.
func (s *segment) scan() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, info.Size())
	if n, err := s.file.ReadAt(b, 0); n < len(b) {
		return fmt.Errorf("read %s: %w", s.path, err)
	}
	if len(b) < segmentHead || string(b[:segmentHead]) != string(segmentHeader(s.first)) {
		return fmt.Errorf("%w: %w: head of segment %s", errTorn, ErrCorrupt, s.path)
	}
	var l raft.Log
	for at := segmentHead; at < len(b); {
		h, err := parseHead(b[at:])
		if err == nil && h.index != s.next() {
			return fmt.Errorf("%w: %s at byte %d: entry %d where %d should be", ErrCorrupt, s.path, at, h.index, s.next())
		}
		if err == nil {
			at += headBytes
			err = parseBody(h, b[at:min(at+h.length, len(b))], &l)
		}
		if err != nil {
			return fmt.Errorf("%w: %w (%s, entry %d, at byte %d)", errTorn, err, s.path, s.next(), s.end())
		}
		at += h.length
		s.ends = append(s.ends, int64(at))
	}
	return nil
}

// read checks a record and fills an entry with it.
func (s *segment) read(index uint64, l *raft.Log) error {
	from := s.begin(index)
	b := make([]byte, s.begin(index+1)-from)
	if n, err := s.file.ReadAt(b, from); n < len(b) {
		return fmt.Errorf("read entry %d of %s: %w", index, s.path, err)
	}
	h, err := parseHead(b)
	if err == nil && h.index != index {
		err = fmt.Errorf("%w: entry %d in its place", ErrCorrupt, h.index)
	}
	if err == nil {
		err = parseBody(h, b[headBytes:], l)
	}
	if err != nil {
		return fmt.Errorf("read entry %d of %s at byte %d: %w", index, s.path, from, err)
	}
	return nil
}

// cut drops the records from an index on.
func (s *segment) cut(from uint64) error {
	if err := s.file.Truncate(s.begin(from)); err != nil {
		return err
	}
	s.ends = s.ends[:from-s.first]
	return s.file.Sync()
}
