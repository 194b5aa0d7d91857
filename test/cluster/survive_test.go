package cluster

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"g2c/api/client"
)

// The one large trial: 3 coordinators, 20 workers, 500 tasks, and everything that
// can go wrong. Nothing is lost, nothing is done twice, and clients saw one order of
// events.
func TestAClusterSurvives(t *testing.T) {
	c := newCluster(t)
	c.found("c4", "c1", "c2", "c3")
	for i := range 20 {
		c.addWorker(fmt.Sprintf("w%02d", i+1), "--slots", "cpu:1", "--rehearse", "400ms")
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients []*client.Client
	for range 4 {
		clients = append(clients, c.dial(c.certs("client", "test")))
	}
	h, wait := load(ctx, clients)
	experiment := c.submit("testdata/sweep.yaml", "--set", "sweep.seeds=["+numbers(100)+"]")
	trial := &trial{cluster: c, experiment: experiment, tasks: 500}
	trial.run()
	c.done(experiment, 500, time.Minute)
	stop()
	wait()
	c.onceEach(experiment, 500)
	h.check(t)
	for _, w := range c.workers {
		w.signal(syscall.SIGTERM)
	}
	for _, w := range c.workers {
		if code := w.exit(30 * time.Second); code != 0 {
			t.Errorf("%s ended with exit code %d when it was asked to", w.id, code)
		}
	}
	c.sameHash()
	for _, n := range c.nodes {
		if !n.alive() {
			t.Errorf("%s has ended", n.id)
		}
	}
}

// trial is what goes wrong while an experiment runs, one thing after another, each
// when enough of the tasks are done that the others still have work to do.
type trial struct {
	*cluster
	experiment string
	tasks      int
}

func (c *trial) run() {
	steps := []func(){c.killWorker, c.cutWorker, c.replaceFollower, c.part}
	for range *kills {
		steps = append(steps, c.killLeader)
	}
	for i, step := range steps {
		c.done(c.experiment, c.tasks*9/10*(i+1)/(len(steps)+1), time.Minute)
		began := time.Now()
		step()
		c.t.Logf("step %d took %v; %d tasks are done", i+1, time.Since(began).Round(10*time.Millisecond), c.counts(c.experiment).Done)
	}
}

// killLeader kills it and has it back once another leads.
func (c *trial) killLeader() {
	n := c.leader()
	n.kill()
	eventually(c.t, 30*time.Second, "led by another", func() bool { l := c.status().GetLeader(); return l != "" && l != n.id })
	c.startNode(n)
	c.voters(3)
}

// killWorker kills a worker's process, which comes back as another.
func (c *trial) killWorker() {
	w := c.workers["w01"]
	w.kill()
	c.startWorker(w)
}

// cutWorker cuts a worker off; another is asked to go, and comes back.
func (c *trial) cutWorker() {
	for _, l := range c.workers["w02"].links {
		l.Stall()
	}
	c.workers["w03"].signal(syscall.SIGTERM)
	if code := c.workers["w03"].exit(30 * time.Second); code != 0 {
		c.t.Errorf("w03 ended with exit code %d when it was asked to", code)
	}
	c.startWorker(c.workers["w03"])
}

// replaceFollower loses a disk: its node is taken out, and one of another name takes
// its place.
func (c *trial) replaceFollower() {
	for _, l := range c.workers["w02"].links {
		l.Heal()
	}
	n := c.follower()
	n.kill()
	if err := os.RemoveAll(n.data); err != nil {
		c.t.Fatal(err)
	}
	if o := c.verb("members", "remove", n.id); o.code != 0 {
		c.t.Fatalf("members remove %s: exit code %d\n%s", n.id, o.code, o.stderr)
	}
	delete(c.nodes, n.id)
	c.startNode(c.nodes["c4"], "--join", c.leader().address)
	c.voters(3)
}

// part cuts the leader off from the other two, and heals the network once they have
// another.
func (c *trial) part() {
	n := c.leader()
	links := c.between(n)
	for _, l := range links {
		l.Stall()
	}
	eventually(c.t, 30*time.Second, "led by one of the larger part", func() bool { l := c.status().GetLeader(); return l != "" && l != n.id })
	for _, l := range links {
		l.Heal()
	}
	c.voters(3)
}
