package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"g2c/checkpoint/s3store"
	"g2c/experiments/datasource"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/memlimit"
	"g2c/internal/pixelcache"
	"g2c/internal/remote"
)

// imageFlags say how images are read, and where their pixels are kept.
type imageFlags struct {
	cache, cacheLimit string
	skipBad, recheck  bool
	beside            int // processes that share what memory is left; 0 is one
}

func (f *imageFlags) add(c *cobra.Command) {
	addCache(c, &f.cache, &f.cacheLimit)
	c.Flags().BoolVar(&f.skipBad, "skip-bad", false, "leave out images that do not decode or are too small, and name them")
	c.Flags().BoolVar(&f.recheck, "recheck", false, "read every image again, also those that have not changed by their looks")
}

// addCache adds the flags of the pixel cache.
func addCache(c *cobra.Command, dir, limit *string) {
	c.Flags().StringVar(dir, "cache", os.Getenv("G2C_CACHE"), "directory of decoded pixels (G2C_CACHE; default the user's cache)")
	c.Flags().StringVar(limit, "cache-limit", os.Getenv("G2C_CACHE_LIMIT"), "how large it may be, such as 50GiB (G2C_CACHE_LIMIT; default a quarter of its disk)")
}

// open opens the cache. Where it cannot be had that is a note.
func (f *imageFlags) open() (*pixelcache.Cache, error) {
	limit, err := parseSize("--cache-limit", f.cacheLimit)
	if err != nil {
		return nil, err
	}
	opt := pixelcache.Options{Dir: cacheDir(f.cache), Limit: limit, Note: func(text string) { say("note: %s", text) }}
	if left, known := memlimit.Now(); known {
		opt.Memory = max(left.Bytes/pixelShare/int64(max(f.beside, 1)), 1)
	}
	return pixelcache.New(opt), nil
}

// pixelShare is the part of the memory that is left which pixels may take where no file
// can hold them.
const pixelShare = 2

// addresses reads images in buckets.
func addresses() remote.Files { return s3store.NewSource(os.Getenv) }

// opener opens what the tasks of an experiment read.
func (f *imageFlags) opener() (*datasource.Opener, error) {
	cache, err := f.open()
	return &datasource.Opener{Cache: cache, SkipBad: f.skipBad, Recheck: f.recheck, Remote: addresses(), Progress: readingOf(newDisplay())}, err
}

// options are for images of one side, below a path.
func (f *imageFlags) options(path string, size int, fit dataset.Fit) (dataset.Options, error) {
	cache, err := f.open()
	show := readingOf(newDisplay())
	return dataset.Options{
		Side: size, Fit: fit, Cache: cache, SkipBad: f.skipBad, Recheck: f.recheck, Remote: addresses(),
		Progress: func(done, total int) { show(path, done, total) },
	}, err
}

// readingOf shows how far the reading of a set is, until all of it is read.
func readingOf(d *display) func(set string, done, total int) {
	return func(set string, done, total int) {
		d.report(progress{name: "reading " + set, done: int64(done), total: int64(total), unit: "image"})
		if done == total {
			d.close()
		}
	}
}

// units are of sizes.
var units = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3},
	{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1}, {"", 1},
}

// parseSize reads a number of bytes with a unit; 0 for an empty text.
func parseSize(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(strings.ToLower(text), strings.ToLower(u.name))
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if n *= u.bytes; err == nil && n >= 1 && n < 1<<62 {
			return int64(n), nil
		}
		break
	}
	return 0, fault.New(fault.ErrSpec, "%s is %q, and must be a size such as 50GiB", flag, text)
}
