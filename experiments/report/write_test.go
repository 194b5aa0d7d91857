package report

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"g2c/internal/fault"
)

// What a killed writer left half made goes, once nobody can be writing it; what was moved
// aside, and what is not ours, stays.
func TestHalfReportsAreRemoved(t *testing.T) {
	parent := t.TempDir()
	now := time.Now()
	for name, stays := range map[string]bool{madePrefix + "1": false, madePrefix + "2": true, madePrefix + "3" + oldSuffix: true, ".report-4": true, "report": true} {
		dir := filepath.Join(parent, name)
		if err := os.MkdirAll(filepath.Join(dir, FiguresDir), 0o755); err != nil {
			t.Fatal(err)
		}
		at := now.Add(-2 * time.Hour)
		if name == madePrefix+"2" {
			at = now
		}
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := os.Stat(dir); (err == nil) != stays {
				t.Errorf("%s: %v, stays %v", name, err, stays)
			}
		}()
	}
	removeHalf(parent, now.Add(-time.Hour))
}

// A report takes the place of another one whether two directories can change names at
// once or not.
func TestExchange(t *testing.T) {
	for _, there := range []bool{false, true} {
		parent := t.TempDir()
		made, dir := filepath.Join(parent, madePrefix+"1"), filepath.Join(parent, "report")
		if err := os.Mkdir(made, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(made, IndexFile), []byte("new"), 0o644); err != nil {
			t.Fatal(err)
		}
		if there {
			if err := os.MkdirAll(filepath.Join(dir, FiguresDir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := exchange(made, dir); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, IndexFile)); err != nil || string(text) != "new" {
			t.Errorf("the report holds %q, %v", text, err)
		}
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Errorf("beside it lies %v, %v", entries, err)
		}
	}
}

// What systems leave in a report's folder is no reason to refuse it; what people may have
// put there is.
func TestSystemsMayLeaveThingsInAReport(t *testing.T) {
	d := &Data{Experiment: "e", RunHash: "r"}
	put := func(dir string, names ...string) {
		t.Helper()
		for _, name := range names {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			text := "text"
			if name == MarkFile {
				text = `{"experiment": "e", "runHash": "r", "files": ["index.html"]}`
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	left := []string{".DS_Store", "Thumbs.db", FiguresDir + "/._a.png", "@eaDir/index.html/SYNO@.fileindexdb"}
	report, empty := t.TempDir(), t.TempDir()
	put(report, append(left, MarkFile, IndexFile)...)
	put(empty, left[0], left[1])
	for _, dir := range []string{report, empty} {
		if err := d.Replaceable(dir); err != nil {
			t.Error(err)
		}
	}
	for _, dir := range []string{report, empty, filepath.Join(empty, "none")} {
		if whole, err := Remove(dir); !whole || err != nil {
			t.Errorf("removed %v, %v", whole, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", dir, err)
		}
	}
	for _, name := range []string{"#recycle/thesis.doc", ".ipynb_checkpoints/n.ipynb", "notes.txt"} {
		dir := t.TempDir()
		put(dir, MarkFile, IndexFile, name)
		if err := d.Replaceable(dir); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("with %s: %v", name, err)
		}
		whole, err := Remove(dir)
		entries, gone := os.ReadDir(dir)
		if _, kept := os.Stat(filepath.Join(dir, name)); whole || err != nil || gone != nil || kept != nil || len(entries) != 1 {
			t.Errorf("with %s removed %v, %v, and left %v", name, whole, err, entries)
		}
	}
}

// Whatever lies in a bucket under the name of a mark names no file outside its report.
func FuzzListed(f *testing.F) {
	f.Add([]byte(`{"files":["index.html","figures/a.svg"]}`))
	f.Add([]byte(`{"files":["../index.html","/etc/passwd"]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		names, err := Listed(content)
		if err != nil {
			return
		}
		for _, name := range names {
			if !filepath.IsLocal(filepath.FromSlash(name)) {
				t.Errorf("%q", name)
			}
		}
		if n := len(names); n < 2 || names[n-2] != IndexFile || names[n-1] != MarkFile {
			t.Errorf("%q", names)
		}
	})
}
