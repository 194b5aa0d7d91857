package report

import "golang.org/x/sys/unix"

// swap has two directories change names at once. Some file systems cannot.
func swap(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
