//go:build unix

package atomicfile_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"g2c/internal/atomicfile"
	"g2c/internal/unprivileged"
)

const writerPath = "G2C_TEST_WRITER_PATH"

// TestMain lets the test binary stand in for another process: it begins a file, says so,
// and ends it when its standard input ends.
func TestMain(m *testing.M) {
	path := os.Getenv(writerPath)
	if path == "" {
		os.Exit(m.Run())
	}
	f, err := atomicfile.Create(path, atomicfile.Options{})
	if err == nil {
		_, err = f.Write([]byte("text\n"))
	}
	if err == nil {
		fmt.Fprintln(os.Stderr, "begun")
		if _, err = io.Copy(io.Discard, os.Stdin); err == nil {
			err = f.Commit()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// writer starts a process that is writing a file; closing its input ends it.
func writer(t *testing.T, path string, stdout *os.File) (*exec.Cmd, io.Closer) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), writerPath+"="+path)
	if stdout != nil {
		cmd.Stdout = stdout
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(said).ReadString('\n'); line != "begun\n" {
		t.Fatalf("the writer said %q, %v", line, err)
	}
	return cmd, in
}

func TestSweepRemovesWhatKilledWritersLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	killed, _ := writer(t, path, nil)
	alive, in := writer(t, path, nil)
	if n, err := atomicfile.Sweep(dir); n != 0 || err != nil {
		t.Errorf("swept %d files of living writers, %v", n, err)
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := killed.Wait(); err == nil {
		t.Fatal("the writer ended well, but was killed")
	}
	if n, err := atomicfile.Sweep(dir); n != 1 || err != nil {
		t.Errorf("swept %d files, %v; one writer was killed", n, err)
	}
	if err := errors.Join(in.Close(), alive.Wait()); err != nil {
		t.Fatal(err)
	}
	reads(t, path, "text\n")
	holds(t, dir, "x")
	if n, err := atomicfile.Sweep(filepath.Join(dir, "missing")); n != 0 || err != nil {
		t.Errorf("a missing folder: %d, %v", n, err)
	}
}

// What /dev/stdout is open on goes on where it is: neither replaced nor begun anew.
func TestStandardOutputIsWrittenStraight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("before\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/dev/stdout", "/dev/fd/1"} {
		log, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		cmd, in := writer(t, name, log)
		if err := errors.Join(in.Close(), cmd.Wait(), log.Close()); err != nil {
			t.Fatal(err)
		}
	}
	reads(t, path, "before\ntext\ntext\n")
}

func TestPipesAndDevicesAreWrittenStraight(t *testing.T) {
	write(t, os.DevNull, "text", atomicfile.Options{})
	dir := t.TempDir()
	path := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		got <- string(text)
	}()
	write(t, filepath.Join(dir, "link"), "through", atomicfile.Options{Sync: true})
	if text := <-got; text != "through" {
		t.Errorf("through the pipe came %q", text)
	}
	holds(t, dir, "link", "pipe")
}

func TestAFullDeviceFailsTheCommit(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skipf("SKIPPED: this system has no %s", full)
	}
	f, err := atomicfile.Create(full, atomicfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("text")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write: %v", err)
	}
	if err := f.Commit(); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), full) {
		t.Errorf("commit: %v", err)
	}
}

// A file that is protected is not replaced, though its folder would allow it.
func TestProtectedFilesStay(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.WriteFile(path, []byte("old"), 0o444); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{filepath.Dir(dir), dir} { // whoever acts may write there
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	unprivileged.Do(t, func() {
		beside := filepath.Join(dir, "beside")
		if err := atomicfile.Write(beside, atomicfile.Options{}, []byte("new")); err != nil {
			t.Errorf("a file beside it: %v", err)
		}
		if err := atomicfile.Write(path, atomicfile.Options{}, []byte("new")); !errors.Is(err, os.ErrPermission) {
			t.Errorf("got %v", err)
		}
	})
	reads(t, path, "old")
}
