package atomicfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// prefix begins the names of files that are being written; hidden ones are nobody's data.
	prefix = ".g2c-new-"
	// randomBytes end them.
	randomBytes = 8
	// maxAge is how long a writer may take where there are no locks to ask.
	maxAge = 24 * time.Hour
	// attempts is how often a sweeper may take a new file for a leftover.
	attempts = 100
)

// IsTemporary says whether a name is that of a file that is being written, or was when
// its writer was killed.
func IsTemporary(name string) bool {
	random, ok := strings.CutPrefix(name, prefix)
	if !ok || len(random) != hex.EncodedLen(randomBytes) {
		return false
	}
	_, err := hex.DecodeString(random)
	return err == nil
}

// createLocked makes a file of a temporary name and locks it.
func createLocked(dir string, mode fs.FileMode) (out *os.File, held io.Closer, err error) {
	for range attempts {
		random := make([]byte, randomBytes)
		rand.Read(random) // never fails
		out, err = os.OpenFile(filepath.Join(dir, prefix+hex.EncodeToString(random)), os.O_CREATE|os.O_EXCL|os.O_RDWR, mode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		held, err = hold(out)
		if err == nil || errors.Is(err, errors.ErrUnsupported) {
			return out, held, nil
		}
		err = errors.Join(err, out.Close(), removed(out.Name()))
		if !errors.Is(err, errSwept) {
			return nil, nil, err
		}
	}
	return nil, nil, err
}

// errSwept is a new file that a sweeper met before it was locked.
var errSwept = errors.New("another process took the new file for a leftover")

// hold locks a new file by a descriptor of its own, so that the file can be closed, which
// may fail, before it has its name. errors.ErrUnsupported is a place without locks.
func hold(out *os.File) (io.Closer, error) {
	lock, err := os.OpenFile(out.Name(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errSwept
	}
	if err != nil {
		return nil, err
	}
	free, err := tryLock(lock)
	if err == nil && (!free || !isAt(lock, out.Name())) {
		err = errSwept
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// isAt says whether an open file still has its name.
func isAt(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(open, named)
}

// Sweep removes from a folder what killed writers left there, and says how many files it
// was: those whose lock is free, and where there are no locks those older than a day.
// What may not be opened stays. A folder that is missing has nothing.
func Sweep(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		if !e.Type().IsRegular() || !IsTemporary(e.Name()) {
			continue
		}
		gone, err := sweep(filepath.Join(dir, e.Name()))
		if err != nil {
			return n, err
		}
		if gone {
			n++
		}
	}
	return n, nil
}

// sweep removes a file that nobody is writing. It holds the lock meanwhile: a writer that
// has just made the file then takes another name.
func sweep(path string) (gone bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, nil // renamed meanwhile, or somebody else's
	}
	defer f.Close()
	free, err := tryLock(f)
	if errors.Is(err, errors.ErrUnsupported) {
		info, err := f.Stat()
		if err != nil {
			return false, err
		}
		free = time.Since(info.ModTime()) > maxAge
	} else if err != nil {
		return false, err
	}
	if !free || !isAt(f, path) {
		return false, nil
	}
	return true, removed(path)
}
