package filestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

const (
	lockDir  = "G2C_TEST_LOCK_DIR"
	heldLock = "task-a"
)

// TestMain lets the test binary stand in for another process: it holds the
// lock until its standard input ends.
func TestMain(m *testing.M) {
	dir := os.Getenv(lockDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := holdLock(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func holdLock(dir string) error {
	s, err := filestore.Open(dir)
	if err != nil {
		return err
	}
	release, err := s.Lock(context.Background(), heldLock, false, false)
	if err != nil {
		return err
	}
	fmt.Println("locked")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return release()
}

// holder starts a process that holds the lock; closing its input ends it.
func holder(t *testing.T, dir string) (*exec.Cmd, io.Closer) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), lockDir+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("the holder said %q, %v", line, err)
	}
	return cmd, in
}

func TestLockAcrossProcesses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	cmd, in := holder(t, dir)
	_, err := s.Lock(t.Context(), heldLock, false, false)
	if !errors.Is(err, fault.ErrUnavailable) || !errors.Is(err, store.ErrLocked) ||
		!strings.Contains(err.Error(), fmt.Sprintf("process %d ", cmd.Process.Pid)) {
		t.Errorf("second lock: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		release, err := s.Lock(context.Background(), heldLock, false, true)
		if err == nil {
			err = release()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Errorf("the waiter did not wait: %v", err)
	default:
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("the waiter: %v", err)
	}
}

func TestLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	cmd, _ := holder(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the holder ended well, but was killed")
	}
	release, err := s.Lock(t.Context(), heldLock, false, false)
	if err != nil {
		t.Fatalf("after kill -9: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestLockWithinOneProcess(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	release, err := a.Lock(t.Context(), heldLock, false, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Lock(t.Context(), heldLock, false, false); !errors.Is(err, store.ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Lock(ctx, heldLock, false, true); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("cancelled wait: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	release, err = b.Lock(t.Context(), heldLock, false, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// Who shares a lock keeps away those who want it alone, and they keep away those who
// share it; other locks are no matter.
func TestLocksAreSharedOrNot(t *testing.T) {
	s := open(t, t.TempDir())
	take := func(name string, shared bool) (func() error, bool) {
		t.Helper()
		release, err := s.Lock(t.Context(), name, shared, false)
		if err != nil && !errors.Is(err, store.ErrLocked) {
			t.Fatal(err)
		}
		return release, err == nil
	}
	for _, name := range []string{store.WholeStore, "saving"} {
		first, ok1 := take(name, true)
		second, ok2 := take(name, true)
		if _, ok := take(name, false); !ok1 || !ok2 || ok {
			t.Fatalf("%q: shared %v and %v, then alone %v", name, ok1, ok2, ok)
		}
		if err := errors.Join(first(), second()); err != nil {
			t.Fatal(err)
		}
		alone, ok := take(name, false)
		if _, shared := take(name, true); !ok || shared {
			t.Fatalf("%q: alone %v, then shared %v", name, ok, shared)
		}
		other, ok := take("other", false)
		if !ok {
			t.Errorf("%q keeps away those who want another", name)
		}
		if err := errors.Join(alone(), other()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Lock(t.Context(), "../x", false, false); !errors.Is(err, store.ErrBadKey) {
		t.Errorf("a lock outside of the store: %v", err)
	}
}

// Who looks at a lock, also in a store that may only be read, sees who holds it.
func TestHolderOfALock(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	reader, err := filestore.OpenRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	if name, held, err := reader.Holder(heldLock); held || err != nil {
		t.Errorf("nobody holds it: %q, %v", name, err)
	}
	cmd, in := holder(t, dir)
	name, held, err := reader.Holder(heldLock)
	if err != nil || !held || !strings.Contains(name, fmt.Sprintf("process %d ", cmd.Process.Pid)) {
		t.Errorf("%q, %v, %v", name, held, err)
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if name, held, err := reader.Holder(heldLock); held || err != nil {
		t.Errorf("it was given back: %q, %v", name, err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, ".locks")); err != nil || len(entries) > 0 {
		t.Errorf("left in the folder of locks: %v, %v", entries, err)
	}
}
