package cluster

import (
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
