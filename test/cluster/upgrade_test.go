package cluster

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

var before = flag.String("before", "", "the program of the release before: upgrade a cluster of it while it trains")

// level asks, as users do, which level the cluster is at.
func (c *cluster) level() int {
	c.t.Helper()
	var s struct{ Level int }
	if o := c.verb("status", "--json"); o.code != 0 || json.Unmarshal([]byte(o.stdout), &s) != nil {
		c.t.Fatalf("status: exit code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	return s.Level
}

// replaceNode has a coordinator end, and be there again as the present release. One that leads
// hands on before.
func (c *cluster) replaceNode(n *node) {
	c.t.Helper()
	if c.leader() == n {
		if o := c.verb("members", "transfer"); o.code != 0 {
			c.t.Fatalf("members transfer: exit code %d\n%s", o.code, o.stderr)
		}
		eventually(c.t, 30*time.Second, "led by another", func() bool { l := c.status().GetLeader(); return l != "" && l != n.id })
	}
	n.signal(syscall.SIGTERM)
	if code := n.exit(time.Minute); code != 0 {
		c.t.Errorf("%s ended with exit code %d when it was asked to", n.id, code)
	}
	c.startNode(n)
	c.voters(3)
}

// replaceWorker has a worker drain and end, and be there again as the present release.
func (g *gangs) replaceWorker(w *worker) {
	g.t.Helper()
	w.signal(syscall.SIGTERM)
	if code := w.exit(time.Minute); code != 0 {
		g.t.Errorf("%s ended with exit code %d when it was asked to", w.id, code)
	}
	g.startWorker(w)
	eventually(g.t, time.Minute, "all connected", func() bool { return int(g.status().GetWorkersConnected()) == len(g.workers) })
}

// step does something while a new experiment trains, and waits for that to be done.
func (g *gangs) step(what string, do func(experiment string)) {
	g.t.Helper()
	began := time.Now()
	experiment := g.begins()
	g.trains(experiment)
	do(experiment)
	g.done(experiment, 4, 4*time.Minute)
	g.onceEach(experiment, 4)
	g.t.Logf("%s: %v, at level %d", what, time.Since(began).Round(100*time.Millisecond), g.level())
}

// refuseToRaise expects that the cluster cannot be raised: a coordinator would not read its log
// any more.
func (c *cluster) refuseToRaise(level int) {
	c.t.Helper()
	if o := c.verb("members", "raise", fmt.Sprint(level)); o.code == 0 {
		c.t.Errorf("raised to level %d while coordinators are of the release before\n%s", level, o.stdout)
	} else {
		c.t.Logf("raise %d: %s", level, strings.TrimSpace(o.stderr))
	}
}

// A cluster of the release before becomes one of this release, process by process, while it
// trains: coordinators and workers in any mix, one coordinator back to the release before, the
// leader killed in between. Then it is raised. Every experiment has the bits of one process of
// this release, no task is trained twice, and no coordinator differs.
func TestARollingUpgrade(t *testing.T) {
	if *before == "" {
		t.Skip("SKIPPED: needs the program of the release before: make test-upgrade")
	}
	c := newCluster(t)
	g := newGangs(c, rand.New(rand.NewPCG(*seed, 14)))
	c.release = *before
	c.found("", "c1", "c2", "c3")
	for _, id := range []string{"w1", "w2", "w3"} {
		g.worker(id)
	}
	old := 0
	g.step("all of the release before", func(string) { old = c.level() })

	c.release = program
	first := c.follower()
	g.step("a coordinator of this release", func(string) { c.replaceNode(first) })
	c.refuseToRaise(old + 1)
	c.release = *before
	g.step("back to the release before", func(string) { c.replaceNode(first) })
	c.release = program
	g.step("a worker of this release", func(string) { g.replaceWorker(c.workers["w1"]) })
	g.step("two coordinators of this release, and another leader", func(string) {
		c.replaceNode(first)
		c.replaceNode(c.leader())
	})
	c.refuseToRaise(old + 1)
	g.step("a leader killed", func(string) {
		n := c.leader()
		n.kill()
		c.startNode(n)
		c.voters(3)
	})
	g.step("all of this release", func(string) {
		for _, n := range c.nodes {
			c.replaceNode(n)
		}
		g.replaceWorker(c.workers["w2"])
		g.replaceWorker(c.workers["w3"])
	})
	g.step("raised while it trains", func(string) {
		if o := c.verb("members", "raise", fmt.Sprint(old+1)); o.code != 0 {
			t.Errorf("members raise: exit code %d\n%s", o.code, o.stderr)
		}
	})
	if got := c.level(); got != old+1 {
		t.Errorf("raised from level %d, the cluster is at level %d", old, got)
	}
	g.step("held, and released", g.held)

	alone := t.TempDir()
	if o := run(t, 10*time.Minute, nil, "run", gangSpec, "--store", alone, "--cache", c.path("cache"), "--set", "sweep.seeds=["+numbers(g.seed)+"]"); o.code != 0 {
		t.Fatalf("one process: exit code %d\n%s", o.code, o.stderr)
	}
	got, want := weights(t, g.store), weights(t, alone)
	if len(want) != 3*g.seed || !maps.Equal(got, want) {
		t.Errorf("%d weights %v, of one process %d %v", len(got), got, len(want), want)
	}
	if !g.together() {
		t.Error("no task was ever trained by several workers")
	}
	noStepTwice(t, g.attendances())
	c.sameHash()
}
