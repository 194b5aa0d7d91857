package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

const (
	// lockPoll is how often a waiter tries again: flock cannot be interrupted
	// by a context, and nobody minds a fifth of a second at the start of a run.
	lockPoll = 200 * time.Millisecond
	// holderBytes is the most that is read of the holder's name.
	holderBytes = 256
)

// Lock implements store.Locker. It excludes other processes and other Stores
// of this one; the kernel frees it when the holder dies.
func (s *Store) Lock(ctx context.Context, wait bool) (release func() error, err error) {
	if s.disk == nil {
		return nil, readOnly(s.root)
	}
	path := filepath.Join(s.root, lockName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, unavailable("lock store", s.root, err)
	}
	if err := s.acquire(ctx, f, wait); err != nil {
		f.Close()
		return nil, err
	}
	if err := writeHolder(f); err != nil {
		f.Close()
		return nil, unavailable("lock store", s.root, err)
	}
	return func() error {
		// The name goes first: nobody may be named who holds nothing.
		if err := errors.Join(f.Truncate(0), f.Close()); err != nil {
			return unavailable("unlock store", s.root, err)
		}
		return nil
	}, nil
}

func (s *Store) acquire(ctx context.Context, f *os.File, wait bool) error {
	got, err := tryFlock(f)
	if err != nil {
		return unavailable("lock store", s.root, err)
	}
	if got {
		return nil
	}
	if !wait {
		return fault.New(fault.ErrUnavailable, "store %s is in use by %s: %w", s.root, holder(f), store.ErrLocked).
			WithHint("wait for it to end, or give another store with --store")
	}
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return fault.New(fault.ErrInterrupted, "waited for store %s, in use by %s: %w", s.root, holder(f), ctx.Err())
		case <-ticker.C:
		}
		if got, err := tryFlock(f); err != nil {
			return unavailable("lock store", s.root, err)
		} else if got {
			return nil
		}
	}
}

func writeHolder(f *os.File) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host" // a name is a courtesy; the lock holds without
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "process %d on %s\n", os.Getpid(), host), 0)
	return err
}

// holder is who wrote its name into the lock file.
func holder(f *os.File) string {
	name, err := io.ReadAll(io.NewSectionReader(f, 0, holderBytes))
	if text := strings.TrimSpace(string(name)); err == nil && text != "" {
		return text
	}
	return "another process"
}
