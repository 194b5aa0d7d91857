package pixelcache

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"g2c/internal/shard"
)

// ErrNoFolder says that nothing can be kept in files: the caller keeps it in memory.
var ErrNoFolder = errors.New("the pixel cache has no folder")

// Pack is the shards of data that was sent, by its fingerprint, 64 hexadecimal digits:
// those that are kept, or else what fetch writes, which is bytes long. Tables are checked
// here, pixels when they are read. Whoever reads them holds a File first. What the folder
// has no room for, or cannot be written, is ErrNoFolder: see Stream.
func (c *Cache) Pack(fingerprint string, bytes int64, fetch func(io.Writer) error) ([]*File, error) {
	if c.root == "" {
		return nil, ErrNoFolder
	}
	path := c.packPath(fingerprint)
	c.pool.renew(path)
	if files, err := c.openPack(path); err == nil {
		return files, nil
	} else if !os.IsNotExist(err) {
		c.note(noteSpoilt, path, err)
		c.drop(path)
	}
	if c.frozen.Load() {
		return nil, ErrNoFolder
	}
	free, ok := c.reserve(bytes)
	if !ok {
		c.note("the pixel cache has its limit of %.4g MiB, too much of it in use for data of %.4g MiB, which is read from the store again and again (--cache-limit gives it more)",
			float64(c.limit)/(1<<20), float64(bytes)/(1<<20))
		return nil, ErrNoFolder
	}
	defer free()
	f, err := create(path)
	if err != nil {
		c.freeze(err)
		return nil, ErrNoFolder
	}
	out := &countingWriter{w: f}
	if err := fetch(out); err != nil && out.err == nil {
		return nil, errors.Join(err, f.Abort())
	}
	if err := f.Commit(); err != nil { // writing failed, and fetch with it; a disk that is full may have room for the next
		c.note("data cannot be written to the pixel cache, and is read from the store again and again: %v", err)
		return nil, ErrNoFolder
	}
	c.grew(out.n)
	c.pool.forget(path) // the file that was there before
	return c.openPack(path)
}

// Stream is the shards of data that lies elsewhere, one behind the other in the first bytes
// of r: each image is read from there when it is wanted, checked, and kept in memory as
// far as there is room.
func (c *Cache) Stream(r io.ReaderAt, bytes int64) ([]*File, error) {
	return readTables(r, bytes, func(base int64, t *shard.Table) *File {
		f := c.opened("", base, t)
		f.far, f.near = r, make([]atomic.Pointer[memory], len(t.Entries))
		return f
	})
}

const packsFolder = "packs"

// DropPack forgets a pack that is not what it should be.
func (c *Cache) DropPack(fingerprint string) { c.drop(c.packPath(fingerprint)) }

func (c *Cache) packPath(fingerprint string) string {
	return filepath.Join(c.opt.Dir, packsFolder, fingerprint+".shards")
}

// openPack opens the shards of a file, one behind the other.
func (c *Cache) openPack(path string) (files []*File, err error) {
	err = c.pool.with(path, func(file *os.File) error {
		info, err := file.Stat()
		if err == nil {
			files, err = readTables(file, info.Size(), func(base int64, t *shard.Table) *File { return c.opened(path, base, t) })
		}
		return err
	})
	return files, err
}

// readTables makes a File of each shard, one behind the other.
func readTables(r io.ReaderAt, bytes int64, open func(base int64, t *shard.Table) *File) (files []*File, err error) {
	for at := int64(0); at < bytes; {
		t, n, err := shard.ReadTable(io.NewSectionReader(r, at, bytes-at), bytes-at)
		if err != nil {
			return nil, fmt.Errorf("shard %d: %w", len(files), err)
		}
		files = append(files, open(at, t))
		at += n
	}
	return files, nil
}
