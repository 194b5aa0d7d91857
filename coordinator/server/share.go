package server

import (
	"sync"

	"g2c/api/rpcerr"
)

// share is something that there is so much of: callers take of it and give it back,
// and none has more than a part, so that one cannot keep it from the others.
type share struct {
	what       string // in words: "%d of them"
	total, one int64

	mu   sync.Mutex
	used int64
	by   map[string]int64
}

func newShare(what string, total, one int64) *share {
	return &share{what: what, total: total, one: one, by: map[string]int64{}}
}

// take takes n for a caller, or says in words why not.
func (s *share) take(caller string, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case n > s.one || s.by[caller] > s.one-n:
		return rpcerr.New(rpcerr.TooFast, "%s has %d %s already, of the %d that one caller may", caller, s.by[caller], s.what, s.one).
			WithHint("wait until some have ended")
	case s.used > s.total-n:
		return rpcerr.New(rpcerr.TooFast, "this coordinator has %d %s already, of at most %d", s.used, s.what, s.total).WithHint("wait a moment")
	}
	s.used += n
	s.by[caller] += n
	return nil
}

// give gives back what was taken.
func (s *share) give(caller string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
	if s.by[caller] -= n; s.by[caller] == 0 {
		delete(s.by, caller)
	}
}

// inAll is how much all callers have.
func (s *share) inAll() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}
