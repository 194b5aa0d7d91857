//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// tryLock takes the lock of an open file if it is free. errors.ErrUnsupported is a file
// system without locks.
var tryLock = func(f *os.File) (free bool, err error) {
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return false, nil
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EBADF):
		return false, errors.ErrUnsupported // EBADF, EINVAL: network file systems that lock in their own ways
	}
	return false, err // ENOSYS and ENOTSUP are errors.ErrUnsupported already
}

// descriptor is the number of a descriptor of this process that a path means.
func descriptor(path string) (int, bool) {
	clean := filepath.Clean(path)
	number, ok := strings.CutPrefix(clean, "/proc/self/fd/")
	if !ok {
		number, ok = strings.CutPrefix(clean, "/dev/fd/")
	}
	n, err := strconv.Atoi(number)
	return n, ok && err == nil
}

// openDescriptor opens a path that means a descriptor of this process: what it is open on
// goes on where it is, also if that is a file.
func openDescriptor(path string) (*os.File, bool) {
	n, ok := descriptor(path)
	if !ok {
		return nil, false
	}
	fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	return os.NewFile(uintptr(fd), path), true
}

// keepOwner gives a file the owner of the one that it replaces, as far as this user may.
func keepOwner(f *os.File, there fs.FileInfo) {
	old, ok := there.Sys().(*syscall.Stat_t)
	if !ok || int(old.Uid) == os.Geteuid() && int(old.Gid) == os.Getegid() {
		return
	}
	if f.Chown(int(old.Uid), int(old.Gid)) != nil {
		_ = f.Chown(-1, int(old.Gid)) // its group at least
	}
}
