package dataset

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"g2c/internal/fault"
)

// file is one image file found, before it is read.
type file struct {
	path  string // to open
	image Image  // Name always; the rest as far as known
	where string // the table's line that named it, or empty
}

// listPaths finds the images of folders, globs and single files, sorted by name.
// A folder is searched to any depth; hidden files are passed over; a file named
// twice counts once. It adds what is no image to the report's count.
func listPaths(paths []string, r *Report) ([]file, error) {
	var all []file
	seen := map[string]bool{}
	for _, p := range paths {
		found, err := listPath(p, r)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if clean := filepath.Clean(f.path); !seen[clean] {
				seen[clean] = true
				all = append(all, f)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.image.Name, b.image.Name), cmp.Compare(a.path, b.path))
	})
	return all, nil
}

func listPath(path string, r *Report) ([]file, error) {
	if strings.Contains(path, "://") {
		return nil, fault.New(fault.ErrData, "data %s: only folders, globs and files of this machine can be read", path).
			WithHint("copy or mount the data and name the folder")
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return listFolder(path, path, r)
	case err == nil:
		return []file{{path: path, image: Image{Name: filepath.Base(path)}}}, nil
	case !strings.ContainsAny(path, "*?["):
		return nil, missing(path, err)
	}
	return listGlob(path, r)
}

// listGlob takes names below the part of the pattern before its first special
// character.
func listGlob(pattern string, r *Report) ([]file, error) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fault.New(fault.ErrData, "data %s: %w", pattern, err)
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
			all = append(all, file{path: m, image: Image{Name: relative(root, m)}})
		default:
			r.Ignored++
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.ErrData, "data %s: no image matches", pattern).WithHint("JPEG, PNG and TIFF files are read")
	}
	return all, nil
}

// listFolder finds the images below dir, named relative to root.
func listFolder(dir, root string, r *Report) ([]file, error) {
	real, err := filepath.EvalSymlinks(dir) // WalkDir does not enter a linked folder
	if err != nil {
		return nil, missing(dir, err)
	}
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
			shown := filepath.Join(dir, relative(real, p))
			all = append(all, file{path: shown, image: Image{Name: relative(root, shown)}})
		default:
			r.Ignored++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.New(fault.ErrData, "data folder %s holds no image", dir).WithHint("JPEG, PNG and TIFF files are read")
	}
	return all, nil
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
		return fault.New(fault.ErrData, "data %s: there is no such file or folder", path).
			WithHint("relative paths are relative to the working directory")
	}
	return fault.New(fault.ErrData, "data %s: %w", path, err)
}
