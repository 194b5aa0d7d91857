// Package filestore keeps objects as files under one directory. It is a
// store.Store and a store.Locker for one machine or a shared file system with
// flock; it knows nothing of what the objects mean.
//
//	DIR/<key>         one object, its key as the path
//	DIR/.tmp/         files being written; a writer holds the lock of its file
//	DIR/.lock         the lock of the whole store
//	DIR/.locks/<name> the other locks; who holds one alone has its process and host inside
//
// An object is written to a temporary file, flushed, given its name in one
// step (rename to replace, hard link to create), and its directory flushed:
// a kill or a power cut leaves the whole object or none. What a killed writer
// left in .tmp is removed by the next Open; files of living writers are kept.
// Open tries what the file system can do; where it has no hard links, files are
// created in another way (see creation), and where it cannot flush folders, they
// are not flushed.
//
// A Store may be used by many goroutines, and a directory by many Stores in
// many processes.
package filestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
	"g2c/internal/residue"
)

const (
	tmpName   = ".tmp"
	lockName  = ".lock"
	locksName = ".locks"
)

// Store is a directory of objects.
type Store struct {
	root     string
	disk     Disk // nil: read-only
	sequence atomic.Int64

	// Found when it was opened:
	can     Abilities
	creates creation
}

var (
	_ store.Creator = (*Store)(nil)
	_ store.Locker  = (*Store)(nil)
)

// Open opens a directory for reading and writing, makes it if need be, proves
// that it can be written, and clears what killed writers left.
func Open(dir string) (*Store, error) { return OpenOn(dir, OSDisk{}) }

// OpenOn is Open with another Disk.
func OpenOn(dir string, disk Disk) (*Store, error) {
	s := &Store{root: filepath.Clean(dir), disk: disk}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	return s, nil
}

// OpenRead opens a directory that exists for reading alone; it changes nothing
// in it, and puts and deletes are refused.
func OpenRead(dir string) (*Store, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.ErrNotFound, "store %s does not exist", dir).WithHint("check the path given as the store")
	case err != nil:
		return nil, unavailable("open store", dir, err)
	case !info.IsDir():
		return nil, notDirectory(dir)
	}
	return &Store{root: filepath.Clean(dir)}, nil
}

func notDirectory(dir string) error {
	return fault.New(fault.ErrUnavailable, "store %s is a file, not a directory", dir).WithHint("give a directory with --store")
}

// Root is the directory.
func (s *Store) Root() string { return s.root }

func (s *Store) prepare() error {
	if info, err := os.Stat(s.root); err == nil && !info.IsDir() {
		return notDirectory(s.root)
	}
	tmp := filepath.Join(s.root, tmpName)
	for _, dir := range []string{tmp, filepath.Join(s.root, locksName)} {
		if err := s.mkdirAll(dir); err != nil {
			return s.unavailable("make store", s.root, err)
		}
	}
	if err := s.sweep(tmp); err != nil {
		return s.unavailable("clear leftovers in store", s.root, err)
	}
	if err := s.probe(); err != nil {
		return s.unavailable("write to store", s.root, err)
	}
	return nil
}

// mkdirAll makes a directory and its parents and flushes each name made.
func (s *Store) mkdirAll(dir string) error {
	info, err := os.Stat(dir)
	if err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("a file is in the way")}
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := s.mkdirAll(parent); err != nil {
			return err
		}
	}
	if err := s.disk.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.syncDir(parent)
}

// sweep removes temporary files whose writer is gone: those whose lock is free.
func (s *Store) sweep(tmp string) error {
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || residue.Is(e.Name()) {
			continue // not ours
		}
		if err := s.sweepOne(filepath.Join(tmp, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (s *Store) sweepOne(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close() // read by nobody; closing only drops the lock
	orphan, err := tryFlock(f, syscall.LOCK_EX)
	if err != nil || !orphan {
		return err
	}
	return s.disk.Remove(path)
}

// path is the file of a key.
func (s *Store) path(key string) (string, error) {
	if err := store.CheckKey(key); err != nil {
		return "", err
	}
	return filepath.Join(s.root, filepath.FromSlash(key)), nil
}
