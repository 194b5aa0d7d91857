package filestore

import (
	"errors"
	"fmt"
	"io/fs"
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
			WithHint("make the directory writable or give another with --store")
	}
	return fault.New(fault.ErrUnavailable, "%s %s: %w", doing, what, err).WithHint("check the disk or the network mount")
}

// chain is one error that is both, on one line.
func chain(sentinel, err error) error { return fmt.Errorf("%w: %w", sentinel, err) }

// absent is a path that names nothing, a file in place of a parent included.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
