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
)

// file is one image file found, before it is read.
type file struct {
	path  string // to open
	real  string // without links: what tells one file from another
	image Image  // Name always; the rest as far as known
	where string // the table's line that named it, or empty
}

// newFile is the file at path, named relative to root.
func newFile(root, path, real string) (file, error) {
	name := relative(root, path)
	if err := checkText("the name of image", name); err != nil {
		return file{}, err
	}
	return file{path: path, real: real, image: Image{Name: NFC(name)}}, nil
}

// listPath finds the images of a folder, a glob or a single file, sorted by name. A
// folder is searched to any depth; hidden files are passed over. It adds what is no
// image to the report's count.
func listPath(path string, find *finder, r *Report) ([]file, error) {
	if strings.Contains(path, "://") {
		return nil, fault.New(fault.ErrData, "data %s: only folders, globs and files of this machine can be read", Show(path)).
			WithHint("copy or mount the data and name the folder")
	}
	if err := checkText("the path of data", path); err != nil {
		return nil, err
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

func isGlob(path string) bool { return strings.ContainsAny(path, "*?[") }

// listGlob takes names below the part of the pattern before its first special
// character.
func listGlob(pattern string, find *finder, r *Report) ([]file, error) {
	fixed := pattern[:strings.IndexAny(pattern, "*?[")]
	if dir := filepath.Dir(fixed + "x"); find.find(dir) != dir { // its folder has another Unicode form
		pattern = filepath.Join(find.find(dir), pattern[strings.LastIndexByte(fixed, filepath.Separator)+1:])
	}
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fault.New(fault.ErrData, "data %s: %w", Show(pattern), err)
	}
	root := filepath.Dir(pattern[:strings.IndexAny(pattern, "*?[")] + "x")
	var all []file
	for _, m := range matches {
		if strings.HasPrefix(filepath.Base(m), ".") {
			continue
		}
		info, err := os.Stat(m)
		if err != nil {
			return nil, missing(m, err)
		}
		switch {
		case info.IsDir():
			found, err := listFolder(m, root, r)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		case isImageName(m):
			f, err := newFile(root, m, find.real(m))
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		default:
			r.Ignored++
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.ErrData, "data %s: no image matches", Show(pattern)).WithHint("JPEG, PNG and TIFF files are read")
	}
	sortFiles(all)
	return all, nil
}

// listFolder finds the images below dir, named relative to root, sorted by name.
func listFolder(dir, root string, r *Report) ([]file, error) {
	real, err := filepath.EvalSymlinks(dir) // WalkDir does not enter a linked folder
	if err != nil {
		return nil, missing(dir, err)
	}
	whole := realPath(real)
	var all []file
	err = filepath.WalkDir(real, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return missing(p, err)
		}
		hidden := strings.HasPrefix(d.Name(), ".") && p != real
		switch {
		case hidden && d.IsDir():
			return fs.SkipDir
		case d.IsDir() || hidden:
		case isImageName(p):
			below := relative(real, p)
			target := filepath.Join(whole, below)
			if d.Type()&fs.ModeSymlink != 0 {
				target = realPath(p)
			}
			f, err := newFile(root, filepath.Join(dir, below), target)
			if err != nil {
				return err
			}
			all = append(all, f)
		default:
			r.Ignored++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.New(fault.ErrData, "data folder %s holds no image", Show(dir)).WithHint("JPEG, PNG and TIFF files are read")
	}
	sortFiles(all)
	return all, nil
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
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.ErrData, "data %s: there is no such file or folder", Show(path)).
			WithHint("relative paths are relative to the working directory")
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err // the path is in the message already
	}
	return fault.New(fault.ErrData, "data %s: %w", Show(path), err)
}
