// Package lru is a cache that forgets what was asked for least recently. It keeps what
// is costly to make and wanted again: each value is made once, whoever asks meanwhile
// waits for it no longer than they like. Failures are not kept.
package lru

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Cache keeps values by key. Its methods may be called from any goroutine; its fields
// are set before the first.
type Cache[K comparable, V any] struct {
	Size  func(V) int64 // of a value, in memory; what takes none is never put away
	Keep  int64         // bytes that are kept, beside
	Least int           // the last values, which stay whatever they take
	Stale func(V) bool  // where set, tells values that are of no use any more: they are made anew

	mu    sync.Mutex
	items map[K]*item[V]
	late  []K // in the order they were asked for last
}

// item is a value, or why there is none, once done is closed.
type item[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// Get is the value of a key, made unless it is there. Who asks for what another is
// making waits for it; if the other gave up, they try themselves.
func (s *Cache[K, V]) Get(ctx context.Context, key K, make func() (V, error)) (V, error) {
	var none V
	for {
		it, mine := s.claim(key)
		if mine {
			s.make(key, it, make)
			return it.value, it.err
		}
		select {
		case <-it.done:
		case <-ctx.Done():
			return none, ctx.Err()
		}
		if !errors.Is(it.err, context.Canceled) && !errors.Is(it.err, context.DeadlineExceeded) {
			return it.value, it.err
		}
		if ctx.Err() != nil {
			return none, ctx.Err()
		}
	}
}

// Len is how many values there are, those being made with them.
func (s *Cache[K, V]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items)
}

// claim finds a key's item, or has the caller make it.
func (s *Cache[K, V]) claim(key K) (it *item[V], mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items == nil {
		s.items = map[K]*item[V]{}
	}
	if it = s.items[key]; it != nil && s.stale(it) {
		s.drop(key)
		it = nil
	}
	if it != nil {
		i := slices.Index(s.late, key)
		s.late = append(slices.Delete(s.late, i, i+1), key)
		return it, false
	}
	it = &item[V]{done: make(chan struct{})}
	s.items[key], s.late = it, append(s.late, key)
	return it, true
}

// stale tells whether a value is made and of no use any more.
func (s *Cache[K, V]) stale(it *item[V]) bool {
	if s.Stale == nil {
		return false
	}
	select {
	case <-it.done:
		return it.err == nil && s.Stale(it.value)
	default:
		return false
	}
}

// make makes a value that was claimed. A panic, too, leaves nothing behind.
func (s *Cache[K, V]) make(key K, it *item[V], make func() (V, error)) {
	it.err = context.Canceled // unless make returns
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(it.done)
		if it.err != nil {
			s.drop(key)
			return
		}
		s.makeRoom()
	}()
	it.value, it.err = make()
}

// makeRoom forgets values that were not asked for lately while there is too much.
// Whoever still uses one has it for as long as they need it. It is called with the
// lock held.
func (s *Cache[K, V]) makeRoom() {
	var sum int64
	kept := 0
	for _, key := range slices.Backward(slices.Clone(s.late)) {
		it := s.items[key]
		select {
		case <-it.done:
		default:
			continue // it is being made
		}
		size := s.Size(it.value)
		if kept >= s.Least && size > 0 && sum+size > s.Keep {
			s.drop(key)
			continue
		}
		sum += size
		kept++
	}
}

// drop is called with the lock held.
func (s *Cache[K, V]) drop(key K) {
	delete(s.items, key)
	s.late = slices.DeleteFunc(s.late, func(k K) bool { return k == key })
}
