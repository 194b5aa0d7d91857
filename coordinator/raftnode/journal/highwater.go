package journal

import (
	"encoding/binary"
	"fmt"
	"time"
)

// highWater is what a log once held: entries up to last were on disk, and a snapshot
// of index base or later is needed for what came before. It is written after every
// append and forced to disk now and then, so it is never ahead of the log, and
// behind it by a second at most after a power cut.
type highWater struct{ last, base uint64 }

// forceEvery is how often an append forces the high-water mark to disk.
const forceEvery = time.Second

func (m highWater) bytes() []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, m.last), m.base)
}

func parseHighWater(b []byte) (highWater, error) {
	if len(b) != 16 {
		return highWater{}, fmt.Errorf("%w: high-water mark of %d bytes", ErrCorrupt, len(b))
	}
	return highWater{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}, nil
}

// setHighWater is called by the writer.
func (j *Journal) setHighWater(m highWater, force bool) error {
	if m == j.high && !force {
		return nil
	}
	if force {
		if err := j.slots.keep(m.bytes()); err != nil {
			return fmt.Errorf("write %s: %w", j.slots.path, err)
		}
		j.reached(m)
		j.forced = time.Now()
		return nil
	}
	if err := j.slots.put(m.bytes()); err != nil {
		return fmt.Errorf("write %s: %w", j.slots.path, err)
	}
	j.reached(m)
	if time.Since(j.forced) > forceEvery {
		j.forced = time.Now()
		return j.slots.file.Sync()
	}
	return nil
}

func (j *Journal) reached(m highWater) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.high = m
}
