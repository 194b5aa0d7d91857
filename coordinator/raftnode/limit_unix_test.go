//go:build unix

package raftnode_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"g2c/coordinator/raftnode"
)

// inLimit says that this process is the one that TestAFileLimit starts.
const inLimit = "RAFTNODE_IN_LIMIT"

// A real limit of the system, in a process of its own: the disk takes no byte more in
// the middle of a write. The node stops, and what it acknowledged is there afterwards.
func TestAFileLimit(t *testing.T) {
	if dir := os.Getenv(inLimit); dir != "" {
		writeToTheLimit(t, dir)
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestAFileLimit$", "-test.v")
	cmd.Env = append(os.Environ(), inLimit+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "file too large") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func writeToTheLimit(t *testing.T, dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))
	c := newCluster(t)
	c.dir = dir
	n, err := c.start("c1", func(k *raftnode.Config) { k.Single = true })
	must(t, err)
	c.write(0)
	must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 20 << 10, Max: old.Max}))
	acked := 1
	for ; ; acked++ {
		if _, err := n.Propose(t.Context(), setProject(acked)); err != nil {
			break
		}
	}
	<-n.Done()
	if err := n.Err(); !errors.Is(err, raftnode.ErrDisk) || !errors.Is(err, syscall.EFBIG) {
		t.Errorf("it stopped for %v", err)
	}
	t.Logf("after %d writes: %v", acked, n.Err())
	c.stop("c1")
	must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &old))
	c.restart("c1")
	c.has(acked)
}
