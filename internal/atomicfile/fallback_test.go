package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// After a write that failed nothing is committed, whatever came after it.
func TestCommitRemembersAFailedWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	f, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	whole := f.out
	broken, err := os.Open(f.temp) // cannot be written to
	if err != nil {
		t.Fatal(err)
	}
	f.out = broken
	if _, err := f.Write([]byte("lost")); err == nil {
		t.Fatal("a file that is open for reading was written")
	}
	if err := broken.Close(); err != nil {
		t.Fatal(err)
	}
	f.out = whole
	if _, err := f.Write([]byte("kept")); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil {
		t.Error("a file with a hole was committed")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("it left %v, %v", entries, err)
	}
}

// Where a leftover cannot be held to its lock, its age decides.
func TestSweepByAge(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{prefix + "0000000000000000": 2 * maxAge, prefix + "1111111111111111": 0, "data": 2 * maxAge} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	locks := tryLock
	defer func() { tryLock = locks }()
	tryLock = func(*os.File) (bool, error) { return false, errors.ErrUnsupported }
	n, err := Sweep(dir)
	if n != 1 || err != nil {
		t.Errorf("swept %d, %v; one is old", n, err)
	}
	if _, err := os.Stat(filepath.Join(dir, prefix+"1111111111111111")); err != nil {
		t.Errorf("a young file is gone: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err != nil {
		t.Errorf("a file of the user's is gone: %v", err)
	}
	if err := Write(filepath.Join(dir, "x"), Options{}, []byte("text")); err != nil {
		t.Errorf("write without locks: %v", err)
	}
}

// A file system without hard links still lets one writer alone be the first.
func TestExclusiveWithoutLinks(t *testing.T) {
	links := link
	defer func() { link = links }()
	link = func(string, string) error { return fs.ErrPermission }
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := Write(path, Options{Exclusive: true}, []byte("first")); err != nil {
		t.Fatal(err)
	}
	f := &File{path: path, target: path, opt: Options{Exclusive: true}}
	if err := f.openTemporary(nil); err != nil { // it began before the first one ended
		t.Fatal(err)
	}
	if err := f.Commit(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the second: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "first" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}
