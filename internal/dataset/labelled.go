package dataset

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"g2c/internal/fault"
)

// Labelled says where labelled images lie. Each path is a folder of class
// folders, or a CSV file.
type Labelled struct {
	Train, Test, Validation []string
	ValidationFraction      float64 // cut out of train by group; 0: not
	GroupPattern            string  // regexp with (?P<patient>…) or (?P<slide>…); empty: the tables' columns
	Columns                 Columns // names in tables; empty ones are the default
	Seed                    uint32  // of the split
}

// LoadLabelled loads labelled images with their groups and splits, and refuses
// splits that leak or lack a class. Test images may be loaded alone.
func LoadLabelled(ctx context.Context, src Labelled, opt Options) (*Set, *Report, error) {
	if len(src.Validation) > 0 && src.ValidationFraction != 0 {
		return nil, nil, fault.New(fault.ErrSpec, "data.labelled.validation is given both as paths and as a fraction")
	}
	if len(src.Train) == 0 && (len(src.Test) == 0 || len(src.Validation) > 0 || src.ValidationFraction != 0) {
		return nil, nil, fault.New(fault.ErrSpec, "data.labelled.train names nothing")
	}
	pattern, err := newGrouper(src.GroupPattern)
	if err != nil {
		return nil, nil, err
	}
	r := &Report{}
	var files []file
	var groupings []Grouping
	for _, part := range []struct {
		split Split
		paths []string
	}{{Train, src.Train}, {Validation, src.Validation}, {Test, src.Test}} {
		for _, p := range part.paths {
			found, by, err := listLabelled(p, src.Columns, pattern, r)
			if err != nil {
				return nil, nil, err
			}
			for i := range found {
				found[i].image.Split = part.split
			}
			files, groupings = append(files, found...), append(groupings, by)
		}
	}
	combine(groupings, r)
	images := make([]Image, len(files))
	for i, f := range files {
		images[i] = f.image
	}
	if err := checkSplits(images, r.Grouping); err != nil { // before the long work of decoding
		return nil, nil, err
	}
	s, err := load(ctx, files, opt, r)
	if err != nil {
		return nil, nil, err
	}
	if err := finishSplits(s, src, r); err != nil {
		return nil, nil, closeAfter(s, err)
	}
	return s, r, nil
}

// finishSplits cuts the validation part and checks what was really loaded.
func finishSplits(s *Set, src Labelled, r *Report) error {
	if src.ValidationFraction != 0 {
		var train []*Image
		for i := range s.images {
			if s.images[i].Split == Train {
				train = append(train, &s.images[i])
			}
		}
		if err := SplitGroups(train, []Part{{Validation, src.ValidationFraction}}, src.Seed); err != nil {
			return err
		}
	}
	warnTwins(s, r)
	return checkSplits(s.images, r.Grouping)
}

// warnTwins reports images whose very pixels lie in two splits.
func warnTwins(s *Set, r *Report) {
	first := map[[sha256.Size]byte]int{}
	twins, example := 0, [2]int{}
	for i, h := range s.hashes {
		j, ok := first[h]
		if !ok {
			first[h] = i
		} else if s.images[i].Split != s.images[j].Split {
			if twins == 0 {
				example = [2]int{j, i}
			}
			twins++
		}
	}
	if twins > 0 {
		a, b := s.images[example[0]], s.images[example[1]]
		r.warn("%d images have the same pixels as an image of another split, the first: %s (%s) and %s (%s)", twins, a.Name, a.Split, b.Name, b.Split)
	}
}

// listLabelled lists one folder of class folders, or one table, with groups.
func listLabelled(path string, columns Columns, pattern *grouper, r *Report) ([]file, Grouping, error) {
	var rows []row
	var files []file
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, "", missing(path, err)
	case info.IsDir():
		files, err = listClasses(path, r)
	case strings.EqualFold(filepath.Ext(path), ".csv"):
		files, rows, err = tableFiles(path, columns)
	default:
		err = fault.New(fault.ErrData, "labelled data %s is neither a folder nor a .csv file", path)
	}
	if err != nil {
		return nil, "", err
	}
	by, err := assignGroups(files, rows, pattern)
	return files, by, err
}

// listClasses lists a folder whose folders are classes.
func listClasses(dir string, r *Report) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, missing(dir, err)
	}
	var all []file
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, missing(path, err)
		case strings.HasPrefix(e.Name(), "."):
		case info.IsDir():
			found, err := listFolder(path, dir, r)
			if err != nil {
				return nil, err
			}
			for i := range found {
				found[i].image.Label = e.Name()
			}
			all = append(all, found...)
		case isImageName(e.Name()):
			return nil, fault.New(fault.ErrData, "image %s lies beside the class folders, so it has no class", path).
				WithHint("move it into the folder of its class")
		default:
			r.Ignored++
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.ErrData, "labelled data %s has no class folder", dir).WithHint("put the images of each class into a folder of its name, or give a CSV")
	}
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.image.Name, b.image.Name) })
	return all, nil
}
