package dataset

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"g2c/internal/remote"
)

// finder finds files by paths as people have them: written on Windows, or in another
// Unicode form than the file system's. It remembers the folders that it has read and
// belongs to one goroutine.
type finder struct {
	folders map[string]map[string]string // entries by their name in NFC
	reals   map[string]string            // folders without links

	// Of what lies on other machines:
	ctx    context.Context                   // of the one search that this is for
	files  remote.Files                      // nil: nothing can be read from there
	listed map[string]map[string]remote.File // folders, and their files by address

	last     string // the path that was found last: who finds it asks for its links next
	lastLink bool
}

// find is a path that exists: the given one where it does, else with backslashes as
// slashes, each part in whatever Unicode form is there. It is the given one where
// nothing is found.
func (f *finder) find(path string) string {
	if info, err := os.Lstat(path); err == nil {
		f.last, f.lastLink = path, info.Mode()&fs.ModeSymlink != 0
		return path
	}
	for _, p := range []string{path, strings.ReplaceAll(path, `\`, "/")} {
		if found, ok := f.walk(filepath.Clean(p)); ok {
			return found
		}
	}
	return path
}

// Found is the path that exists where path was meant: itself, or else with backslashes as
// slashes and each part in whatever Unicode form is there; itself where nothing is found.
func Found(path string) string {
	var f finder
	return f.find(path)
}

// walk goes down a path part by part.
func (f *finder) walk(path string) (string, bool) {
	at := ""
	if filepath.IsAbs(path) {
		at = string(filepath.Separator)
	}
	for part := range strings.SplitSeq(path, string(filepath.Separator)) {
		if part == "" {
			continue
		}
		next := filepath.Join(at, part)
		if !exists(next) {
			entry, ok := f.entries(at)[NFC(part)]
			if !ok {
				return "", false
			}
			next = filepath.Join(at, entry)
		}
		at = next
	}
	return at, at != ""
}

// entries are the names in a folder; none where it cannot be read.
func (f *finder) entries(dir string) map[string]string {
	if dir == "" {
		dir = "."
	}
	if names, ok := f.folders[dir]; ok {
		return names
	}
	names := map[string]string{}
	list, _ := os.ReadDir(dir) // what cannot be read holds nothing that could be found
	for _, e := range list {
		if key := NFC(e.Name()); names[key] == "" {
			names[key] = e.Name()
		}
	}
	if f.folders == nil {
		f.folders = map[string]map[string]string{}
	}
	f.folders[dir] = names
	return names
}

// real is a file's path without links, for telling files apart.
func (f *finder) real(path string) string {
	link := f.lastLink
	if path != f.last {
		info, err := os.Lstat(path)
		link = err != nil || info.Mode()&fs.ModeSymlink != 0
	}
	if link {
		return realPath(path)
	}
	dir := filepath.Dir(path)
	real, ok := f.reals[dir]
	if !ok {
		if f.reals == nil {
			f.reals = map[string]string{}
		}
		real = realPath(dir)
		f.reals[dir] = real
	}
	return filepath.Join(real, filepath.Base(path))
}

// realPath is an absolute path without links, as far as it exists.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return path
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
