package pixelcache

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Usage is what a cache folder has.
type Usage struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// kept is a file of a cache.
type kept struct {
	path  string
	bytes int64
	used  time.Time
	rank  rank
}

// rank is what goes before what.
type rank int

const (
	rankEarlier rank = iota // of earlier versions
	rankPixels
	rankIndex // small, and what makes the next look fast
)

// Measure counts what lies in a cache folder.
func Measure(dir string) Usage {
	var u Usage
	for _, f := range list(dir) {
		u.Files++
		u.Bytes += f.bytes
	}
	return u
}

// list is the files of a cache folder, those first that were not used for longest: files
// of earlier versions before all.
func list(dir string) []kept {
	var all []kept
	walk(dir, func(path string, d fs.DirEntry) {
		rel, err := filepath.Rel(dir, path)
		info, err2 := d.Info()
		if err != nil || err2 != nil {
			return
		}
		f := kept{path, info.Size(), info.ModTime(), rankPixels}
		switch rel = filepath.ToSlash(rel); {
		case current.MatchString(rel) && strings.HasSuffix(rel, ".idx"):
			f.rank = rankIndex
		case current.MatchString(rel):
		case earlier.MatchString(rel):
			f.rank = rankEarlier
		default:
			return // whose that is we do not know
		}
		all = append(all, f)
	})
	slices.SortFunc(all, func(a, b kept) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), a.used.Compare(b.used), cmp.Compare(a.path, b.path))
	})
	return all
}

// The files of a cache: of this version, and of those before it.
var (
	current = regexp.MustCompile(fmt.Sprintf(`^(v%d/\d+/([0-9a-f]{32}\.shard|index/[0-9a-f]{40}\.idx)|packs/[0-9a-f]{64}\.shards)$`, pixelVersion))
	earlier = regexp.MustCompile(`^([0-9a-f]{2}/[0-9a-f]{64}\.rgb|v\d+/\d+/([0-9a-f]{32}\.shard|index/[0-9a-f]{40}\.idx))$`)
)

// Prune removes from a cache folder what was not used for longest until it has at most so
// many bytes; what a process has open stays. It removes nothing that is no cache's.
func Prune(dir string, limit int64) (removed Usage, err error) {
	sweep(dir)
	all := list(dir)
	var sum int64
	for _, f := range all {
		sum += f.bytes
	}
	for _, f := range all {
		if sum <= limit && f.rank != rankEarlier {
			break
		}
		gone, failed := removeUnused(f.path)
		if failed != nil && err == nil {
			err = failed
		}
		if gone {
			sum -= f.bytes
			removed.Files++
			removed.Bytes += f.bytes
		}
	}
	removeEmpty(dir)
	return removed, err
}

// removeUnused removes a file unless a process has it open.
func removeUnused(path string) (gone bool, err error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if !lockAlone(f) {
		return false, nil
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return false, err
	}
	return true, nil
}

// removeEmpty removes folders of a cache that have nothing in them.
func removeEmpty(dir string) {
	for _, pattern := range []string{"v*/*/index", "v*/*", "v*", "packs", "[0-9a-f][0-9a-f]"} {
		folders, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			continue // a folder's name that is no pattern keeps its empty folders
		}
		for _, f := range folders {
			_ = os.Remove(f) // one that is not empty stays
		}
	}
}

// Limit is how many bytes the folder of a cache may have.
func Limit(opt Options) int64 {
	if opt.Limit > 0 {
		return opt.Limit
	}
	if n := diskBytes(opt.Dir); n > 0 {
		return n / limitDivisor
	}
	return unknownLimit
}

// room tells whether there is room for so many bytes that are not counted yet, and makes
// it if it can.
func (c *Cache) room(bytes int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roomLocked(bytes)
}

// roomLocked is room, called with the lock held.
func (c *Cache) roomLocked(bytes int64) bool {
	most := c.limit - c.coming - bytes
	if most < 0 {
		return false // whatever were removed
	}
	if c.used < 0 || c.used > most {
		c.used = Measure(c.opt.Dir).Bytes
		if c.used > most {
			if removed, err := Prune(c.opt.Dir, most); err == nil {
				c.used -= removed.Bytes
			}
		}
	}
	return c.used <= most
}

// reserve is room for a pack, which nobody else is promised until free is called.
func (c *Cache) reserve(bytes int64) (free func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.roomLocked(bytes) {
		return nil, false
	}
	c.coming += bytes
	return func() {
		c.mu.Lock()
		c.coming -= bytes
		c.mu.Unlock()
	}, true
}

// stop ends writing for want of room.
func (c *Cache) stop() {
	if !c.full.Swap(true) {
		c.note("the pixel cache has its limit of %.4g MiB, all of it in use, and further decoded pixels stay in memory (--cache-limit gives it more)", float64(c.limit)/(1<<20))
	}
}

// grew says that so many bytes were written.
func (c *Cache) grew(bytes int64) {
	c.mu.Lock()
	if c.used >= 0 {
		c.used += bytes
	}
	c.mu.Unlock()
}
