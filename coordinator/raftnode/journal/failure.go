package journal

import (
	"fmt"
	"os"
	"sync"
)

// Options are the choices a journal has.
type Options struct {
	// SegmentBytes is after how many bytes a new segment begins; 0 for 64 MiB. A
	// segment is what compaction frees at a time.
	SegmentBytes int64
	// TrailingBytes bounds the entries that are kept though they rest in a snapshot, for
	// replicas that are a little behind; whole segments are what goes. 0 keeps all that
	// is not dropped.
	TrailingBytes int64
	// Disk is where files are; OS if nil. Tests let one fail.
	Disk Disk
	// Failed is told once when a journal breaks.
	Failed func(error)
}

// On is the disk that was chosen.
func (o Options) On() Disk {
	if o.Disk != nil {
		return o.Disk
	}
	return OS{}
}

// failure remembers the first failed write.
type failure struct {
	tell func(error)

	mu  sync.Mutex
	err error
}

func (f *failure) set(err error) error {
	f.mu.Lock()
	first := f.err == nil
	if first {
		f.err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	f.mu.Unlock()
	if first && f.tell != nil {
		f.tell(err)
	}
	return err
}

func (f *failure) check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// close makes everything fail from now on, and tells nobody.
func (f *failure) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = os.ErrClosed
	}
}
