package dataset

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"g2c/internal/fault"
	"g2c/internal/filekind"
	"g2c/internal/remote"
)

// file is one image file found, before it is read.
type file struct {
	path  string // to open
	real  string // without links: what tells one file from another
	image Image  // Name always; the rest as far as known
	where string // the table's line that named it, or empty

	distant *distant // where it is read from; nil: path is of this machine
}

// newFile is the file at path, named relative to root.
func newFile(root, path, real string) (file, error) {
	if filekind.Slide(path) {
		return file{}, fault.New(fault.ErrData, "data %s is a whole slide, and slides are not read whole", Show(path)).WithHint("cut it into patches")
	}
	name := relative(root, path)
	if err := checkText("the name of image", name); err != nil {
		return file{}, err
	}
	return file{path: path, real: real, image: Image{Name: NFC(name)}}, nil
}

// listPath finds the images of a folder, a glob or a single file, sorted by name. A
// folder is searched to any depth, linked folders too; hidden files, and what systems
// leave, are passed over. It adds what is no image to the report's counts.
func listPath(path string, find *finder, r *Report) ([]file, error) {
	if err := checkText("the path of data", path); err != nil {
		return nil, err
	}
	if remote.Is(path) {
		return listAddress(path, find, r)
	}
	given := path
	path = find.find(path)
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return listFolder(path, path, r)
	case err == nil:
		f, err := newFile(filepath.Dir(path), path, find.real(path))
		return []file{f}, err
	case !isGlob(given):
		return nil, missing(given, err)
	}
	return listGlob(given, find, r)
}

// readHint ends messages on what holds no image.
const readHint = "JPEG, PNG and TIFF files are read"

// listFolder finds the images below dir, named relative to root, sorted by name.
func listFolder(dir, root string, r *Report) ([]file, error) {
	w := &walker{root: root, r: r}
	if err := w.walk(dir, true); err != nil {
		return nil, err
	}
	if len(w.found) == 0 {
		return nil, noImage("data folder "+Show(dir), w.unread)
	}
	sortFiles(w.found)
	return w.found, nil
}

// noImage says that a folder or pattern holds nothing that is read, and what it holds instead.
func noImage(where string, unread map[string]int) error {
	if len(unread) == 0 {
		return fault.New(fault.ErrData, "%s holds no image", where).WithHint("%s", readHint)
	}
	hint := "convert such images to PNG or TIFF"
	for ext := range unread {
		if filekind.Slide(ext) {
			hint = "slides are not read whole: cut them into patches"
		}
	}
	return fault.New(fault.ErrData, "%s holds no image that is read: %s", where, unreadText(unread)).WithHint("%s", hint)
}

// unreadText counts images of kinds that are not read, by extension.
func unreadText(unread map[string]int) string {
	var parts []string
	for _, ext := range sortedKeys(unread) {
		n := unread[ext]
		if filekind.Slide(ext) {
			parts = append(parts, count(n, Show(ext)+" file is a whole slide, which is not read", Show(ext)+" files are whole slides, which are not read"))
			continue
		}
		parts = append(parts, count(n, Show(ext)+" file is an image of a kind that is not read", Show(ext)+" files are images of a kind that is not read"))
	}
	return strings.Join(parts, "; ")
}

func sortFiles(all []file) {
	slices.SortStableFunc(all, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.image.Name, b.image.Name), cmp.Compare(a.path, b.path))
	})
}

// oneForm refuses files of one source whose names differ in their Unicode form alone:
// they would be one image.
func oneForm(files []file) error {
	seen := map[string]string{}
	for _, f := range files {
		other, ok := seen[f.image.Name]
		if ok && other != f.real {
			return fault.New(fault.ErrData, "images %s and %s have one name in Unicode's composed form", strconv.QuoteToASCII(other), strconv.QuoteToASCII(f.real)).
				WithHint("rename one of them")
		}
		seen[f.image.Name] = f.real
	}
	return nil
}

// relative is path below root, with slashes; path itself where it lies elsewhere.
func relative(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		rel = path
	}
	return filepath.ToSlash(rel)
}

func missing(path string, err error) error {
	if info, e := os.Lstat(path); e == nil && info.Mode()&fs.ModeSymlink != 0 && errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.ErrData, "data %s is a link that leads nowhere", Show(path)).WithHint("mend or remove it")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.ErrData, "data %s: there is no such file or folder", Show(path)).
			WithHint("relative paths are relative to the working directory")
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err // the path is in the message already
	}
	return fault.New(fault.ErrData, "data %s: %w", Show(path), err)
}
