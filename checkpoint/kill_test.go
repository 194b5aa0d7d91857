package checkpoint_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/filestore/diskfault"
)

const (
	killDir  = "G2C_TEST_KILL_DIR"
	killLack = "G2C_TEST_KILL_LACK" // operations that the file system does not have
	killLast = 6
	kills    = 8
)

// TestMain lets the test binary stand in for a run that gets killed.
func TestMain(m *testing.M) {
	dir := os.Getenv(killDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := trainUntilKilled(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// trainUntilKilled announces every file operation with a line and does it when
// it has read a byte, so that its parent kills it between any two of them.
func trainUntilKilled(dir string) error {
	disk := diskfault.New()
	disk.Lacks = map[string]error{}
	for _, op := range strings.Fields(os.Getenv(killLack)) {
		disk.Lacks[op] = syscall.EPERM
	}
	in := bufio.NewReader(os.Stdin)
	disk.Before = func(op, _ string) {
		fmt.Println(op)
		if _, err := in.ReadByte(); err != nil {
			os.Exit(1) // the parent is gone
		}
	}
	s, err := filestore.OpenOn(dir, disk)
	if err != nil {
		return err
	}
	return train(context.Background(), checkpoint.New(s), task, killLast, func(int64) {})
}

// runAndKill runs a child and kills it -9 at its n-th file operation; it
// reports whether the child came to its end before.
func runAndKill(t *testing.T, dir, lacks string, n int) (finished bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), killDir+"="+dir, killLack+"="+lacks)
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
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		if i == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Fatal("the child ended well, but was killed")
			}
			return false
		}
		if _, err := in.Write([]byte{'\n'}); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return true
}

// On every kind of file system a kill leaves checkpoints whole: with hard links, with
// renames that replace nothing, and with neither.
func TestKillMinusNine(t *testing.T) {
	for _, lacks := range []string{"", "link", "link renamenew"} {
		t.Run(lacks, func(t *testing.T) { killMinusNine(t, lacks) })
	}
}

func killMinusNine(t *testing.T, lacks string) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, 0))
	dir := filepath.Join(t.TempDir(), "store")
	before := int64(0)
	for range kills {
		n := random.IntN(40)
		if runAndKill(t, dir, lacks, n) {
			break
		}
		reader, err := filestore.OpenRead(dir)
		if err != nil {
			continue // killed before the directory was made
		}
		step, damages := latestStep(t, checkpoint.New(reader))
		if step < before || len(damages) > 0 {
			t.Errorf("killed at operation %d: step %d after step %d, damages %v", n, step, before, damages)
		}
		before = step
	}
	const never = 1 << 30
	if !runAndKill(t, dir, lacks, never) {
		t.Fatal("the last run did not finish")
	}
	mustFinish(t, openRepo(t, dir), killLast, "after kills")
	if entries, err := os.ReadDir(filepath.Join(dir, ".tmp")); err != nil || len(entries) > 0 {
		t.Errorf("leftovers: %v, %v", entries, err)
	}
}
