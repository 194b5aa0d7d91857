package atomicfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"g2c/internal/atomicfile"
)

func write(t *testing.T, path, text string, o atomicfile.Options) {
	t.Helper()
	if err := atomicfile.Write(path, o, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// holds fails unless a folder has these files and no others.
func holds(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("the folder holds %q, want %q", got, names)
	}
}

func reads(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, want %q (%v)", filepath.Base(path), got, want, err)
	}
}

func TestWriteReplacesWhole(t *testing.T) {
	for _, sync := range []bool{false, true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "x")
		write(t, path, "old and longer", atomicfile.Options{Sync: sync})
		f, err := atomicfile.Create(path, atomicfile.Options{Sync: sync})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("new")); err != nil {
			t.Fatal(err)
		}
		reads(t, path, "old and longer")
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := f.Abort(); err != nil {
			t.Errorf("abort after commit: %v", err)
		}
		reads(t, path, "new")
		holds(t, dir, "x")
	}
}

func TestAbortLeavesWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	write(t, path, "old", atomicfile.Options{})
	for _, name := range []string{"x", "new"} {
		f, err := atomicfile.Create(filepath.Join(dir, name), atomicfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, "half")
		if err := f.Abort(); err != nil {
			t.Fatal(err)
		}
	}
	reads(t, path, "old")
	holds(t, dir, "x")
}

func TestModes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain") // what the umask leaves
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	usual, err := os.Stat(plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		opt  atomicfile.Options
		want fs.FileMode
	}{
		{"x", atomicfile.Options{}, 0o640},
		{"x", atomicfile.Options{Mode: 0o600}, 0o600},
		{"new", atomicfile.Options{}, usual.Mode().Perm()},
		{"secret", atomicfile.Options{Mode: 0o400}, 0o400},
	} {
		write(t, filepath.Join(dir, c.name), "text", c.opt)
		info, err := os.Stat(filepath.Join(dir, c.name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != c.want {
			t.Errorf("%s with %v is %v, want %v", c.name, c.opt, got, c.want)
		}
	}
}

func TestLinksStayLinks(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"real", "real/deep", "links"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "real/x"), "old", atomicfile.Options{})
	for from, to := range map[string]string{
		"links/x":      "../real/x",
		"links/twice":  "x",
		"links/folder": "../real/deep",
		"links/nobody": "folder/../y", // folder is in real/deep: this is real/y
		"links/round":  "round",
	} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"links/x": "real/x", "links/twice": "real/x", "links/nobody": "real/y", "links/folder/z": "real/deep/z"} {
		write(t, filepath.Join(dir, link), "by "+link, atomicfile.Options{})
		reads(t, filepath.Join(dir, target), "by "+link)
	}
	holds(t, filepath.Join(dir, "links"), "folder", "nobody", "round", "twice", "x")
	if err := atomicfile.Write(filepath.Join(dir, "links/round"), atomicfile.Options{}, nil); err == nil {
		t.Error("a ring of links was written")
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x"), "old", atomicfile.Options{})
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		opt  atomicfile.Options
		want error // nil: any
	}{
		{"x", atomicfile.Options{Exclusive: true}, fs.ErrExist},
		{"link", atomicfile.Options{Exclusive: true}, fs.ErrExist},
		{"sub", atomicfile.Options{}, nil},
		{"missing/x", atomicfile.Options{}, fs.ErrNotExist},
		{"x/y", atomicfile.Options{}, nil},
	} {
		path := filepath.Join(dir, filepath.FromSlash(c.name))
		err := atomicfile.Write(path, c.opt, []byte("new"))
		var at *fs.PathError
		if err == nil || (c.want != nil && !errors.Is(err, c.want)) || !errors.As(err, &at) || at.Path != path {
			t.Errorf("%s: %v, want %v of that path", c.name, err, c.want)
		}
	}
	reads(t, filepath.Join(dir, "x"), "old")
	holds(t, dir, "link", "sub", "x")
}

// One of many writers that want to be the first is, and its file is whole.
func TestExclusiveHasOneWinner(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	var won atomic.Int64
	var work sync.WaitGroup
	for i := range 16 {
		work.Go(func() {
			err := atomicfile.Write(path, atomicfile.Options{Exclusive: true}, bytes.Repeat([]byte{byte('a' + i)}, 1000))
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Errorf("a loser got %v", err)
			}
		})
	}
	work.Wait()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if won.Load() != 1 || !bytes.Equal(got, bytes.Repeat(got[:1], 1000)) {
		t.Errorf("%d won, and the file has %d bytes", won.Load(), len(got))
	}
	holds(t, dir, "x")
}

// Writers and sweepers at once: nothing is taken from under a writer.
func TestSweepersLeaveWritersAlone(t *testing.T) {
	dir := t.TempDir()
	stop := make(chan struct{})
	var sweepers, writers sync.WaitGroup
	for range 2 {
		sweepers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := atomicfile.Sweep(dir); err != nil {
					t.Errorf("sweep: %v", err)
					return
				}
			}
		})
	}
	for i := range 4 {
		writers.Go(func() {
			for n := range 100 {
				path := filepath.Join(dir, fmt.Sprint(i))
				if err := atomicfile.Write(path, atomicfile.Options{}, fmt.Append(nil, n)); err != nil {
					t.Errorf("write %d: %v", n, err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	sweepers.Wait()
	for i := range 4 {
		reads(t, filepath.Join(dir, fmt.Sprint(i)), "99")
	}
	holds(t, dir, "0", "1", "2", "3")
}

func TestIsTemporary(t *testing.T) {
	for name, want := range map[string]bool{
		".g2c-new-0123456789abcdef":  true,
		".g2c-new-0123456789abcde":   false,
		".g2c-new-0123456789abcdeg":  false,
		".g2c-new-0123456789abcdef0": false,
		"g2c-new-0123456789abcdef":   false,
		".g2c-new-":                  false,
	} {
		if got := atomicfile.IsTemporary(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}
