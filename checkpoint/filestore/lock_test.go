package filestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

const lockDir = "G2C_TEST_LOCK_DIR"

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
	release, err := s.Lock(context.Background(), false)
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
	_, err := s.Lock(t.Context(), false)
	if !errors.Is(err, fault.ErrUnavailable) || !errors.Is(err, store.ErrLocked) ||
		!strings.Contains(err.Error(), fmt.Sprintf("process %d ", cmd.Process.Pid)) {
		t.Errorf("second lock: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		release, err := s.Lock(context.Background(), true)
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
	release, err := s.Lock(t.Context(), false)
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
	release, err := a.Lock(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Lock(t.Context(), false); !errors.Is(err, store.ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Lock(ctx, true); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("cancelled wait: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	release, err = b.Lock(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}
