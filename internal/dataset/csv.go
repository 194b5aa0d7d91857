package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"g2c/internal/fault"
)

// Columns are the names of a table's columns. Path and Label must be there;
// Patient and Slide may be.
type Columns struct{ Path, Label, Patient, Slide string }

// DefaultColumns are the names where the spec gives none.
func DefaultColumns() Columns {
	return Columns{Path: "path", Label: "label", Patient: "patient", Slide: "slide"}
}

// orDefault fills in the names that are empty.
func (c Columns) orDefault() Columns {
	d := DefaultColumns()
	for _, f := range []struct{ name, def *string }{{&c.Path, &d.Path}, {&c.Label, &d.Label}, {&c.Patient, &d.Patient}, {&c.Slide, &d.Slide}} {
		if *f.name == "" {
			*f.name = *f.def
		}
	}
	return c
}

// row is one line of a table of labelled images.
type row struct {
	line                        int
	path, label, patient, slide string
}

// maxTableBytes bounds a table: some ten million images.
const maxTableBytes = 1 << 30

// readTable reads a CSV file of labelled images.
func readTable(path string, columns Columns) ([]row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, missing(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTableBytes+1))
	if err != nil {
		return nil, fault.New(fault.ErrData, "read table %s: %w", path, err)
	}
	if len(data) > maxTableBytes {
		return nil, fault.New(fault.ErrData, "table %s is over the limit of %d bytes", path, maxTableBytes)
	}
	rows, err := parseTable(data, columns.orDefault())
	if err != nil {
		return nil, fault.New(fault.ErrData, "table %s: %w", path, err).
			WithHint("a table has a header and a line for each image; data.labelled.columns names its columns")
	}
	return rows, nil
}

// parseTable reads comma-separated lines below a header. Columns that are not
// asked for are passed over. A group column is empty in all lines or in none.
func parseTable(data []byte, columns Columns) ([]row, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))) // spreadsheets begin with this mark
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	column := func(name string) int {
		return slices.IndexFunc(header, func(h string) bool { return strings.TrimSpace(h) == name })
	}
	path, label, patient, slide := column(columns.Path), column(columns.Label), column(columns.Patient), column(columns.Slide)
	for _, c := range []struct {
		at   int
		name string
	}{{path, columns.Path}, {label, columns.Label}} {
		if c.at < 0 {
			return nil, fmt.Errorf("line 1: no column %q among %s", c.name, strings.Join(header, ", "))
		}
	}
	var rows []row
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		cell := func(at int) string {
			if at < 0 {
				return ""
			}
			return strings.TrimSpace(fields[at])
		}
		x := row{line, cell(path), cell(label), cell(patient), cell(slide)}
		if x.path == "" || x.label == "" {
			return nil, fmt.Errorf("line %d: the path or the label is empty", line)
		}
		if strings.ContainsRune(x.path, 0) {
			return nil, fmt.Errorf("line %d: the path holds a zero byte", line)
		}
		rows = append(rows, x)
	}
	if len(rows) == 0 {
		return nil, errors.New("it names no image")
	}
	return rows, errors.Join(
		allOrNone(rows, columns.Patient, func(x row) string { return x.patient }),
		allOrNone(rows, columns.Slide, func(x row) string { return x.slide }))
}

// allOrNone refuses a column that is filled in for some images only.
func allOrNone(rows []row, name string, cell func(row) string) error {
	for _, x := range rows {
		if (cell(x) == "") != (cell(rows[0]) == "") {
			empty, filled := x.line, rows[0].line
			if cell(x) != "" {
				empty, filled = filled, empty
			}
			return fmt.Errorf("column %q is empty in line %d and filled in line %d", name, empty, filled)
		}
	}
	return nil
}

// tableFiles are the images of a table; paths are relative to its folder.
func tableFiles(path string, columns Columns) ([]file, []row, error) {
	rows, err := readTable(path, columns)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Dir(path)
	files := make([]file, len(rows))
	seen := map[string]int{}
	for i, x := range rows {
		full := filepath.FromSlash(x.path)
		if !filepath.IsAbs(full) {
			full = filepath.Join(dir, full)
		}
		if first, ok := seen[full]; ok {
			return nil, nil, fault.New(fault.ErrData, "table %s: lines %d and %d name the same image %s", path, first, x.line, x.path)
		}
		seen[full] = x.line
		files[i] = file{
			path:  full,
			image: Image{Name: relative(dir, full), Label: x.label},
			where: fmt.Sprintf("line %d of %s", x.line, path),
		}
	}
	return files, rows, nil
}
