package server

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/internal/clock"
)

// keepSpool is how long what came of an upload that was cut off is kept: longer than a
// network or a person is usually away.
const keepSpool = time.Hour

// spools are uploads on the coordinator's disk: those that come, and what came of those
// that were cut off, which go on there. They end with the process.
type spools struct {
	dir       string
	clock     clock.Clock
	most, one int // that are kept, of all callers and of one

	mu       sync.Mutex
	all      []*spool // those that are kept in the order in which they were cut off
	watching bool     // somebody sees to their end
	ended    chan struct{}
	watches  sync.WaitGroup
}

// spool is the file of one upload. What is not fixed is guarded by the lock of all.
type spool struct {
	caller string
	key    api.Key
	size   int64
	file   *os.File

	got     int64         // bytes that came, one behind the other
	request string        // whose stream writes it
	stop    chan struct{} // closed to end that stream; nil where nobody writes
	left    chan struct{} // closed when it has ended
	cut     time.Time     // when it was cut off
}

func newSpools(dir string, c clock.Clock, most, one int) *spools {
	return &spools{dir: dir, clock: c, most: most, one: one, ended: make(chan struct{})}
}

// received is how much there is of a caller's upload that a request may go on with.
func (s *spools) received(caller, request string, k api.Key) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.find(caller, request, k); x != nil {
		return x.got
	}
	return 0
}

// find is the upload that a request may go on with: its own, whose stream may not have
// ended yet, or one that was cut off. It is called with the lock held.
func (s *spools) find(caller, request string, k api.Key) *spool {
	var idle *spool
	for _, x := range s.all {
		if x.caller != caller || x.key != k {
			continue
		}
		if x.stop != nil && x.request == request {
			return x
		}
		if x.stop == nil {
			idle = x
		}
	}
	return idle
}

// take is the file of an upload from its offset on, the caller's until leave.
func (s *spools) take(ctx context.Context, caller string, h *apiv1.UploadHeader, k api.Key) (*spool, error) {
	for {
		x, before, err := s.claim(caller, h, k)
		if before == nil {
			return x, err
		}
		select { // its client has given it up
		case <-before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// claim takes the file of an upload, or has the stream that writes it end, and says when
// it has.
func (s *spools) claim(caller string, h *apiv1.UploadHeader, k api.Key) (x *spool, before <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x = s.find(caller, h.RequestId, k)
	switch {
	case x != nil && x.stop != nil:
		select {
		case <-x.stop:
		default:
			close(x.stop)
		}
		return nil, x.left, nil
	case x != nil && x.size == h.SizeBytes && x.got >= h.Offset:
		if err := x.file.Truncate(h.Offset); err != nil {
			return nil, nil, errors.Join(rpcerr.New(rpcerr.StoreFailed, "go on with an upload: %w", err), s.drop(x))
		}
	case h.Offset > 0:
		return nil, nil, rpcerr.New(rpcerr.Conflict, "the upload of %s is to go on at byte %d, and that much of it is not here", k.Short(), h.Offset).
			WithHint("ask StatData where it stands")
	default:
		file, err := os.CreateTemp(s.dir, spoolPattern)
		if err != nil {
			return nil, nil, rpcerr.New(rpcerr.StoreFailed, "spool an upload: %w", err)
		}
		x = &spool{caller: caller, key: k, size: h.SizeBytes, file: file}
		s.all = append(s.all, x)
	}
	x.got, x.request, x.stop, x.left = h.Offset, h.RequestId, make(chan struct{}), make(chan struct{})
	return x, nil, nil
}

// Write implements io.Writer: it is the next bytes of the upload.
func (x *spool) Write(b []byte) (int, error) { return x.file.WriteAt(b, x.got) }

// grew says that so many more bytes came.
func (s *spools) grew(x *spool, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.got += n
}

// leave ends what take began. What is kept goes on later, unless there is too much of it.
func (s *spools) leave(x *spool, keep bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(x.left)
	x.stop = nil
	if !keep || x.got == 0 || s.closed() {
		return s.drop(x)
	}
	x.cut = s.clock.Now()
	i := slices.Index(s.all, x)
	s.all = append(slices.Delete(s.all, i, i+1), x)
	if !s.watching {
		s.watching = true
		s.watches.Go(s.watch)
	}
	return errors.Join(s.trim(x.caller, s.one), s.trim("", s.most))
}

// trim drops what was kept longest of a caller, or of all, while there is more than so
// much. It is called with the lock held.
func (s *spools) trim(caller string, most int) error {
	var idle []*spool
	for _, x := range s.all {
		if x.stop == nil && (caller == "" || x.caller == caller) {
			idle = append(idle, x)
		}
	}
	var errs []error
	for _, x := range idle[:max(len(idle)-most, 0)] {
		errs = append(errs, s.drop(x))
	}
	return errors.Join(errs...)
}

// watch drops what was kept for its time, until nothing is kept.
func (s *spools) watch() {
	for {
		select {
		case <-s.clock.After(keepSpool):
		case <-s.ended:
			return
		}
		if !s.expire() {
			return
		}
	}
}

// expire drops what was kept for its time, and reports whether more is kept.
func (s *spools) expire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching = false
	until := s.clock.Now().Add(-keepSpool)
	for _, x := range slices.Clone(s.all) {
		switch {
		case x.stop != nil:
		case x.cut.After(until):
			s.watching = true
		default:
			_ = s.drop(x) // what cannot be removed goes with the next start of this coordinator
		}
	}
	return s.watching
}

// yield drops what was kept longest to make room, and reports whether there was any.
func (s *spools) yield() (dropped bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.all {
		if x.stop == nil {
			return true, s.drop(x)
		}
	}
	return false, nil
}

// drop removes a file. It is called with the lock held.
func (s *spools) drop(x *spool) error {
	s.all = slices.DeleteFunc(s.all, func(y *spool) bool { return y == x })
	return errors.Join(x.file.Close(), os.Remove(x.file.Name()))
}

func (s *spools) closed() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// close drops what is kept, and has what comes later be dropped too.
func (s *spools) close() error {
	s.mu.Lock()
	close(s.ended)
	err := s.trim("", 0)
	s.mu.Unlock()
	s.watches.Wait()
	return err
}
