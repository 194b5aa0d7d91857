package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"g2c/internal/fault"
	"g2c/internal/remote"
	"g2c/internal/userpath"
)

// Columns are the names of a table's columns. One that is given must be there, by
// exactly that name. One that is empty has its default name, in any case; path and
// label must be there all the same, patient and slide may be.
type Columns struct{ Path, Label, Patient, Slide string }

// DefaultColumns are the names where none are given.
func DefaultColumns() Columns {
	return Columns{Path: "path", Label: "label", Patient: "patient", Slide: "slide"}
}

// list is the names in a fixed order: path, label, patient, slide.
func (c Columns) list() [4]string { return [4]string{c.Path, c.Label, c.Patient, c.Slide} }

// find is where the columns stand in a header: -1 where one is missing that may be.
// The places are as good as can be told where there is an error.
func (c Columns) find(header []string) (at [4]int, err error) {
	var names []string
	for _, h := range header {
		names = append(names, NFC(strings.TrimSpace(h)))
	}
	given := c.list()
	for i, byDefault := range DefaultColumns().list() {
		var e error
		if given[i] == "" {
			at[i], e = findDefault(names, byDefault, i < 2)
		} else {
			at[i], e = findNamed(names, NFC(given[i]))
		}
		if err == nil {
			err = e
		}
	}
	if err == nil {
		err = distinct(names, at)
	}
	return at, err
}

// fit says whether a header has a path and a label.
func (c Columns) fit(header []string) bool {
	at, _ := c.find(header)
	return at[0] >= 0 && at[1] >= 0
}

// distinct refuses one column in two roles: patients that are labels or paths would put
// on one side of a split what is none's, or keep nothing together. A patient may have one
// slide, so those two may be one column.
func distinct(names []string, at [4]int) error {
	roles := DefaultColumns().list()
	for j := range at {
		for i := range min(j, 2) {
			if at[i] == at[j] {
				return fmt.Errorf("column %q is both %s and %s: name another one in data.labelled.columns", names[at[i]], roles[i], roles[j])
			}
		}
	}
	return nil
}

// findNamed finds a column that the spec names.
func findNamed(names []string, name string) (int, error) {
	at, err := findExact(names, name)
	if at >= 0 {
		return at, err
	}
	near := ""
	if i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) }); i >= 0 {
		near = fmt.Sprintf("; %q differs in case", names[i])
	}
	return -1, fmt.Errorf("there is no column %q, which data.labelled.columns names, among %s%s", name, quoted(names), near)
}

// findDefault finds a column by its default name, exactly so or else in any case.
func findDefault(names []string, name string, required bool) (int, error) {
	if at, err := findExact(names, name); at >= 0 {
		return at, err
	}
	var like []int
	for i, n := range names {
		if strings.EqualFold(n, name) {
			like = append(like, i)
		}
	}
	switch {
	case len(like) > 1:
		return like[0], fmt.Errorf("columns %q and %q may both be the column %s: name one in data.labelled.columns", names[like[0]], names[like[1]], name)
	case len(like) == 1:
		return like[0], nil
	case required:
		return -1, fmt.Errorf("there is no column %q among %s", name, quoted(names))
	}
	return -1, nil
}

func findExact(names []string, name string) (int, error) {
	at := slices.Index(names, name)
	if at >= 0 && slices.Contains(names[at+1:], name) {
		return at, fmt.Errorf("column %q occurs twice", name)
	}
	return at, nil
}

func quoted(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, fmt.Sprintf("%q", n))
	}
	return strings.Join(all, ", ")
}

// row is one line of a table of labelled images.
type row struct {
	line                        int
	path, label, patient, slide string
}

// table is what a CSV file says.
type table struct {
	rows   []row
	unused []string // columns that nothing reads
	empty  []string // group columns without a value in any row
}

// maxTableBytes bounds a table: some ten million images.
const maxTableBytes = 1 << 30

// readTable reads a CSV file of labelled images.
func readTable(path string, columns Columns, find *finder) (table, error) {
	data, err := find.tableBytes(path)
	if err != nil {
		return table{}, err
	}
	t, err := parseTable(data, columns)
	if err != nil {
		e := fault.New(fault.ErrData, "table %s: %w", Show(path), err)
		if errors.As(err, new(headerError)) {
			return table{}, e.WithHint("a table has a header and a line for each image; data.labelled.columns names its columns")
		}
		return table{}, e
	}
	return t, nil
}

// readTableFile reads a table of this machine.
func readTableFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, missing(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTableBytes+1))
	if err != nil {
		return nil, fault.New(fault.ErrData, "read table %s: %w", Show(path), err)
	}
	if len(data) > maxTableBytes {
		return nil, fault.New(fault.ErrData, "table %s is over the limit of %d bytes", Show(path), maxTableBytes)
	}
	return data, nil
}

// headerError is a header that lacks what is wanted.
type headerError struct{ error }

// parseTable reads lines of cells below a header. Columns that are not asked for and
// rows without any content are passed over. A group column is empty in all lines or
// in none.
func parseTable(data []byte, columns Columns) (table, error) {
	text, err := tableText(data)
	if err != nil {
		return table{}, err
	}
	c, header, err := openCells(text, columns.fit)
	if errors.Is(err, io.EOF) {
		return table{}, errors.New("it is empty")
	}
	if err != nil {
		return table{}, err
	}
	if len(header) == 1 {
		return table{}, fmt.Errorf("line %d: the header is the one cell %q: a table begins with its header, whose cells are separated by commas, semicolons or tabs", c.line(), header[0])
	}
	at, err := columns.find(header)
	if err != nil {
		return table{}, headerError{fmt.Errorf("line %d: %w (cells are separated by %s)", c.line(), err, c.separator())}
	}
	t := table{}
	for {
		fields, err := c.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return table{}, err
		}
		if slices.Equal(fields, header) {
			return table{}, fmt.Errorf("line %d: it is the header again: leave out such lines where tables are joined", c.line())
		}
		x, err := parseRow(c.line(), fields, len(header), at)
		if err != nil {
			return table{}, fmt.Errorf("line %d: %w", c.line(), err)
		}
		t.rows = append(t.rows, x)
	}
	if len(t.rows) == 0 {
		return table{}, errors.New("it names no image")
	}
	for i, h := range header {
		if !slices.Contains(at[:], i) && strings.TrimSpace(h) != "" {
			t.unused = append(t.unused, NFC(strings.TrimSpace(h)))
		}
	}
	return t, t.checkGroups(columns, at)
}

// parseRow takes the wanted cells out of a row.
func parseRow(line int, fields []string, width int, at [4]int) (row, error) {
	switch n := count(len(fields), "cell", "cells"); {
	case len(fields) < width:
		return row{}, fmt.Errorf("it has %s, the header has %d", n, width)
	case len(fields) > width:
		return row{}, fmt.Errorf("it has %s, the header has %d: a cell that holds a separator stands in double quotes", n, width)
	}
	var cell [4]string
	for i, what := range DefaultColumns().list() {
		if at[i] < 0 {
			continue
		}
		cell[i] = strings.TrimSpace(fields[at[i]])
		if !utf8.ValidString(cell[i]) {
			return row{}, fmt.Errorf("the %s %s is not UTF-8: save the table as UTF-8", what, Show(cell[i]))
		}
		if i > 0 { // a path must open a file, in whatever form it has
			cell[i] = NFC(cell[i])
		}
	}
	switch {
	case cell[0] == "" || cell[1] == "":
		return row{}, errors.New("the path or the label is empty")
	}
	for i, what := range DefaultColumns().list() {
		if strings.ContainsRune(cell[i], 0) {
			return row{}, fmt.Errorf("the %s holds a zero byte", what)
		}
	}
	return row{line, cell[0], cell[1], cell[2], cell[3]}, nil
}

// checkGroups refuses group columns that are filled in for some images only, or that
// the spec names and no image has.
func (t *table) checkGroups(columns Columns, at [4]int) error {
	given, byDefault := columns.list(), DefaultColumns().list()
	for i, cell := range [4]func(row) string{2: func(x row) string { return x.patient }, 3: func(x row) string { return x.slide }} {
		if i < 2 || at[i] < 0 {
			continue
		}
		name := given[i]
		if name == "" {
			name = byDefault[i]
		}
		if err := allOrNone(t.rows, name, cell); err != nil {
			return err
		}
		switch {
		case cell(t.rows[0]) != "":
		case given[i] != "":
			return headerError{fmt.Errorf("column %q, which data.labelled.columns names, is empty in every line", name)}
		default:
			t.empty = append(t.empty, name)
		}
	}
	return nil
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

// IsTable tells by its extension whether a file should be a table.
func IsTable(path string) bool {
	ext := filepath.Ext(path)
	return strings.EqualFold(ext, ".csv") || strings.EqualFold(ext, ".tsv")
}

// foreign is why a path that leads nowhere cannot be meant for this machine; nil where it
// can.
func foreign(path string) error {
	const remedy = "write where that lies on this machine, or relative to the table"
	_, err := userpath.Expand(path, "")
	bad := (*userpath.Error)(nil)
	switch {
	case strings.Contains(path, "://"):
		return errors.New("it is an address: only files of this machine can be read")
	case strings.HasPrefix(path, "~"):
		return errors.New("a table does not know whose home directory that is: " + remedy)
	case errors.As(err, &bad):
		return errors.New(bad.Why + ": " + remedy)
	}
	return nil
}

// tableFiles are the images of a table; paths are relative to its folder.
func tableFiles(path string, columns Columns, find *finder) ([]file, table, error) {
	t, err := readTable(path, columns, find)
	if err != nil {
		return nil, t, err
	}
	dir := filepath.Dir(path)
	files := make([]file, len(t.rows))
	seen := map[string]int{}
	for i, x := range t.rows {
		if find.remote(path, x.path) {
			files[i], err = find.tableRow(path, x)
		} else {
			files[i], err = localRow(path, dir, x, find)
		}
		if err != nil {
			return nil, t, err
		}
		if first, ok := seen[files[i].path]; ok {
			return nil, t, fault.New(fault.ErrData, "table %s: lines %d and %d name the same image %s", Show(path), first, x.line, Show(x.path))
		}
		seen[files[i].path] = x.line
		files[i].image.Label = x.label
		files[i].where = fmt.Sprintf("line %d of %s", x.line, Show(path))
	}
	return files, t, nil
}

// remote tells whether a path in a table is to be read from another machine.
func (f *finder) remote(table, path string) bool {
	return remote.Is(table) || f.files != nil && remote.Is(path)
}

// localRow is the image of a row of a table of this machine.
func localRow(table, dir string, x row, find *finder) (file, error) {
	full := filepath.FromSlash(x.path)
	if !filepath.IsAbs(full) {
		full = filepath.Join(dir, full)
	}
	full = find.find(full)
	if err := foreign(x.path); err != nil && !exists(full) {
		return file{}, fault.New(fault.ErrData, "table %s: line %d: the path %s: %w", Show(table), x.line, Show(x.path), err)
	}
	return newFile(dir, full, find.real(full))
}
