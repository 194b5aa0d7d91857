package filestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"g2c/internal/fault"
)

// creation is a way to give a finished file a name that nobody else has taken.
type creation int

const (
	// byLink makes a hard link, which fails where there is a name.
	byLink creation = iota
	// byRename renames unless there is a name: for exFAT, FAT and shares without hard links.
	byRename
	// byLock looks and renames under a lock that every such writer holds.
	byLock
)

// Abilities are what the file system of a store can do.
type Abilities struct {
	HardLinks bool
	RenameNew bool // known where there are no hard links
	FileSync  bool
	DirSync   bool
}

// Notes say what a store has to do without, a sentence each.
func (a Abilities) Notes() []string {
	var notes []string
	switch {
	case a.HardLinks:
	case a.RenameNew:
		notes = append(notes, "its file system has no hard links: checkpoints are made by renames that replace nothing")
	default:
		notes = append(notes, "its file system has no hard links, nor renames that replace nothing: checkpoints are made under a lock, which must reach every machine that writes here")
	}
	switch {
	case !a.FileSync:
		notes = append(notes, "its file system cannot flush files: a power cut may take what was saved last")
	case !a.DirSync:
		notes = append(notes, "its file system cannot flush folders: a power cut may take the last checkpoint")
	}
	return notes
}

// Abilities are those found when the store was opened for writing.
func (s *Store) Abilities() Abilities { return s.can }

// Probe tries what a store in a folder that exists would need, in a new folder
// there that it removes again.
func Probe(dir string) (a Abilities, err error) {
	scratch, err := os.MkdirTemp(dir, ".probe-*")
	if err != nil {
		return a, unavailable("write to", dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	s, err := Open(scratch)
	if err != nil {
		return a, err
	}
	return s.can, nil
}

// probe makes a file and a second name for it, and flushes the folder: what a
// checkpoint needs is tried when a store is opened, not an epoch later.
func (s *Store) probe() error {
	f, path, err := s.createTemp()
	if err != nil {
		return err
	}
	err = s.try(f, path)
	return errors.Join(err, s.disk.Remove(path), f.Close())
}

func (s *Store) try(f File, path string) error {
	synced := f.Sync()
	named := s.disk.SyncDir(filepath.Dir(path))
	s.can.FileSync, s.can.DirSync = synced == nil, named == nil
	for _, err := range []error{synced, named} {
		if err != nil && !lacks(err) {
			return err
		}
	}
	second := path + "-second"
	err := s.disk.Link(path, second)
	if err == nil {
		s.can.HardLinks = true
		return s.disk.Remove(second)
	}
	if !noLinks(err) {
		return err
	}
	s.creates = byRename
	err = s.disk.RenameNew(path, second)
	if err == nil {
		s.can.RenameNew = true
		return s.disk.Rename(second, path)
	}
	if !lacks(err) && !noLinks(err) {
		return err
	}
	s.creates = byLock
	return nil
}

// syncDir flushes a folder where the file system can.
func (s *Store) syncDir(path string) error {
	if err := s.disk.SyncDir(path); !lacks(err) {
		return err
	}
	return nil
}

// lacks reports whether an error says that the file system has no such operation.
func lacks(err error) bool {
	for _, e := range []error{syscall.EINVAL, syscall.ENOSYS, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOTTY} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// noLinks reports whether an error of a link in a folder that was just written to
// says that the file system has none: some say that it is not permitted.
func noLinks(err error) bool {
	return lacks(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EMLINK)
}

// noLocks explains a file system without flock.
func noLocks(root string, err error) error {
	return fault.New(fault.ErrUnavailable, "the file system of store %s has no locks, by which runs keep out of each other's way: %w", root, err).
		WithHint("keep the store on a local disk, or have the share mounted with locks (for NFS not nolock, and with its lock service running)")
}
