//go:build !linux

package filestore

import "syscall"

// renameNew is not there.
func renameNew(_, _ string) error { return syscall.ENOSYS }
