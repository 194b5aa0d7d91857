package pixelcache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"
	"weak"

	"g2c/internal/shard"
)

// Hash is the SHA-256 of a file's bytes.
type Hash = [sha256.Size]byte

// side is the images of one side.
type side struct {
	c   *Cache
	n   int
	dir string // empty: memory alone

	mu       sync.Mutex
	files    map[[idBytes]byte]*File       // that were opened; nil for what is not there
	memories map[Hash]weak.Pointer[memory] // images in memory, by their files' bytes
	content  map[uint64]spot               // images in shards, by the first bytes of that hash
	shards   [][idBytes]byte               // that content counts
	scanned  bool                          // content has what is in the folder
	index    map[string]*folder            // of images' files, by folder
	open     *File                         // the shard that is written
	openAt   uint32                        // its place in shards
	writer   *shard.Writer
}

// spot is where an image may be: its shard, counted, and its place there. Tens of millions
// of them may be in a folder, so they are small, and what they point at is looked at.
type spot struct{ shard, slot uint32 }

// first is the first bytes of a hash.
func first(h *Hash) uint64 { return binary.LittleEndian.Uint64(h[:]) }

func newSide(c *Cache, n int) *side {
	s := &side{
		c: c, n: n, files: map[[idBytes]byte]*File{}, memories: map[Hash]weak.Pointer[memory]{}, content: map[uint64]spot{}, index: map[string]*folder{},
	}
	if c.root != "" {
		s.dir = filepath.Join(c.root, sideName(n))
	}
	return s
}

// Find is the image of a file at a path, without links, that is what it was when it was
// read last.
func (c *Cache) Find(sidePixels int, path string, st Stat) (e shard.Entry, r Ref, ok bool) {
	s := c.side(sidePixels)
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, name := filepath.Split(path)
	k, known := s.folder(dir).files[name]
	if !known || k.stat != st {
		return e, r, false
	}
	f := k.file
	if f == nil && k.id != ([idBytes]byte{}) {
		f = s.byID(k.id)
	}
	if f == nil {
		return s.find(k.hash)
	}
	return f.find(k.slot, &k.hash)
}

// Content is the image of a file's bytes.
func (c *Cache) Content(sidePixels int, h Hash) (shard.Entry, Ref, bool) {
	s := c.side(sidePixels)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scan()
	return s.find(h)
}

// find looks among what is known already.
func (s *side) find(h Hash) (e shard.Entry, r Ref, ok bool) {
	if p, ok := s.memories[h]; ok {
		if m := p.Value(); m != nil {
			return m.entry, Ref{mem: m}, true
		}
		delete(s.memories, h)
	}
	at, ok := s.content[first(&h)]
	if !ok {
		return e, r, false
	}
	f := s.byID(s.shards[at.shard])
	if f == nil {
		return e, r, false
	}
	return f.find(int(at.slot), &h)
}

// Put keeps the pixels of an image, which belong to the cache from now on, under the hash
// of its file's bytes.
func (c *Cache) Put(sidePixels int, h Hash, e shard.Entry, pixels []byte) Ref {
	s := c.side(sidePixels)
	e.Name = hex.EncodeToString(h[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, r, ok := s.find(h); ok { // two files have these bytes
		return r
	}
	if s.dir != "" && c.writable() {
		if r, ok := s.append(h, e, pixels); ok {
			return r
		}
	}
	r, mem := c.remember(e, pixels)
	if r.Kept() {
		s.memories[h] = mem
	}
	return r
}

// append writes an image to the shard that is open.
func (s *side) append(h Hash, e shard.Entry, pixels []byte) (Ref, bool) {
	written := int64(0)
	if s.open != nil {
		written = s.writer.Bytes()
	}
	if !s.c.room(written + int64(len(pixels))) {
		s.c.stop()
		return Ref{}, false
	}
	if s.open == nil {
		if err := s.begin(); err != nil {
			s.c.freeze(err)
			return Ref{}, false
		}
	}
	f := s.open
	f.mu.Lock()
	slot, err := s.writer.Append(e, pixels)
	if err == nil {
		f.entries = append(f.entries, e)
	}
	f.mu.Unlock()
	if err != nil {
		s.abandon(err)
		return Ref{}, false
	}
	s.content[first(&h)] = spot{s.openAt, uint32(slot)}
	if s.writer.Bytes() >= s.shardSize() {
		s.commit()
	}
	return f.Ref(slot), true
}

// begin opens a new shard.
func (s *side) begin() error {
	f := &File{c: s.c, side: s.n}
	rand.Read(f.id[:]) // never fails
	f.path = s.path(f.id)
	var err error
	if f.writing, err = create(f.path); err != nil {
		return err
	}
	s.open, s.writer = f, shard.NewWriter(f.writing, s.n)
	s.openAt = uint32(len(s.shards))
	s.files[f.id], s.shards = f, append(s.shards, f.id)
	return nil
}

// shardSize is when a shard is full.
func (s *side) shardSize() int64 { return max(shardBytes, int64(shard.ImageBytes(s.n))) }

// abandon gives up the open shard. This process reads on what was written, from a file
// without a name.
func (s *side) abandon(err error) {
	s.c.freeze(err)
	_ = s.open.writing.Discard() // what cannot be removed is swept
	s.open, s.writer = nil, nil
}

// commit puts the open shard under its name.
func (s *side) commit() {
	f := s.open
	if _, err := s.writer.Finish(); err != nil {
		s.abandon(err)
		return
	}
	s.open, s.writer = nil, nil
	f.mu.Lock()
	err := f.writing.Commit()
	f.writing, f.whole, f.checked = nil, err == nil, newBits(len(f.entries))
	f.mu.Unlock()
	if err != nil { // its images are decoded again when they are read
		s.c.freeze(err)
		return
	}
	s.c.grew(shard.Size(s.n, f.entries))
}

// flush writes what is not written: the open shard, and the index of folders.
func (s *side) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil {
		s.commit()
	}
	if s.dir == "" || s.c.frozen.Load() {
		return
	}
	for dir, f := range s.index {
		if f.changed {
			if err := s.writeFolder(dir, f); err != nil {
				s.c.freeze(err)
				return
			}
		}
		delete(s.index, dir) // it is read again when it is wanted
	}
}

// path is where the shard of an id lies.
func (s *side) path(id [idBytes]byte) string {
	return filepath.Join(s.dir, hex.EncodeToString(id[:])+shardSuffix)
}

const shardSuffix = ".shard"

// byID opens a shard, once; nil where it is not there or damaged.
func (s *side) byID(id [idBytes]byte) *File {
	f, ok := s.files[id]
	if ok || s.dir == "" {
		return f
	}
	path := s.path(id)
	err := s.c.pool.with(path, func(file *os.File) error {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		t, size, err := shard.ReadTable(file, info.Size())
		if err == nil && (size != info.Size() || t.Side != s.n) {
			err = shard.ErrDamaged
		}
		if err == nil {
			f = s.c.opened(path, 0, t)
			f.id = id
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		s.c.note(noteDamage, path, err)
		s.c.drop(path)
	}
	s.files[id] = f
	return f
}

// scan lists the images in the folder by content, once.
func (s *side) scan() {
	if s.scanned || s.dir == "" {
		return
	}
	s.scanned = true
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return // there is none yet
	}
	for _, d := range entries {
		id, ok := parseID(d.Name())
		if !ok {
			continue
		}
		f, opened := s.files[id]
		if f = s.byID(id); f == nil {
			continue
		}
		if f.whole { // what is being written is there already
			s.list(f)
		}
		if !opened {
			delete(s.files, id) // its table is read again if it is wanted
		}
	}
}

// list adds a shard's images to those known by content.
func (s *side) list(f *File) {
	s.shards = append(s.shards, f.id)
	for i := range f.entries {
		var h Hash
		if n, err := hex.Decode(h[:], []byte(f.entries[i].Name)); err != nil || n != len(h) {
			continue // not of a cache's
		}
		if _, ok := s.content[first(&h)]; !ok {
			s.content[first(&h)] = spot{uint32(len(s.shards) - 1), uint32(i)}
		}
	}
}

// parseID is the id that a file's name is made of.
func parseID(name string) (id [idBytes]byte, ok bool) {
	if len(name) != 2*idBytes+len(shardSuffix) || name[2*idBytes:] != shardSuffix {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(name[:2*idBytes]))
	return id, err == nil
}
