package journal

import (
	"encoding/binary"
	"fmt"
	"time"
)

// mark is what a log once held: entries up to last were on disk, and a snapshot
// of index base or later is needed for what came before. It is written after every
// append and forced to disk now and then, so it is never ahead of the log, and
// behind it by a second at most after a power cut.
type mark struct{ last, base uint64 }

// markEvery is how often an append forces the mark to disk.
const markEvery = time.Second

func (m mark) bytes() []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, m.last), m.base)
}

func parseMark(b []byte) (mark, error) {
	if len(b) != 16 {
		return mark{}, fmt.Errorf("%w: mark of %d bytes", ErrCorrupt, len(b))
	}
	return mark{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}, nil
}

// setMark is called by the writer.
func (j *Journal) setMark(m mark, force bool) error {
	if m == j.mark && !force {
		return nil
	}
	if force {
		if err := j.marks.keep(m.bytes()); err != nil {
			return fmt.Errorf("write %s: %w", j.marks.path, err)
		}
		j.mark, j.marked = m, time.Now()
		return nil
	}
	if err := j.marks.put(m.bytes()); err != nil {
		return fmt.Errorf("write %s: %w", j.marks.path, err)
	}
	j.mark = m
	if time.Since(j.marked) > markEvery {
		j.marked = time.Now()
		return j.marks.file.Sync()
	}
	return nil
}
