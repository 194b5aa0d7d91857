package filestore

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"g2c/checkpoint/store"
	"g2c/internal/residue"
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
	f, err := s.openWhole(ctx, path)
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

// openTries bounds the attempts to open a file that is being replaced, absentTries those
// that find neither it nor anybody who replaces one.
const openTries, absentTries = 1000, 3

// openWhole opens a file. Where renames are several steps beneath (exFAT by FUSE), one
// that is replaced meanwhile is not there for a moment: whoever replaces one holds a lock.
func (s *Store) openWhole(ctx context.Context, path string) (f *os.File, err error) {
	missed := 0
	for range openTries {
		if f, err = os.Open(path); !absent(err) {
			return f, err
		}
		if _, there := os.Lstat(path); there == nil {
			continue
		}
		_, replaced, failed := s.Holder(creating)
		if missed++; failed != nil || !replaced && missed == absentTries {
			return nil, err
		}
		if !replaced {
			continue
		}
		missed = 0
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(firstPause):
		}
	}
	return nil, err
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
	return infoOf(key, info), nil
}

// infoOf describes a file. Its inode is another after every put, as long as those that
// it replaced last have theirs.
func infoOf(key string, info fs.FileInfo) store.Info {
	version := strconv.FormatInt(info.ModTime().UnixNano(), 36)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		version += "-" + strconv.FormatUint(stat.Ino, 36)
	}
	return store.Info{Key: key, SizeBytes: info.Size(), Modified: info.ModTime(), Version: version}
}

// List implements store.Reader. Files whose names are no keys are not objects
// and are left out, as is what operating systems leave in folders.
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
		if store.CheckKey(key) != nil || residue.Is(e.Name()) {
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
		infos = append(infos, infoOf(key, info))
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
