package filestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/checkpoint/filestore"
	"g2c/checkpoint/filestore/diskfault"
	"g2c/checkpoint/store"
	"g2c/checkpoint/storetest"
	"g2c/internal/fault"
)

func open(t *testing.T, dir string) *filestore.Store {
	t.Helper()
	s, err := filestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) })
}

func leftovers(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, ".tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// write puts one object and one manifest: every kind of operation.
func write(t *testing.T, s *filestore.Store, content string) error {
	if err := s.Put(t.Context(), "objects/o", strings.NewReader(content)); err != nil {
		return err
	}
	_, err := s.PutIfAbsent(t.Context(), "manifests/k/1", strings.NewReader("manifest of "+content))
	return err
}

// contentOf is the object, "" where there is none, and fails on anything torn.
func contentOf(t *testing.T, s store.Reader, key string, allowed ...string) string {
	t.Helper()
	r, err := s.Get(t.Context(), key)
	if errors.Is(err, store.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	buf := new(strings.Builder)
	if _, err := r.(*os.File).WriteTo(buf); err != nil {
		t.Fatal(err)
	}
	for _, a := range allowed {
		if buf.String() == a {
			return a
		}
	}
	t.Fatalf("%s is torn: %d bytes", key, buf.Len())
	return ""
}

// TestStopAnywhere stops the process in every single operation, with and
// without a power cut: each object is whole or absent, an acknowledged one is
// there, leftovers are swept, and the same writes then succeed.
func TestStopAnywhere(t *testing.T) {
	for name, lacks := range fileSystems {
		t.Run(name, func(t *testing.T) { stopAnywhere(t, lacks) })
	}
}

func stopAnywhere(t *testing.T, lacks map[string]error) {
	const old, young = "old bytes", "young and longer bytes"
	for _, powerCut := range []bool{false, true} {
		if powerCut && (lacks["syncdir"] != nil || lacks["sync"] != nil) {
			continue // what was not flushed may go
		}
		for k, finished := 1, false; !finished; k++ {
			dir := filepath.Join(t.TempDir(), "store")
			disk := diskfault.New()
			disk.Lacks = lacks
			disk.StopAt(k)
			s, err := filestore.OpenOn(dir, disk)
			acknowledged := false
			if err == nil {
				err = write(t, s, young)
				acknowledged = err == nil
			}
			finished = !disk.Stopped()
			if finished != (err == nil) {
				t.Fatalf("stop at %d: stopped %v, error %v", k, disk.Stopped(), err)
			}
			if powerCut {
				if err := disk.PowerCut(); err != nil {
					t.Fatal(err)
				}
			}
			again := open(t, dir)
			if n := leftovers(t, dir); n != 0 {
				t.Errorf("stop at %d: %d leftovers after opening", k, n)
			}
			object := contentOf(t, again, "objects/o", old, young)
			manifest := contentOf(t, again, "manifests/k/1", "manifest of "+young)
			if manifest != "" && object == "" || acknowledged && manifest == "" {
				t.Errorf("stop at %d, power cut %v: object %q, manifest %q, acknowledged %v", k, powerCut, object, manifest, acknowledged)
			}
			if err := write(t, again, young); err != nil {
				t.Errorf("stop at %d: writing again: %v", k, err)
			}
			if contentOf(t, again, "objects/o", young) == "" || contentOf(t, again, "manifests/k/1", "manifest of "+young) == "" {
				t.Errorf("stop at %d: not there after writing again", k)
			}
		}
	}
}

func TestFullDiskKeepsWhatWasThere(t *testing.T) {
	dir, disk := t.TempDir(), diskfault.New()
	s, err := filestore.OpenOn(dir, disk)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(t, s, "old"); err != nil {
		t.Fatal(err)
	}
	disk.Fill(5)
	err = s.Put(t.Context(), "objects/o", strings.NewReader("much too long"))
	if !errors.Is(err, store.ErrFull) || !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("full disk: %v", err)
	}
	if got := contentOf(t, s, "objects/o", "old"); got != "old" {
		t.Errorf("the old object is %q", got)
	}
	if n := leftovers(t, dir); n != 0 {
		t.Errorf("%d leftovers take the little space there is", n)
	}
	disk.Fill(-1)
	if err := s.Put(t.Context(), "objects/o", strings.NewReader("much too long")); err != nil {
		t.Error(err)
	}
}

func TestOpenSparesLivingWriters(t *testing.T) {
	dir, disk := t.TempDir(), diskfault.New()
	s, err := filestore.OpenOn(dir, disk)
	if err != nil {
		t.Fatal(err)
	}
	opened := false
	disk.Before = func(op, _ string) {
		if op == "rename" { // the temporary file is written and has no name yet
			opened = true
			open(t, dir)
			if n := leftovers(t, dir); n != 1 {
				t.Errorf("%d files being written, want 1", n)
			}
		}
	}
	if err := s.Put(t.Context(), "objects/o", strings.NewReader("x")); err != nil || !opened {
		t.Errorf("put: %v, opened %v", err, opened)
	}
}

func TestOpenSweepsOrphans(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, ".tmp", "99-1"), []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := filestore.OpenRead(dir); err != nil || leftovers(t, dir) != 1 {
		t.Errorf("opening for reading changed the store: %v", err)
	}
	open(t, dir)
	if n := leftovers(t, dir); n != 0 {
		t.Errorf("%d orphans left", n)
	}
}

func TestOpenRefusesClearly(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if _, err := filestore.Open(path); !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), file) {
			t.Errorf("open %s: %v", path, err)
		}
	}
	if _, err := filestore.OpenRead(filepath.Join(dir, "none")); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("open a missing store for reading: %v", err)
	}
	s, err := filestore.OpenRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "a", strings.NewReader("")); !errors.Is(err, store.ErrDenied) {
		t.Errorf("put into a reader: %v", err)
	}
	if err := s.Delete(t.Context(), "a"); !errors.Is(err, store.ErrDenied) {
		t.Errorf("delete from a reader: %v", err)
	}
}

// denied refuses every new file, as a directory without permission does (the
// tests may run as root, whom no mode stops).
type denied struct{ *diskfault.Disk }

func (denied) Create(path string) (filestore.File, error) {
	return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrPermission}
}

func TestUnwritableStoreIsRefusedAtOpen(t *testing.T) {
	_, err := filestore.OpenOn(t.TempDir(), denied{diskfault.New()})
	if !errors.Is(err, fault.ErrUnavailable) || !errors.Is(err, store.ErrDenied) {
		t.Errorf("got %v", err)
	}
}
