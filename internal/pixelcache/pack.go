package pixelcache

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"g2c/internal/shard"
)

// ErrNoFolder says that nothing can be kept in files: the caller keeps it in memory.
var ErrNoFolder = errors.New("the pixel cache has no folder")

// Pack is the shards of data that was sent, by its fingerprint, 64 hexadecimal digits:
// those that are kept, or else what fetch writes. Tables are checked here, pixels when
// they are read.
func (c *Cache) Pack(fingerprint string, bytes int64, fetch func(io.Writer) error) ([]*File, error) {
	if !c.writable() {
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
	if !c.room(bytes) {
		c.stop()
		return nil, ErrNoFolder
	}
	f, err := create(path)
	if err != nil {
		c.freeze(err)
		return nil, ErrNoFolder
	}
	out := &countingWriter{w: f}
	if err := fetch(out); err != nil && out.err == nil {
		return nil, errors.Join(err, f.Abort())
	}
	if err := f.Commit(); err != nil { // writing failed, and fetch with it
		c.freeze(err)
		return nil, ErrNoFolder
	}
	c.grew(out.n)
	c.pool.forget(path) // the file that was there before
	return c.openPack(path)
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
		if err != nil {
			return err
		}
		for at := int64(0); at < info.Size(); {
			t, n, err := shard.ReadTable(io.NewSectionReader(file, at, info.Size()-at), info.Size()-at)
			if err != nil {
				return fmt.Errorf("shard %d: %w", len(files), err)
			}
			files = append(files, c.opened(path, at, t))
			at += n
		}
		return nil
	})
	return files, err
}
