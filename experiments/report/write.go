package report

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"g2c/internal/fault"
	"g2c/internal/residue"
)

// The files of a report, beside those under figures/.
const (
	IndexFile  = "index.html"
	JSONFile   = "results.json"
	CSVFile    = "results.csv"
	FiguresDir = "figures"
	// MarkFile says whose report a directory is, and which files are the report's.
	MarkFile = ".g2c-report"
)

// mark is the content of MarkFile.
type mark struct {
	Experiment string   `json:"experiment"`
	RunHash    string   `json:"runHash"`
	Files      []string `json:"files"` // below the directory, with slashes
}

// Write writes a report to a directory: index.html, results.json, results.csv and
// figures/. Equal data gives equal bytes of every file. The report is made beside
// the directory and takes its name whole, so no reader meets half of one; where two
// directories cannot change names at once, a kill in the instant between two renames
// leaves the old report beside it, under a name that begins with a dot. What killed
// writers left half made is removed a day later. What was in the directory before is gone, so it
// must not exist, be empty, or hold a report of the same run and nothing else:
// MarkFile lists what is the report's.
func Write(ctx context.Context, dir string, d *Data) error {
	files, err := d.files()
	if err != nil {
		return err
	}
	if err := d.Replaceable(dir); err != nil {
		return err
	}
	if dir, err = placeOf(dir); err != nil {
		return unwritable(dir, err)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return unwritable(dir, err)
	}
	removeHalf(parent, time.Now().Add(-maxAge))
	made, err := os.MkdirTemp(parent, madePrefix+"*")
	if err != nil {
		return unwritable(dir, err)
	}
	defer os.RemoveAll(made)
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return fault.New(fault.ErrInterrupted, "report stopped: %w", err).WithHint("`g2c report` writes it again")
		}
		if err := writeFile(filepath.Join(made, filepath.FromSlash(f.Path)), f.Bytes); err != nil {
			return unwritable(dir, err)
		}
	}
	if err := os.Chmod(made, 0o755); err != nil {
		return unwritable(dir, err)
	}
	if err := exchange(made, dir); err != nil {
		return unwritable(dir, err)
	}
	return nil
}

// files is every file of the report.
func (d *Data) files() ([]Figure, error) {
	f := d.draw()
	page, err := d.html(f)
	if err != nil {
		return nil, err
	}
	inJSON, err := d.JSON()
	if err != nil {
		return nil, err
	}
	inCSV, err := d.CSV()
	if err != nil {
		return nil, err
	}
	out := append([]Figure{{Path: IndexFile, Bytes: page}, {Path: JSONFile, Bytes: inJSON}, {Path: CSVFile, Bytes: inCSV}}, f.all()...)
	m := mark{Experiment: d.Experiment, RunHash: d.RunHash}
	for _, file := range out {
		m.Files = append(m.Files, file.Path)
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", MarkFile, err)
	}
	return append(out, Figure{Path: MarkFile, Bytes: append(text, '\n')}), nil
}

func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// placeOf is where a directory lies: a link to it stays one.
func placeOf(dir string) (string, error) {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return filepath.Abs(dir)
}

// Replaceable refuses a directory that holds anything but this run's report, or in which
// this process works.
func (d *Data) Replaceable(dir string) error {
	dir, err := placeOf(dir)
	if err != nil {
		return unwritable(dir, err)
	}
	if here, err := os.Stat("."); err == nil {
		if there, err := os.Stat(dir); err == nil && os.SameFile(here, there) {
			return fault.New(fault.ErrSpec, "%s is the working directory, and a report replaces its directory", dir).WithHint("give it one of its own")
		}
	}
	entries, err := os.ReadDir(dir)
	entries = slices.DeleteFunc(entries, leftBySystem)
	if errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}
	if err != nil {
		return unwritable(dir, err)
	}
	own, m := d.owns(dir)
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return unwritable(dir, err)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return unwritable(dir, err)
		}
		switch name = filepath.ToSlash(name); {
		case leftBySystem(e) && e.IsDir():
			return fs.SkipDir
		case name == ".", leftBySystem(e), m.holds(name, e.IsDir()):
			return nil
		}
		return fault.New(fault.ErrSpec, "%s holds %s, which is not of a report", dir, name).
			WithHint("a report replaces its directory: move that elsewhere, or give the report one of its own")
	})
	if err == nil && !own {
		err = fault.New(fault.ErrSpec, "%s does not hold a report of this run of %s", dir, d.Experiment).
			WithHint("a report replaces its directory: give it one of its own, or remove that one")
	}
	return err
}

// leftBySystem tells what a system has left and makes again: it may go with an old report.
// Bins and snapshots, which hold what people had, may not.
func leftBySystem(e fs.DirEntry) bool {
	return residue.Is(e.Name()) && (!e.IsDir() || strings.EqualFold(e.Name(), "@eaDir"))
}

// Remove removes a report, and its directory with it unless that holds something else.
// whole says that nothing is left.
func Remove(dir string) (whole bool, err error) {
	_, m := new(Data).owns(dir)
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch {
		case leftBySystem(e) && e.IsDir():
			return cmp.Or(os.RemoveAll(path), fs.SkipDir)
		case e.IsDir() || !leftBySystem(e) && !m.holds(filepath.ToSlash(name), false):
			return nil
		}
		return os.Remove(path)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	_ = os.Remove(filepath.Join(dir, FiguresDir)) // it stays with what else it holds, and so does its directory
	return os.Remove(dir) == nil, err
}

// owns says whether a directory's report is of this run, and what is the report's there.
// Reports of older releases have no mark, and say less of whose they are.
func (d *Data) owns(dir string) (bool, mark) {
	var m mark
	text, err := os.ReadFile(filepath.Join(dir, MarkFile))
	if err == nil && json.Unmarshal(text, &m) == nil && m.Files != nil {
		return m.Experiment == d.Experiment && m.RunHash == d.RunHash, m
	}
	var there struct{ Experiment, SpecHash string }
	text, err = os.ReadFile(filepath.Join(dir, JSONFile))
	return err == nil && json.Unmarshal(text, &there) == nil && there.Experiment == d.Experiment && there.SpecHash == d.SpecHash, mark{}
}

// Written lists the files of the report in a directory, with slashes: the page last but for
// MarkFile, which names the others.
func Written(dir string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, MarkFile))
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read report: %w", err)
	}
	return Listed(text)
}

// Listed lists the files that the content of a MarkFile names, as Written does.
func Listed(content []byte) ([]string, error) {
	var m mark
	if err := json.Unmarshal(content, &m); err != nil {
		return nil, fault.New(fault.ErrData, "%s: %w", MarkFile, err)
	}
	for _, name := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return nil, fault.New(fault.ErrData, "%s: %q is outside the report", MarkFile, name)
		}
	}
	rest := slices.DeleteFunc(m.Files, func(name string) bool { return name == IndexFile || name == MarkFile })
	return append(rest, IndexFile, MarkFile), nil
}

// holds says whether a name is the report's. Without a mark, pictures below figures are.
func (m mark) holds(name string, isDir bool) bool {
	switch {
	case isDir:
		return name == FiguresDir
	case m.Files != nil:
		return name == MarkFile || slices.Contains(m.Files, name)
	case name == IndexFile, name == JSONFile, name == CSVFile:
		return true
	}
	ext := filepath.Ext(name)
	return strings.HasPrefix(name, FiguresDir+"/") && (ext == ".svg" || ext == ".png")
}

const (
	// madePrefix begins the names of reports that are being made.
	madePrefix = ".g2c-report-"
	// oldSuffix ends that of a report which another one replaces.
	oldSuffix = ".old"
	// maxAge is how long nobody takes to write a report.
	maxAge = 24 * time.Hour
)

// removeHalf removes reports that were begun before a moment and are not whole yet: their
// writers were killed. An old report that was moved aside stays, and so does what this
// user may not remove: it is hidden, and in nobody's way.
func removeHalf(parent string, before time.Time) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), madePrefix) || strings.HasSuffix(e.Name(), oldSuffix) {
			continue
		}
		if info, err := e.Info(); err != nil || !info.ModTime().Before(before) {
			continue // it is gone, or young
		}
		_ = os.RemoveAll(filepath.Join(parent, e.Name()))
	}
}

// exchange gives the made directory the name of the old one, which is then removed: both
// at once, or the old one is moved aside first.
func exchange(made, dir string) error {
	if swap(made, dir) == nil {
		return os.RemoveAll(made)
	}
	old := made + oldSuffix
	err := os.Rename(dir, old)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(made, dir); err != nil {
		if back := os.Rename(old, dir); back != nil && !errors.Is(back, os.ErrNotExist) {
			return fmt.Errorf("%w; what was there is now %s", err, old)
		}
		return err
	}
	return os.RemoveAll(old)
}

func unwritable(dir string, err error) error {
	return fault.New(fault.ErrUnavailable, "write report %s: %w", dir, err).WithHint("check space and permissions, or choose another directory")
}
