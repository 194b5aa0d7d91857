package pixelcache

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// pixelVersion rises with any change of how files become pixels, and of the files here:
// nothing of another version is met.
const pixelVersion = 3

// Defaults of Options.
const (
	DefaultMemory = 4 << 30
	// A disk's share for the cache: a quarter of it.
	limitDivisor = 4
	// Where a disk does not say how large it is.
	unknownLimit = 64 << 30
)

// shardBytes is how many bytes of pixels a shard has: what a killed process loses of
// its work, and how many files there are.
const shardBytes = 64 << 20

// trustAfter is how much older than its reading a file must be to be believed unchanged
// later: two changes within the steps of a file system's clock have one time.
const trustAfter = 2 * time.Second

// Options say where and how much is kept.
type Options struct {
	Dir    string           // empty: memory alone
	Limit  int64            // bytes that the folder may have; 0: a quarter of its disk
	Memory int64            // bytes of pixels that are kept in memory at most; 0: DefaultMemory
	Now    func() time.Time // time.Now where nil

	// Note, where set, hears in a sentence of what does not work and what is done
	// instead; it may be called from any goroutine.
	Note func(string)
}

// Cache keeps pixels. Its methods may be called from any goroutine.
type Cache struct {
	opt    Options
	root   string // DIR/v<version>; empty: memory alone
	pool   *pool
	held   atomic.Int64 // bytes in memory
	limit  int64
	frozen atomic.Bool // writing fails, and nothing more is written
	full   atomic.Bool // the folder has its limit: no more pixels are written

	mu     sync.Mutex
	sides  map[int]*side
	noted  map[string]bool // by format
	used   int64           // bytes in the folder, as far as known; -1: not yet
	coming int64           // bytes of packs that are being fetched into it
}

// New opens a cache. It does not fail: where the folder cannot be had it keeps pixels in
// memory, and says so.
func New(opt Options) *Cache {
	opt.Memory = cmp.Or(opt.Memory, DefaultMemory)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	c := &Cache{opt: opt, pool: newPool(), sides: map[int]*side{}, noted: map[string]bool{}, used: -1}
	if opt.Dir == "" {
		return c
	}
	root := filepath.Join(opt.Dir, fmt.Sprintf("v%d", pixelVersion))
	if err := os.MkdirAll(root, 0o755); err != nil {
		c.note("there is no pixel cache, and decoded pixels stay in memory: %v", err)
		return c
	}
	c.root = root
	c.limit = Limit(opt)
	sweep(opt.Dir)
	return c
}

// Dir is the folder; empty where there is none.
func (c *Cache) Dir() string {
	if c.root == "" {
		return ""
	}
	return c.opt.Dir
}

// Close writes what was not written yet and closes files. Pixels cannot be read afterwards.
func (c *Cache) Close() {
	c.Flush()
	c.pool.close()
}

// Flush makes what was read so far last: for the next process.
func (c *Cache) Flush() {
	c.mu.Lock()
	var all []*side
	for _, s := range c.sides {
		all = append(all, s)
	}
	c.mu.Unlock()
	for _, s := range all {
		s.flush()
	}
}

// side is the images of one side.
func (c *Cache) side(n int) *side {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sides[n]
	if s == nil {
		s = newSide(c, n)
		c.sides[n] = s
	}
	return s
}

// note says something of a kind once, however many files it is true of.
func (c *Cache) note(format string, args ...any) {
	c.mu.Lock()
	first := !c.noted[format]
	c.noted[format] = true
	c.mu.Unlock()
	if first && c.opt.Note != nil {
		c.opt.Note(fmt.Sprintf(format, args...))
	}
}

// Notes on damage: of images in the cache, and of data that was sent.
const (
	noteDamage = "the pixel cache is damaged, and images are read again, the first of %s: %v"
	noteSpoilt = "the pixel cache is damaged, and data is fetched again, the first %s: %v"
)

// freeze stops writing for good after a failure: what is there may still be read.
func (c *Cache) freeze(err error) {
	if !c.frozen.Swap(true) {
		c.note("the pixel cache is not written any more, and decoded pixels stay in memory: %v", err)
	}
}

// writable tells whether pixels may be written.
func (c *Cache) writable() bool { return c.root != "" && !c.frozen.Load() && !c.full.Load() }
