package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"g2c/internal/atomicfile"
	"g2c/internal/fault"
)

// WriteFolder writes every image of a set as a PNG below dir, under its name.
func WriteFolder(dir string, s *Set) error {
	for i := range s.Len() {
		im := s.Image(i)
		if !filepath.IsLocal(filepath.FromSlash(im.Name)) {
			return fault.New(fault.ErrData, "image name %q leaves its folder", im.Name)
		}
		pixels, err := s.Pixels(i)
		if err != nil {
			return err
		}
		if err := WritePNG(filepath.Join(dir, filepath.FromSlash(im.Name)), ToImage(s.side, pixels)); err != nil {
			return err
		}
	}
	return nil
}

// WriteTable writes images as a CSV with the default columns path, label, patient.
// Paths are the images' names, so they are relative to the table's folder.
func WriteTable(path string, images []Image) error {
	return writeTable(path, images, []groupColumn{{DefaultColumns().Patient, func(im Image) string { return im.Group }}})
}

// groupColumn is a column of a table, and what stands in it.
type groupColumn struct {
	name string
	cell func(Image) string
}

// groupColumns are the columns of what is known of every image: a column that some
// lack could not be read again.
func groupColumns(images []Image) []groupColumn {
	d := DefaultColumns()
	var known []groupColumn
	for _, c := range []groupColumn{
		{d.Patient, func(im Image) string { return im.Patient }},
		{d.Slide, func(im Image) string { return im.Slide }},
	} {
		if !slices.ContainsFunc(images, func(im Image) bool { return c.cell(im) == "" }) {
			known = append(known, c)
		}
	}
	return known
}

func writeTable(path string, images []Image, groups []groupColumn) error {
	text, err := encodeTable(images, groups)
	if err == nil {
		err = writeFile(path, text)
	}
	if err != nil {
		return fault.New(fault.ErrUnavailable, "write table %s: %w", path, err)
	}
	return nil
}

func encodeTable(images []Image, groups []groupColumn) ([]byte, error) {
	d := DefaultColumns()
	header := []string{d.Path, d.Label}
	for _, c := range groups {
		header = append(header, c.name)
	}
	lines := [][]string{header}
	for _, im := range images {
		line := []string{im.Name, im.Label}
		for _, c := range groups {
			line = append(line, c.cell(im))
		}
		lines = append(lines, line)
	}
	var b bytes.Buffer
	err := csv.NewWriter(&b).WriteAll(lines)
	return b.Bytes(), err
}

// writeFile writes a file, and makes its folder if that is missing.
func writeFile(path string, parts ...[]byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(path, atomicfile.Options{}, parts...)
}

// SplitRequest says how `g2c data split` divides a labelled source.
type SplitRequest struct {
	Source           string // a folder of class folders, or a CSV
	GroupPattern, By string // as Labelled has them
	Columns          Columns
	Validation, Test float64 // fractions by group; 0: no such part
	Seed             uint32
	Out              string // folder for train.csv, validation.csv and test.csv
	Force            bool   // replaces tables that are there and say something else
}

// SplitTables divides a labelled source by group and writes a table for each
// part, which data.labelled can name. It lists files and does not decode them.
func SplitTables(req SplitRequest) ([]Count, *Report, error) {
	pattern, err := newGrouper(req.GroupPattern)
	if err != nil {
		return nil, nil, err
	}
	r := &Report{}
	l := &lister{columns: req.Columns, pattern: pattern, by: req.By, r: r}
	files, err := l.set("all", []string{req.Source})
	if err != nil {
		return nil, nil, err
	}
	r.Images = len(files)
	images, err := splitFiles(files, req)
	if err != nil {
		return nil, nil, err
	}
	r.Grouping = groupingOf(images)
	r.Verdict.Checks = append(l.checks(), checkFiles(r))
	r.Verdict.judge(images, nil, false)
	if err := req.write(images); err != nil {
		return nil, nil, err
	}
	var counts []Count
	for _, t := range r.Verdict.Counts {
		counts = append(counts, Count{Split: t.Split, Class: t.Class, Images: t.Images, Groups: t.Groups})
	}
	return counts, r, nil
}

// write writes a table for each part, once none of them would hide what is there.
func (req *SplitRequest) write(images []Image) error {
	columns := groupColumns(images)
	tables := map[string][]byte{}
	var paths []string
	for _, p := range bySplit(images) {
		path := filepath.Join(req.Out, string(p.split)+".csv")
		text, err := encodeTable(p.images, columns)
		if err != nil {
			return fault.New(fault.ErrUnavailable, "write table %s: %w", path, err)
		}
		if err := req.replaceable(path, text); err != nil {
			return err
		}
		tables[path], paths = text, append(paths, path)
	}
	for _, part := range []Split{Train, Validation, Test} {
		path := filepath.Join(req.Out, string(part)+".csv")
		if _, err := os.Lstat(path); err == nil && tables[path] == nil {
			return fault.New(fault.ErrSpec, "%s is there, and this split has no such part: its images may be in others", path).WithHint("give another folder, or remove it")
		}
	}
	for _, path := range paths {
		if err := writeFile(path, tables[path]); err != nil {
			return fault.New(fault.ErrUnavailable, "%w", err)
		}
	}
	return nil
}

// replaceable refuses to write a table over the one that is split, whatever is asked for, and
// over a file that says something else unless that is.
func (req *SplitRequest) replaceable(path string, text []byte) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.New(fault.ErrUnavailable, "write table: %w", err)
	}
	if source, err := os.Stat(req.Source); err == nil && os.SameFile(source, info) {
		return fault.New(fault.ErrSpec, "%s would be written over %s, which is split", path, req.Source).WithHint("give another folder")
	}
	if req.Force || !info.Mode().IsRegular() {
		return nil
	}
	if there, err := os.ReadFile(path); err != nil || !bytes.Equal(there, text) {
		return fault.New(fault.ErrSpec, "%s is there, and says something else", path).WithHint("give another folder, or replace it with --force")
	}
	return nil
}

// splitFiles returns the images with their splits, named relative to req.Out.
func splitFiles(files []file, req SplitRequest) ([]Image, error) {
	out, err := filepath.Abs(req.Out)
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "folder %s: %w", req.Out, err)
	}
	images := make([]Image, len(files))
	pointers := make([]*Image, len(files))
	for i, f := range files {
		full, err := filepath.Abs(f.path)
		if err != nil {
			return nil, fault.New(fault.ErrUnavailable, "file %s: %w", f.path, err)
		}
		images[i] = f.image
		images[i].Name, images[i].Split = relative(out, full), Train
		pointers[i] = &images[i]
	}
	var parts []Part
	for _, p := range []Part{{Test, req.Test}, {Validation, req.Validation}} {
		if p.Fraction != 0 {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return nil, fault.New(fault.ErrSpec, "neither a test nor a validation fraction is given")
	}
	return images, SplitGroups(pointers, parts, req.Seed)
}
