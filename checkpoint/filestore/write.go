package filestore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

const (
	// copyBytes is the piece in which a body is written: long enough that a
	// write costs little, short enough that a cancelled context is seen soon.
	copyBytes = 1 << 20
	// createTries bounds the search for a free temporary name.
	createTries = 100
	// creating is the lock of those who create by a look and a rename, and of those who
	// replace there.
	creating = "creating"
)

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, key string, body store.Body) error {
	_, _, err := s.put(ctx, key, body, func(tmp, path string) (bool, error) {
		return true, s.replace(ctx, tmp, path)
	})
	return err
}

// replace names a finished file, whatever has the name. Where there is no other way than a
// lock to create, renames are several steps beneath: readers wait for its holder.
func (s *Store) replace(ctx context.Context, tmp, path string) (err error) {
	if s.creates != byLock {
		return s.disk.Rename(tmp, path)
	}
	release, err := s.Lock(ctx, creating, false, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return s.disk.Rename(tmp, path)
}

// PutIfAbsent implements store.Store.
func (s *Store) PutIfAbsent(ctx context.Context, key string, body store.Body) (bool, error) {
	won, _, err := s.Create(ctx, key, body)
	return won, err
}

// Create implements store.Creator.
func (s *Store) Create(ctx context.Context, key string, body store.Body) (won bool, made store.Info, err error) {
	return s.put(ctx, key, body, func(tmp, path string) (bool, error) { return s.create(ctx, tmp, path) })
}

// create names a finished file, unless the name is taken.
func (s *Store) create(ctx context.Context, tmp, path string) (bool, error) {
	var err error
	switch s.creates {
	case byLink:
		err = s.disk.Link(tmp, path)
	case byRename:
		err = s.disk.RenameNew(tmp, path)
	case byLock:
		err = s.createLocked(ctx, tmp, path)
	}
	if errors.Is(err, fs.ErrExist) {
		return false, s.disk.Remove(tmp)
	}
	if err == nil && s.creates == byLink {
		err = s.disk.Remove(tmp)
	}
	return err == nil, err
}

// createLocked renames a file to a name that it found free. The lock keeps others who
// create in this way from looking meanwhile, and ends with the process.
func (s *Store) createLocked(ctx context.Context, tmp, path string) (err error) {
	release, err := s.Lock(ctx, creating, false, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fs.ErrExist)
	}
	return s.disk.Rename(tmp, path)
}

// put writes body to a temporary file and lets commit name it. The file stays
// open, and so locked against sweepers, until it has its name. made is the file that
// was written, as it was named.
func (s *Store) put(ctx context.Context, key string, body store.Body, commit func(tmp, path string) (bool, error)) (won bool, made store.Info, err error) {
	path, err := s.path(key)
	if err != nil {
		return false, made, err
	}
	if s.disk == nil {
		return false, made, readOnly(s.root)
	}
	// The temporary file comes first: a folder that was unmounted is not made again.
	f, tmp, err := s.createTemp()
	if err != nil {
		return false, made, s.unavailable("store", path, err)
	}
	won, err = s.fill(ctx, f, tmp, path, body, func(tmp, path string) (bool, error) {
		info, err := os.Stat(tmp)
		if err != nil {
			return false, err
		}
		made = infoOf(key, info)
		return commit(tmp, path)
	})
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		// Free the space at once where that is possible; after a commit there
		// is nothing under the name, and what stays the next Open sweeps.
		_ = s.disk.Remove(tmp)
		if cause := ctx.Err(); cause != nil && errors.Is(err, cause) {
			return false, made, fmt.Errorf("store %s: %w", path, err)
		}
		return false, made, s.unavailable("store", path, err)
	}
	return won, made, nil
}

func (s *Store) fill(ctx context.Context, f File, tmp, path string, body store.Body, commit func(tmp, path string) (bool, error)) (bool, error) {
	if err := s.mkdirAll(filepath.Dir(path)); err != nil {
		return false, err
	}
	if err := copyBody(ctx, f, body); err != nil {
		return false, err
	}
	if err := f.Sync(); err != nil && !lacks(err) {
		return false, err
	}
	won, err := commit(tmp, path)
	if err != nil {
		return false, err
	}
	// A loser flushes too: its caller will build on the winner's object.
	return won, s.syncDir(filepath.Dir(path))
}

func copyBody(ctx context.Context, w io.Writer, body store.Body) error {
	size := body.Size()
	buf := make([]byte, min(size, copyBytes))
	for offset := int64(0); offset < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		piece := buf[:min(size-offset, copyBytes)]
		if n, err := body.ReadAt(piece, offset); n < len(piece) {
			return fmt.Errorf("read the body at byte %d: %w", offset+int64(n), err)
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
		offset += int64(len(piece))
	}
	return ctx.Err()
}

// createTemp makes a temporary file under a name that no other writer has.
func (s *Store) createTemp() (File, string, error) {
	var err error
	for range createTries {
		// The process and a count keep names apart; hosts that share the
		// directory and collide are told so by Create and try the next.
		name := strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(s.sequence.Add(1), 10)
		path := filepath.Join(s.root, tmpName, name)
		var f File
		if f, err = s.disk.Create(path); err == nil {
			return f, path, nil
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, errSwept) {
			break
		}
	}
	return nil, "", err
}

// Delete implements store.Store.
func (s *Store) Delete(_ context.Context, key string) error {
	path, err := s.path(key)
	if err != nil {
		return err
	}
	if s.disk == nil {
		return readOnly(s.root)
	}
	err = s.disk.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.unavailable("delete", path, err)
	}
	if err := s.syncDir(filepath.Dir(path)); err != nil {
		return s.unavailable("delete", path, err)
	}
	return nil
}

func readOnly(root string) error {
	return fault.New(fault.ErrUnavailable, "write to store %s: opened for reading alone: %w", root, store.ErrDenied)
}
