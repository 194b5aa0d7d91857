package filestore

import "golang.org/x/sys/unix"

// renameNew renames a file in one step, unless the name is taken.
func renameNew(from, to string) error {
	return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
}
