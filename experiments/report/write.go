package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"g2c/internal/fault"
)

// The files of a report, beside those under figures/.
const (
	IndexFile  = "index.html"
	JSONFile   = "results.json"
	CSVFile    = "results.csv"
	FiguresDir = "figures"
)

// Write writes a report to a directory: index.html, results.json, results.csv and
// figures/. Equal data gives equal bytes of every file. The report is made beside
// the directory and takes its name whole, so no reader meets half of one; a kill
// in the instant between the two renames leaves the old report beside it, under
// a name that begins with a dot. What was in the directory before is gone, so it
// must not exist, be empty, or hold a report of the same run.
func Write(ctx context.Context, dir string, d *Data) error {
	files, err := d.files()
	if err != nil {
		return err
	}
	if err := d.replaceable(dir); err != nil {
		return err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return unwritable(dir, err)
	}
	made, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+"-*")
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
	out := []Figure{{Path: IndexFile, Bytes: page}, {Path: JSONFile, Bytes: inJSON}, {Path: CSVFile, Bytes: inCSV}}
	return append(out, f.all()...), nil
}

func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// replaceable refuses a directory whose content is not a report's, or one of another run.
func (d *Data) replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}
	if err != nil {
		return unwritable(dir, err)
	}
	for _, e := range entries {
		switch e.Name() {
		case IndexFile, JSONFile, CSVFile, FiguresDir:
		default:
			return fault.New(fault.ErrSpec, "%s holds %s, which is not of a report", dir, e.Name()).
				WithHint("a report replaces its directory: give it one of its own")
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, JSONFile))
	var there struct {
		Experiment, RunHash, SpecHash string
	}
	if err == nil {
		err = json.Unmarshal(text, &there)
	}
	own := there.RunHash == d.RunHash
	if there.RunHash == "" { // reports of older releases say less
		own = there.SpecHash == d.SpecHash
	}
	if err != nil || there.Experiment != d.Experiment || !own {
		return fault.New(fault.ErrSpec, "%s does not hold a report of this run of %s", dir, d.Experiment).
			WithHint("a report replaces its directory: give it one of its own, or remove that one")
	}
	return nil
}

// exchange gives the made directory the name of the old one, which is moved
// aside first and then removed.
func exchange(made, dir string) error {
	old := made + ".old"
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
