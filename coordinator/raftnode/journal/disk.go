package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Disk is where files are changed. Reading folders, and files that are never written
// again, goes past it.
type Disk interface {
	// OpenFile opens a file with the flags of os.OpenFile.
	OpenFile(path string, flag int) (File, error)
	// MakeDir makes a folder; one that is there stays.
	MakeDir(path string) error
	// Remove removes a file, or a folder with all in it; one that is not there is gone.
	Remove(path string) error
	// Rename moves a file or a folder to a path where none is.
	Rename(from, to string) error
	// SyncDir waits until the names in a folder are on disk.
	SyncDir(path string) error
}

// File is what a journal needs of a file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
}

// OS is the disk of this machine.
type OS struct{}

// OpenFile implements Disk.
func (OS) OpenFile(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err // not a File that holds nil
	}
	return f, nil
}

// MakeDir implements Disk.
func (OS) MakeDir(path string) error { return os.MkdirAll(path, 0o700) }

// Remove implements Disk.
func (OS) Remove(path string) error { return os.RemoveAll(path) }

// Rename implements Disk.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// SyncDir implements Disk.
func (OS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
