package pixelcache

import (
	"errors"
	"runtime"
	"weak"

	"g2c/internal/shard"
)

// Ref is where the pixels of one image lie. It stays good as long as it is held.
type Ref struct {
	mem  *memory
	file *File
	slot int
}

// memory is pixels in memory.
type memory struct {
	entry shard.Entry
	pix   []byte
}

// InMemory makes a Ref of pixels, which it keeps.
func InMemory(pixels []byte) Ref { return Ref{mem: &memory{pix: pixels}} }

// errNowhere is a Ref of pixels that nobody keeps.
var errNowhere = errors.New("the pixels are not kept")

// Kept tells whether the pixels are kept at all.
func (r Ref) Kept() bool { return r.mem != nil || r.file != nil }

// HeapBytes is how much memory the pixels take.
func (r Ref) HeapBytes() int64 {
	if r.mem == nil {
		return 0
	}
	return int64(len(r.mem.pix))
}

// Read copies the pixels, as many as to has room for: a whole image. What lies in a file
// is checked, and the error says that it is not what was written.
func (r Ref) Read(to []byte) error {
	switch {
	case r.mem != nil:
		copy(to, r.mem.pix)
		return nil
	case r.file != nil:
		return r.file.read(to, r.slot)
	}
	return errNowhere
}

// remember keeps pixels in memory if there is room for them: the cache itself forgets them
// with the last who uses them.
func (c *Cache) remember(e shard.Entry, pixels []byte) (Ref, weak.Pointer[memory]) {
	n := int64(len(pixels))
	if c.held.Add(n) > c.opt.Memory {
		c.held.Add(-n)
		c.note("%d MiB of decoded pixels are in memory: further images are decoded whenever they are needed, which is slow", c.opt.Memory>>20)
		return Ref{}, weak.Pointer[memory]{}
	}
	m := &memory{e, pixels}
	runtime.AddCleanup(m, func(n int64) { c.held.Add(-n) }, n)
	return Ref{mem: m}, weak.Make(m)
}
