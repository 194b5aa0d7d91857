package pixelcache

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"g2c/internal/atomicfile"
	"g2c/internal/shard"
)

// File is a shard in a file.
type File struct {
	c    *Cache
	base int64 // where it begins in its file
	side int

	mu      sync.RWMutex
	path    string
	writing *atomicfile.File // while it is written, and for good where that failed
	entries []shard.Entry    // while it is written it grows
	id      [idBytes]byte    // that its name is made of; zeros for a pack's
	whole   bool             // it is written, under its name

	far  io.ReaderAt              // where it lies if not in a file of the cache
	near []atomic.Pointer[memory] // images of it in memory, where far is set

	checked []atomic.Uint32 // bits of images whose hash was right; fixed once whole
	spoilt  atomic.Bool     // an image of it was not what was written
}

// newBits is room for n bits.
func newBits(n int) []atomic.Uint32 { return make([]atomic.Uint32, (n+31)/32) }

const idBytes = 16

// Entries describe the images. They may not be changed.
func (f *File) Entries() []shard.Entry { return f.entries }

// Side is the side of the images in pixels.
func (f *File) Side() int { return f.side }

// Ref is where the pixels of image i lie.
func (f *File) Ref(i int) Ref { return Ref{file: f, slot: i} }

// Spoilt tells whether an image of it was not what was written.
func (f *File) Spoilt() bool { return f.spoilt.Load() }

// Hold keeps the pixels where they are until release, whatever else the folder is to have
// room for. A file that is gone already is an error, and spoilt: it is made anew.
func (f *File) Hold() (release func(), err error) {
	if f.far != nil {
		return func() {}, nil
	}
	if release, err = f.c.pool.hold(f.path); err != nil {
		f.spoilt.Store(true)
	}
	return release, err
}

// opened is a shard that is there.
func (c *Cache) opened(path string, base int64, t *shard.Table) *File {
	f := &File{c: c, base: base, side: t.Side, path: path, entries: t.Entries, whole: true}
	f.checked = newBits(len(t.Entries))
	return f
}

// find is image i, if it is that of a file's bytes. A file that was found damaged has none
// for who looks now: they are kept anew.
func (f *File) find(i int, h *Hash) (shard.Entry, Ref, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.spoilt.Load() || i < 0 || i >= len(f.entries) || f.entries[i].Name != hex.EncodeToString(h[:]) {
		return shard.Entry{}, Ref{}, false
	}
	return f.entries[i], f.Ref(i), true
}

// lasting is the id of a file that has its name; zeros for another.
func (f *File) lasting() (id [idBytes]byte) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.whole {
		id = f.id
	}
	return id
}

// read reads an image and checks it. A file of which an image fails loses its name, and is
// made anew by whoever reads the images next; this process reads on in it.
func (f *File) read(to []byte, slot int) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.far != nil {
		return f.stream(to, slot)
	}
	at := f.base + shard.Offset(f.side, slot)
	if f.writing != nil {
		_, err := f.writing.ReadAt(to, at)
		return f.verify(to, slot, err)
	}
	err := f.c.pool.with(f.path, func(file *os.File) error {
		_, err := file.ReadAt(to, at)
		return err
	})
	if err = f.verify(to, slot, err); err != nil && !f.spoilt.Swap(true) {
		f.c.note(noteDamage, f.path, err)
		_ = os.Remove(f.path) // it may be gone, or not ours: then it is met again
	}
	return err
}

// stream reads an image from afar, or from memory where there was room for it.
func (f *File) stream(to []byte, slot int) error {
	if m := f.near[slot].Load(); m != nil {
		copy(to, m.pix)
		return nil
	}
	_, err := f.far.ReadAt(to, f.base+shard.Offset(f.side, slot))
	if err = f.verify(to, slot, err); err != nil {
		f.spoilt.Store(true)
		return err
	}
	if r, _ := f.c.remember(f.entries[slot], bytes.Clone(to)); r.Kept() {
		f.near[slot].Store(r.mem)
	}
	return nil
}

// verify checks pixels that were read with err.
func (f *File) verify(pixels []byte, slot int, err error) error {
	if errors.Is(err, io.EOF) {
		return errCut
	}
	if err != nil {
		return err
	}
	word, bit := slot/32, uint32(1)<<(slot%32)
	before := word < len(f.checked) && f.checked[word].Load()&bit != 0
	if !f.entries[slot].Matches(pixels, before) {
		return shard.ErrDamaged
	}
	if !before && word < len(f.checked) {
		f.checked[word].Or(bit)
	}
	return nil
}

// errCut is a file that ends before an image that it had.
var errCut = fmt.Errorf("%w: it is cut", shard.ErrDamaged)

// drop removes a file that is of no use.
func (c *Cache) drop(path string) {
	c.pool.forget(path)
	_ = os.Remove(path) // it may be gone, or not ours: then it is met again
}
