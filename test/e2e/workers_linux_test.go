package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Worker processes under a run end in the bits of one process, though one is killed; and they
// are gone with the run.
func TestWorkersOfARun(t *testing.T) {
	want, _ := reference(t)
	store := t.TempDir()
	c, lines := start(t, "run", tiny, "--store", store, "--cache", t.TempDir(), "--workers", "2")
	killed, said := 0, ""
	for lines.Scan() {
		said += lines.Text() + "\n"
		if killed == 0 && strings.HasPrefix(lines.Text(), "[1/") {
			children := childrenOf(t, c.Process.Pid)
			if len(children) != 2 {
				t.Errorf("%d worker processes, want 2", len(children))
			}
			for _, pid := range children[:1] {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
				killed++
			}
		}
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if killed != 1 || !strings.Contains(said, "ended, and is started again") {
		t.Errorf("no worker was killed, or nobody said so:\n%s", said)
	}
	sameBits(t, "with --workers 2", hashes(t, store), want)
}

// childrenOf lists the processes that a process has made.
func childrenOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var pid, of int
		rest := string(b[strings.LastIndexByte(string(b), ')')+1:])
		if _, err := fmt.Sscan(strings.Fields(rest)[1], &of); err != nil || of != parent {
			continue
		}
		if pid, err = strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// What --workers cannot do is said before anything begins.
func TestWorkersThatCannotBe(t *testing.T) {
	for _, args := range [][]string{
		{"--workers", "-1"}, {"--workers", "300"}, {"--workers", "two"}, {"--workers", "2", "--device", "cuda:0,1,2"},
	} {
		if o := run(t.Context(), t, nil, append([]string{"run", tiny, "--store", t.TempDir()}, args...)...); o.code != 2 && o.code != 5 {
			t.Errorf("%v: exit code %d\n%s", args, o.code, o.stderr)
		}
	}
}
