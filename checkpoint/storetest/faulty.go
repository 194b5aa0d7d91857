package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

// Faulty is a store that fails on demand. Each fault is for the next call
// whose key begins with a prefix, and is spent by it.
type Faulty struct {
	store.Store

	mu   sync.Mutex
	full string
	torn string
	flip string
}

// none is a prefix that no key has.
const none = "\x00"

// NewFaulty wraps a store.
func NewFaulty(s store.Store) *Faulty { return &Faulty{Store: s, full: none, torn: none, flip: none} }

// Full makes the next put under prefix fail for want of space.
func (f *Faulty) Full(prefix string) { f.set(&f.full, prefix) }

// Torn makes the next put under prefix store half of its bytes and report
// success, as a disk without working flushes does in a power cut.
func (f *Faulty) Torn(prefix string) { f.set(&f.torn, prefix) }

// Flip turns over a bit in the middle of the next object read under prefix.
func (f *Faulty) Flip(prefix string) { f.set(&f.flip, prefix) }

func (f *Faulty) set(fault *string, prefix string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*fault = prefix
}

// spend reports whether the fault is due for key, and ends it.
func (f *Faulty) spend(fault *string, key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.HasPrefix(key, *fault) {
		return false
	}
	*fault = none
	return true
}

func (f *Faulty) spoil(key string, body store.Body) (store.Body, error) {
	if f.spend(&f.full, key) {
		return nil, fault.New(fault.ErrUnavailable, "store %s: %w", key, store.ErrFull)
	}
	if f.spend(&f.torn, key) {
		return io.NewSectionReader(body, 0, body.Size()/2), nil
	}
	return body, nil
}

// Put implements store.Store.
func (f *Faulty) Put(ctx context.Context, key string, body store.Body) error {
	body, err := f.spoil(key, body)
	if err != nil {
		return err
	}
	return f.Store.Put(ctx, key, body)
}

// PutIfAbsent implements store.Store.
func (f *Faulty) PutIfAbsent(ctx context.Context, key string, body store.Body) (bool, error) {
	body, err := f.spoil(key, body)
	if err != nil {
		return false, err
	}
	return f.Store.PutIfAbsent(ctx, key, body)
}

// Get implements store.Reader.
func (f *Faulty) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	r, err := f.Store.Get(ctx, key)
	if err != nil || !f.spend(&f.flip, key) {
		return r, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if len(data) > 0 {
		data[len(data)/2] ^= 1
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}
