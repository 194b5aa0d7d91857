package cluster

import (
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// slowed has a worker's tasks stand still most of the time, until the function that it returns is
// called.
func (w *worker) slowed() (end func()) {
	over := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for going := true; going; {
			for _, r := range w.runners() {
				syscall.Kill(r.pid, syscall.SIGSTOP) // or it has ended
			}
			select {
			case <-over:
				going = false
			case <-time.After(300 * time.Millisecond):
			}
			for _, r := range w.runners() {
				syscall.Kill(r.pid, syscall.SIGCONT)
			}
			select {
			case <-over:
				going = false
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return sync.OnceFunc(func() { close(over); group.Wait() })
}

// A member of a gang that the others wait for makes room for a worker that is free, and the
// weights are those of one process.
func TestASlowMemberIsReplaced(t *testing.T) {
	t.Parallel()
	spec := []string{"--set", "finetune.epochs=150", "--set", "finetune.freezeEpochs=149"}
	c := newCluster(t)
	g := newGangs(c, rand.New(rand.NewPCG(*seed, 15)))
	c.single(c.args...)
	for _, id := range []string{"w1", "w2"} {
		g.worker(id)
	}
	experiment := g.submit(append([]string{gangSpec, "--store", g.store}, spec...)...)
	if !g.trainsTogether(experiment) {
		t.Fatal("the fine-tuning was over before two trained together")
	}
	end := c.workers["w2"].slowed()
	defer end()
	g.worker("w3")
	eventually(t, 3*time.Minute, "w2 replaced by w3", func() bool {
		text, err := os.ReadFile(c.nodes["c1"].log)
		return err == nil && strings.Contains(string(text), "a gang waits for a worker") && len(c.workers["w2"].runners()) == 0 && len(c.workers["w3"].runners()) > 0 ||
			int(c.counts(experiment).Done) == 4
	})
	if int(c.counts(experiment).Done) == 4 {
		t.Error("the experiment was done before w2 was replaced")
	}
	end()
	c.done(experiment, 4, 4*time.Minute)
	c.onceEach(experiment, 4)
	alone := t.TempDir()
	if o := run(t, 10*time.Minute, nil, append([]string{"run", gangSpec, "--store", alone, "--cache", c.path("cache")}, spec...)...); o.code != 0 {
		t.Fatalf("one process: exit code %d\n%s", o.code, o.stderr)
	}
	if got, want := weights(t, g.store), weights(t, alone); len(want) != 3 || !maps.Equal(got, want) {
		t.Errorf("weights %v, of one process %v", got, want)
	}
	noStepTwice(t, g.attendances())
}
