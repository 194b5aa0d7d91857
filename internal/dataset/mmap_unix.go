//go:build unix

package dataset

import (
	"os"
	"syscall"
)

// mapFile maps a whole file read-only, so that processes of one host share its
// pages.
func mapFile(f *os.File, sizeBytes int) ([]byte, error) {
	return syscall.Mmap(int(f.Fd()), 0, sizeBytes, syscall.PROT_READ, syscall.MAP_SHARED)
}

func unmapFile(b []byte) error { return syscall.Munmap(b) }
