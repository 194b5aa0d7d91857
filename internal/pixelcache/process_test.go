//go:build unix

package pixelcache

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func gc(t *testing.T) {
	t.Helper()
	runtime.GC()
	runtime.Gosched()
}

// A disk that is full is a note: what was written before, and what is not written any
// more, can be read. The process may write files of 100 kB only.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv("G2C_TEST_FULL_DISK"); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 100_000, Max: 100_000}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		var said notes
		c := New(Options{Dir: dir, Note: said.add})
		refs := put(c, 0, 5000)
		c.Flush()
		hold(t, refs, 0)
		big := packOf(t, 0, 2000)
		if _, err := New(Options{Dir: dir}).Pack(named("a"), int64(len(big)), func(w io.Writer) error { _, err := w.Write(big); return err }); !errors.Is(err, ErrNoFolder) {
			t.Errorf("a pack on a full disk: %v", err)
		}
		if len(said) != 1 || !strings.Contains(said[0], "not written any more") {
			t.Errorf("notes %q", said)
		}
		return
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run", "^TestFullDisk$")
	child.Env = append(os.Environ(), "G2C_TEST_FULL_DISK="+dir)
	if out, err := child.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Fatalf("%v\n%s", err, out)
	}
	var left []string
	walk(dir, func(path string, _ os.DirEntry) { left = append(left, path) })
	if len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}
