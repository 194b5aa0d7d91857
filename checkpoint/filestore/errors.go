package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

// errSwept is a temporary file that another process took for an orphan.
var errSwept = errors.New("temporary file was swept")

// unavailable turns an error of the operating system into one for the user,
// with the store's own sentinel in the chain.
func unavailable(doing, what string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.ErrUnavailable, "%s %s: %w", doing, what, chain(store.ErrFull, err)).
			WithHint("free some space and start again: what was saved before is untouched")
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		return fault.New(fault.ErrUnavailable, "%s %s: %w", doing, what, chain(store.ErrDenied, err)).
			WithHint("let this user read and write the directory, or give another with --store")
	}
	return fault.New(fault.ErrUnavailable, "%s %s: %w", doing, what, err).WithHint("check the disk or the network mount")
}

// unavailable is an error of a store that was opened: besides what an error of the
// operating system says, its folder may be gone, or have no locks.
func (s *Store) unavailable(doing, what string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) && path.Op == "flock" && (lacks(err) || errors.Is(err, syscall.ENOLCK)) {
		return noLocks(s.root, err)
	}
	if _, gone := os.Stat(filepath.Join(s.root, tmpName)); s.disk != nil && absent(gone) && absent(err) {
		return fault.New(fault.ErrUnavailable, "%s %s: store %s is gone: deleted, moved or unmounted since it was opened: %w", doing, what, s.root, err).
			WithHint("bring it back and start again: what was saved before goes on")
	}
	return unavailable(doing, what, err)
}

// chain is one error that is both, on one line.
func chain(sentinel, err error) error { return fmt.Errorf("%w: %w", sentinel, err) }

// absent is a path that names nothing, a file in place of a parent included.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
