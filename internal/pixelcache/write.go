package pixelcache

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"g2c/internal/atomicfile"
)

// sideName is the folder of the images of a side.
func sideName(n int) string { return strconv.Itoa(n) }

// create begins a file, whose folder is made. Others may read the cache.
func create(path string) (*atomicfile.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return atomicfile.Create(path, atomicfile.Options{Mode: 0o644})
}

// writeFile writes a file whole or not at all.
func writeFile(path string, data []byte) error {
	f, err := create(path)
	if err != nil {
		return err
	}
	_, _ = f.Write(data) // Commit has its error
	return f.Commit()
}

// sweep removes what killed processes left half written.
func sweep(dir string) {
	var folders []string
	for _, pattern := range []string{packsFolder, "v*/*", "v*/*/" + indexFolder} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			continue // a folder's name that is no pattern keeps what was left
		}
		folders = append(folders, found...)
	}
	for _, dir := range folders {
		_, _ = atomicfile.Sweep(dir) // what cannot be removed is met again
	}
}

// walk visits the files below a folder, as far as they can be seen.
func walk(dir string, visit func(path string, d fs.DirEntry)) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			visit(path, d)
		}
		return nil
	})
}

// countingWriter remembers the first error of writing apart from errors of what is written.
type countingWriter struct {
	w   io.Writer
	n   int64
	err error
}

// Write implements io.Writer.
func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	if c.err == nil {
		c.err = err
	}
	return n, err
}
