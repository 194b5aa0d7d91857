package cluster

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A worker that sleeps longer than its lease finds its task done by another when it
// wakes: what it says then changes nothing, and it goes on working.
func TestASleeperIsFenced(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.single("--lease", "2s")
	first := c.addWorker("w1", "--rehearse", "1500ms")
	set := []string{"testdata/sweep.yaml", "--only", "pretrain", "--set"}
	experiment := c.submit(append(set, "sweep.seeds=[1]")...)
	eventually(t, 20*time.Second, "running on w1", func() bool { return c.counts(experiment).Running == 1 })
	first.signal(syscall.SIGSTOP)
	c.addWorker("w2", "--rehearse", "100ms")
	c.done(experiment, 1, 30*time.Second)
	first.signal(syscall.SIGCONT)
	both := c.submit(append(set, "sweep.seeds=["+numbers(40)+"]")...)
	c.done(both, 40, time.Minute)
	c.onceEach(both, 40) // the first among them
	for _, task := range c.ps(experiment) {
		if task.Attempts != 2 {
			t.Errorf("%s was placed %d times, want 2", task.Name, task.Attempts)
		}
	}
	if s := c.status(); s.WorkersConnected != 2 {
		t.Errorf("%d workers are connected after the sleeper woke, want 2", s.WorkersConnected)
	}
}

// A worker whose network is gone goes on as an orphan, and takes nothing else; what was
// placed elsewhere meanwhile it stops when the network is back.
func TestAWorkerCutOffIsAnOrphan(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.single("--lease", "3s")
	w := c.addWorker("w1", "--rehearse", "10m")
	experiment := c.submit("testdata/sweep.yaml", "--only", "pretrain", "--set", "sweep.seeds=[1]")
	running := func() bool { return c.counts(experiment).Running == 1 }
	eventually(t, 20*time.Second, "running on w1", running)
	for _, l := range w.links {
		l.Stall()
	}
	eventually(t, 20*time.Second, "taken from w1", func() bool { return c.counts(experiment).Pending == 1 })
	if b, err := os.ReadFile(w.log); err != nil || strings.Contains(string(b), "task interrupted") {
		t.Errorf("the orphan stopped: %v", err)
	}
	c.addWorker("w2", "--rehearse", "10m")
	eventually(t, 20*time.Second, "running on w2", running)
	for _, l := range w.links {
		l.Heal()
	}
	logged(t, w.log, "task begins")
	eventually(t, 30*time.Second, "stopped on w1", func() bool {
		b, err := os.ReadFile(w.log)
		return err == nil && strings.Contains(string(b), "task interrupted")
	})
	if task := c.ps(experiment)[0]; task.Attempts != 2 || len(task.Workers) != 1 || task.Workers[0] != "w2" {
		t.Errorf("%+v", task)
	}
}

// logged is when a process first said something.
func logged(t *testing.T, log, what string) time.Time {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, what) {
			stamp, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
			at, err := time.Parse(time.RFC3339Nano, stamp)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
	}
	t.Fatalf("%s never said %q", log, what)
	return time.Time{}
}
