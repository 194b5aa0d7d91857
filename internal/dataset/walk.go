package dataset

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"g2c/internal/filekind"
	"g2c/internal/residue"
)

// walker finds the images below folders. It enters each folder once, whichever way leads
// there: first those that lie there themselves, then the linked ones, so that a link changes
// no name of what was found without it.
type walker struct {
	root    string   // that names are relative to
	pattern *pattern // what is wanted of it; nil: everything
	r       *Report
	found   []file
	unread  map[string]int  // images of kinds that are not read, by extension
	entered map[string]bool // folders, without links
	links   []linkedFolder  // to folders, not yet followed
}

// linkedFolder is a link to a folder.
type linkedFolder struct {
	path string
	dir  string // that it lies in, without links
	all  bool
}

// passedOver tells what is no data by its name: hidden, or left by a system.
func passedOver(name string) bool { return strings.HasPrefix(name, ".") || residue.Is(name) }

// walk finds the images below a folder and whatever is linked there. all says that everything in the
// folder is wanted, whatever the pattern.
func (w *walker) walk(dir string, all bool) error {
	w.unread, w.entered = map[string]int{}, map[string]bool{}
	if err := w.enter(dir, realPath(dir), all); err != nil {
		return err
	}
	for len(w.links) > 0 {
		next := w.links[0]
		w.links = w.links[1:]
		all, wanted := w.wants(next.path, next.all)
		real := realPath(next.path)
		switch {
		case !wanted:
			continue
		case w.entered[real] || holds(real, next.dir):
			w.r.Loops = append(w.r.Loops, next.path)
			continue
		}
		if err := w.enter(next.path, real, all); err != nil {
			return err
		}
	}
	w.r.addUnread(w.unread)
	return nil
}

// holds tells whether a folder is another, or one of those that hold it.
func holds(outer, inner string) bool {
	rel, err := filepath.Rel(outer, inner)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// wants tells whether something in a folder may be wanted, and whether everything is.
func (w *walker) wants(dir string, all bool) (everything, something bool) {
	if all {
		return true, true
	}
	rel := relative(w.root, dir)
	if w.pattern.matches(rel) {
		return true, true
	}
	return false, w.pattern.reaches(rel)
}

func (w *walker) enter(dir, real string, all bool) error {
	if w.entered[real] {
		return nil
	}
	w.entered[real] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return missing(dir, err)
	}
	for _, e := range entries {
		if passedOver(e.Name()) {
			continue
		}
		path, target := filepath.Join(dir, e.Name()), filepath.Join(real, e.Name())
		switch kind := e.Type(); {
		case kind.IsDir():
			if everything, something := w.wants(path, all); something {
				err = w.enter(path, target, everything)
			}
		case kind&fs.ModeSymlink != 0:
			err = w.link(path, real, all)
		default:
			err = w.file(path, target, kind, all)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// link takes a linked file, and keeps a linked folder for later. A link that leads nowhere
// is a file that cannot be read.
func (w *walker) link(path, dir string, all bool) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return w.file(path, realPath(path), 0, all)
	case info.IsDir():
		w.links = append(w.links, linkedFolder{path, dir, all})
		return nil
	}
	return w.file(path, realPath(path), info.Mode().Type(), all)
}

// file takes a file that is an image by its name, and counts what is none.
func (w *walker) file(path, real string, kind fs.FileMode, all bool) error {
	if !all && (w.pattern.folders || !w.pattern.matches(relative(w.root, path))) {
		return nil
	}
	switch {
	case IsImageName(path) && kind.IsRegular():
		f, err := newFile(w.root, path, real)
		if err != nil {
			return err
		}
		w.found = append(w.found, f)
	case filekind.Image(path):
		w.unread[filekind.Ext(path)]++
	default:
		w.r.Ignored++
	}
	return nil
}
