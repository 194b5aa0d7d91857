package filestore

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// Disk is every change filestore makes to a file system, one method a
// change, so that tests can fail or stop between any two (package diskfault).
// Reading goes straight to the operating system.
type Disk interface {
	// Mkdir makes one directory; one that exists is fs.ErrExist.
	Mkdir(path string) error
	// Create makes a new file and holds its lock until the file is closed,
	// which tells other processes that its writer lives.
	Create(path string) (File, error)
	// Link gives the file a second name; a name that is taken is fs.ErrExist.
	Link(from, to string) error
	// RenameNew gives the file another name; one that is taken is fs.ErrExist.
	RenameNew(from, to string) error
	// Rename replaces the name to, in one step.
	Rename(from, to string) error
	// Remove takes a name away.
	Remove(path string) error
	// SyncDir makes the names in a directory survive a power cut.
	SyncDir(path string) error
}

// File is a file being written.
type File interface {
	io.Writer
	// Sync makes the bytes survive a power cut.
	Sync() error
	Close() error
}

// OSDisk is the real Disk.
type OSDisk struct{}

var _ Disk = OSDisk{}

// Mkdir implements Disk.
func (OSDisk) Mkdir(path string) error { return os.Mkdir(path, 0o755) }

// Create implements Disk.
func (OSDisk) Create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	if err := claim(f, path); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// claim locks a new temporary file. The cleaner of another process can have
// taken it for an orphan in the moment before; errSwept then asks for another.
func claim(f *os.File, path string) error {
	got, err := tryFlock(f, syscall.LOCK_EX)
	if err != nil {
		return err
	}
	if !got {
		return errSwept
	}
	return stillNamed(f, path)
}

// stillNamed is errSwept where a path no longer names an open file.
func stillNamed(f *os.File, path string) error {
	named, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return errSwept
	}
	if err != nil {
		return err
	}
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(named, mine) {
		return errSwept
	}
	return nil
}

// Link implements Disk.
func (OSDisk) Link(from, to string) error { return os.Link(from, to) }

// RenameNew implements Disk.
func (OSDisk) RenameNew(from, to string) error {
	if err := renameNew(from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// Rename implements Disk.
func (OSDisk) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements Disk.
func (OSDisk) Remove(path string) error { return os.Remove(path) }

// SyncDir implements Disk.
func (OSDisk) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}

// tryFlock takes the lock of an open file, alone or shared, if nobody's keeps it
// away. The kernel drops it when the last descriptor goes, kill -9 included.
func tryFlock(f *os.File, how int) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		default:
			return false, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
}
