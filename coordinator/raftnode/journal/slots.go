package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// slots is a small file that is overwritten in place: two copies of a value, so
// that one is whole whenever the other is being written.
//
//	slot = "g2c/slot" 8 · sequence 8 · length 4 · value · sum 4 (CRC-32C of what is before)
type slots struct {
	file     File
	path     string
	sequence uint64
}

const (
	slotMagic = "g2c/slot"
	slotFixed = len(slotMagic) + 8 + 4
	slotBytes = 4096
	// maxValue is what fits a slot.
	maxValue = slotBytes - slotFixed - 4
)

// openSlots opens a file of slots and returns its value; nil if it is new. Which
// files must exist is for the caller to know.
func openSlots(disk Disk, path string) (*slots, []byte, error) {
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	f, err := disk.OpenFile(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, nil, err
	}
	s := &slots{file: f, path: path}
	if fresh {
		if err := disk.SyncDir(filepath.Dir(path)); err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
		return s, nil, nil
	}
	b := make([]byte, 2*slotBytes)
	n, err := f.ReadAt(b, 0)
	if n < len(b) && !errors.Is(err, io.EOF) {
		return nil, nil, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	if n < len(b) { // the first write, which goes to the second place, never came to its end
		return s, nil, nil
	}
	var value []byte
	for i := 0; i < n; i += slotBytes {
		if seq, v, err := parseSlot(b[i : i+slotBytes]); err == nil && (value == nil || seq > s.sequence) {
			s.sequence, value = seq, v
		}
	}
	if value == nil {
		return nil, nil, errors.Join(fmt.Errorf("%w: both copies in %s", ErrCorrupt, path), f.Close())
	}
	return s, value, nil
}

func parseSlot(b []byte) (sequence uint64, value []byte, err error) {
	if len(b) < slotFixed+4 || string(b[:len(slotMagic)]) != slotMagic {
		return 0, nil, fmt.Errorf("%w: not a slot", ErrCorrupt)
	}
	n := binary.LittleEndian.Uint32(b[slotFixed-4:])
	if int64(n) > int64(len(b)-slotFixed-4) {
		return 0, nil, fmt.Errorf("%w: a slot of %d bytes", ErrCorrupt, n)
	}
	end := slotFixed + int(n)
	if sumOf(b[:end]) != binary.LittleEndian.Uint32(b[end:]) {
		return 0, nil, fmt.Errorf("%w: checksum of a slot", ErrCorrupt)
	}
	return binary.LittleEndian.Uint64(b[len(slotMagic):]), b[slotFixed:end:end], nil
}

// put writes one copy, over the older one, without waiting for the disk.
func (s *slots) put(value []byte) error {
	if len(value) > maxValue {
		return fmt.Errorf("%d bytes do not fit %s", len(value), s.path)
	}
	s.sequence++
	b := append(make([]byte, 0, slotBytes), slotMagic...)
	b = binary.LittleEndian.AppendUint64(b, s.sequence)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	b = append(b, value...)
	b = binary.LittleEndian.AppendUint32(b, sumOf(b))
	_, err := s.file.WriteAt(b[:slotBytes], int64(s.sequence%2)*slotBytes)
	return err
}

// keep writes both copies, one after the other, and waits for the disk each time:
// damage to either loses nothing then.
func (s *slots) keep(value []byte) error {
	for range 2 {
		if err := s.put(value); err != nil {
			return err
		}
		if err := s.file.Sync(); err != nil {
			return err
		}
	}
	return nil
}
