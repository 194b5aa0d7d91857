package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

const (
	// Waiters try again after a pause that grows: flock cannot be interrupted by a
	// context, and nobody minds a fifth of a second at the start of a task.
	firstPause, lastPause = time.Millisecond, 200 * time.Millisecond
	// holderBytes is the most that is read of the holder's name.
	holderBytes = 256
)

// Lock implements store.Locker. It excludes other processes and other holders in
// this one; the kernel frees it when the holder dies.
func (s *Store) Lock(ctx context.Context, name string, shared, wait bool) (release func() error, err error) {
	if s.disk == nil {
		return nil, readOnly(s.root)
	}
	path, err := s.lockPath(name)
	if err != nil {
		return nil, err
	}
	f, err := s.acquire(ctx, path, shared, wait)
	if err != nil {
		return nil, err
	}
	if !shared {
		writeHolder(f)
	}
	return func() error {
		// The name goes first: nobody may be named who holds nothing.
		var gone error
		switch {
		case shared:
		case name == store.WholeStore: // older programs keep the file
			gone = f.Truncate(0)
		default:
			gone = ignoreAbsent(os.Remove(path))
		}
		if err := errors.Join(gone, f.Close()); err != nil {
			return s.unavailable("unlock store", s.root, err)
		}
		return nil
	}, nil
}

// lockPath is the file of a lock.
func (s *Store) lockPath(name string) (string, error) {
	if name == store.WholeStore {
		return filepath.Join(s.root, lockName), nil
	}
	if err := store.CheckKey(name); err != nil {
		return "", err
	}
	return filepath.Join(s.root, locksName, name), nil
}

// acquire opens the file of a lock and takes it.
func (s *Store) acquire(ctx context.Context, path string, shared, wait bool) (*os.File, error) {
	pause := firstPause
	for {
		f, holder, err := tryLock(path, shared)
		switch {
		case err != nil:
			return nil, s.unavailable("lock store", s.root, err)
		case f != nil:
			return f, nil
		case holder == "": // its file was removed while we opened it
			continue
		case !wait:
			return nil, fault.New(fault.ErrUnavailable, "store %s is in use by %s: %w", s.root, holder, store.ErrLocked).
				WithHint("wait for it to end, or give another store with --store")
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fault.New(fault.ErrInterrupted, "waited for store %s, in use by %s: %w", s.root, holder, ctx.Err())
		case <-timer.C:
		}
		pause = min(2*pause, lastPause)
	}
}

// tryLock takes a lock, or says who has it; neither where its file is gone again.
func tryLock(path string, shared bool) (f *os.File, holder string, err error) {
	how := syscall.LOCK_EX
	if shared {
		how = syscall.LOCK_SH
	}
	f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, "", err
	}
	got, err := tryFlock(f, how)
	if err == nil && got {
		if err = stillNamed(f, path); err == nil {
			return f, "", nil
		}
	}
	if err == nil && !got {
		holder = holderOf(f)
	}
	f.Close() // read by nobody
	if errors.Is(err, errSwept) {
		err = nil
	}
	return nil, holder, err
}

// Holder implements store.Locker. It takes the lock for a moment, shared.
func (s *Store) Holder(name string) (holder string, held bool, err error) {
	path, err := s.lockPath(name)
	if err != nil {
		return "", false, err
	}
	f, err := os.Open(path)
	if absent(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, unavailable("look at the locks of store", s.root, err)
	}
	defer f.Close() // read by nobody; closing drops the lock
	got, err := tryFlock(f, syscall.LOCK_SH)
	if err != nil {
		return "", false, noLocks(s.root, err)
	}
	if got {
		return "", false, nil
	}
	return holderOf(f), true, nil
}

// writeHolder leaves the name of this process in a lock; the lock holds without, also
// where the disk has no room for it.
func writeHolder(f *os.File) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "process %d on %s\n", os.Getpid(), host), 0)
	}
}

// holderOf is who wrote its name into the lock file.
func holderOf(f *os.File) string {
	name, err := io.ReadAll(io.NewSectionReader(f, 0, holderBytes))
	if text := strings.TrimSpace(string(name)); err == nil && text != "" {
		return text
	}
	return "another process"
}
