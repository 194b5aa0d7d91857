//go:build unix

package pixelcache

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// maxOpen is how many files may be kept open: a quarter of what the process may have.
func maxOpen() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return leastOpen
	}
	return int(min(max(l.Cur/4, leastOpen), mostOpen))
}

func lockShared(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_SH) }

// lockAlone takes a file's lock and tells whether nobody else has it: also where there
// are no locks.
func lockAlone(f *os.File) bool {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return !errors.Is(err, syscall.EWOULDBLOCK)
}

// identity is what the system knows of a file beside its size and time.
func identity(info fs.FileInfo) (changed int64, inode uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return changedAt(st), uint64(st.Ino)
}

// diskBytes is how large the file system of a folder is; 0 where it does not say.
func diskBytes(dir string) int64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0
	}
	return int64(s.Blocks) * int64(s.Bsize)
}
