package filestore

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"g2c/checkpoint/store"
)

// Get implements store.Reader.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	f, err := s.open(ctx, key)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// GetRange implements store.Reader.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	f, err := s.open(ctx, key)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = store.CheckRange(offset, length, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, offset, length), f}, nil
}

func (s *Store) open(ctx context.Context, key string) (*os.File, error) {
	path, err := s.path(key)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, s.readError(key, path, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, unavailable("read", path, err)
	}
	if !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("read %s: %w", key, store.ErrNotExist)
	}
	return f, nil
}

func (s *Store) readError(key, path string, err error) error {
	if absent(err) {
		return fmt.Errorf("read %s: %w", key, store.ErrNotExist)
	}
	return unavailable("read", path, err)
}

// Stat implements store.Reader.
func (s *Store) Stat(_ context.Context, key string) (store.Info, error) {
	path, err := s.path(key)
	if err != nil {
		return store.Info{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return store.Info{}, s.readError(key, path, err)
	}
	if !info.Mode().IsRegular() {
		return store.Info{}, fmt.Errorf("read %s: %w", key, store.ErrNotExist)
	}
	return store.Info{Key: key, SizeBytes: info.Size(), Modified: info.ModTime()}, nil
}

// List implements store.Reader. Files whose names are no keys are not objects
// and are left out.
func (s *Store) List(ctx context.Context, prefix string) ([]store.Info, error) {
	var infos []store.Info
	folder, _ := splitPrefix(prefix)
	if folder != "" && store.CheckKey(folder) != nil {
		return nil, nil // no key begins like that
	}
	start := filepath.Join(s.root, filepath.FromSlash(folder))
	err := filepath.WalkDir(start, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return ignoreAbsent(err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		relative, err := filepath.Rel(s.root, path)
		if err != nil || relative == "." {
			return err
		}
		key := filepath.ToSlash(relative)
		if store.CheckKey(key) != nil {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !e.Type().IsRegular() || !strings.HasPrefix(key, prefix) {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return ignoreAbsent(err)
		}
		infos = append(infos, store.Info{Key: key, SizeBytes: info.Size(), Modified: info.ModTime()})
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("list %s: %w", start, err)
		}
		return nil, unavailable("list", start, err)
	}
	// Folder by folder is not key order: "a-b" comes before "a/b".
	slices.SortFunc(infos, func(a, b store.Info) int { return strings.Compare(a.Key, b.Key) })
	return infos, nil
}

// splitPrefix parts "manifests/ab" into the folder "manifests" and "ab".
func splitPrefix(prefix string) (folder, rest string) {
	i := strings.LastIndexByte(prefix, '/')
	if i < 0 {
		return "", prefix
	}
	return prefix[:i], prefix[i+1:]
}

// ignoreAbsent drops the error of a file deleted while a listing ran.
func ignoreAbsent(err error) error {
	if absent(err) {
		return nil
	}
	return err
}
