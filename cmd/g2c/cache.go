package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"g2c/internal/fault"
	"g2c/internal/pixelcache"
)

// cacheFlags are the flags of `g2c cache`.
type cacheFlags struct {
	dir, limit string
	all        bool
}

// newCache is `g2c cache`.
func newCache() *cobra.Command {
	c := &cobra.Command{Use: "cache", Short: "Look at the cache of decoded pixels, and trim it"}
	c.AddCommand(newCacheShow(), newCachePrune())
	asGroup(c)
	return c
}

// newCacheShow is `g2c cache show`.
func newCacheShow() *cobra.Command {
	var f cacheFlags
	c := &cobra.Command{
		Use:   "show",
		Short: "Show where the cache is, what it has and what it may have",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return showCache(c, &f) },
	}
	addCache(c, &f.dir, &f.limit)
	return c
}

// newCachePrune is `g2c cache prune`.
func newCachePrune() *cobra.Command {
	var f cacheFlags
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove from the cache what was not used for longest, until it has its limit",
		Long: `Remove from the cache what was not used for longest, until it has its limit: also
what earlier versions kept, and what killed processes left. What a process is
reading stays. Nothing is lost: images are decoded again when they are needed.

` + exitCodes,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return pruneCache(c, &f) },
	}
	addCache(c, &f.dir, &f.limit)
	c.Flags().BoolVar(&f.all, "all", false, "remove everything that is not being read")
	return c
}

// open finds the cache's folder and its limit.
func (f *cacheFlags) open() (dir string, limit int64, err error) {
	dir, err = cachePlace(f.dir)
	if dir == "" {
		return "", 0, fault.New(fault.ErrNotFound, "%w", err).WithHint("--cache says where it is")
	}
	if info, e := os.Stat(dir); e == nil && !info.IsDir() {
		return "", 0, fault.New(fault.ErrSpec, "the cache %w", err).WithHint("--cache says where it is")
	}
	if _, e := os.ReadDir(dir); e != nil && !errors.Is(e, fs.ErrNotExist) {
		return "", 0, fault.New(fault.ErrUnavailable, "look at the cache: %w", e).WithHint("let this user read it")
	}
	if limit, err = parseSize("--cache-limit", f.limit); err != nil {
		return "", 0, err
	}
	return dir, pixelcache.Limit(pixelcache.Options{Dir: dir, Limit: limit}), nil
}

func showCache(c *cobra.Command, f *cacheFlags) error {
	dir, limit, err := f.open()
	if err != nil {
		return err
	}
	u := pixelcache.Measure(dir)
	if wantJSON(c) {
		return printJSON(map[string]any{"dir": dir, "files": u.Files, "bytes": u.Bytes, "limit": limit})
	}
	_, err = fmt.Fprintf(stdout, "%s: %s in %s, of at most %s\n", dir, size(u.Bytes), plural(u.Files, "file"), size(limit))
	return err
}

func pruneCache(c *cobra.Command, f *cacheFlags) error {
	dir, limit, err := f.open()
	if err != nil {
		return err
	}
	if f.all {
		limit = 0
	}
	removed, err := pixelcache.Prune(dir, limit)
	if err != nil {
		return fault.New(fault.ErrUnavailable, "prune the cache %s: %w", dir, err)
	}
	u := pixelcache.Measure(dir)
	if wantJSON(c) {
		return printJSON(map[string]any{"dir": dir, "removed": removed, "left": u})
	}
	_, err = fmt.Fprintf(stdout, "removed %s in %s; %s in %s are left\n", size(removed.Bytes), plural(removed.Files, "file"), size(u.Bytes), plural(u.Files, "file"))
	return err
}

// size is a number of bytes for people.
func size(bytes int64) string {
	for _, u := range units[:4] {
		if float64(bytes) >= u.bytes {
			return fmt.Sprintf("%.1f %s", float64(bytes)/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", bytes)
}
