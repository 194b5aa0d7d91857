package cluster

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demanded is the JSON of demand.
type demanded struct {
	Demand []struct {
		Project                  string
		Running, Waiting, Useful int
	}
	Idle []string
}

// demand asks what is made use of, as users do.
func (c *cluster) demand() (d demanded) {
	c.t.Helper()
	o := c.verb("demand", "--json")
	if err := json.Unmarshal([]byte(o.stdout), &d); err != nil {
		c.t.Fatalf("demand: exit code %d, %v\n%s%s", o.code, err, o.stdout, o.stderr)
	}
	return d
}

// all is how many slots are made use of, or would be.
func (d demanded) all() int {
	n := 0
	for _, v := range d.Demand {
		n += v.Running + v.Waiting
	}
	return n
}

// quiet says whether nothing of an experiment runs.
func (c *cluster) quiet(experiment string) bool {
	n := c.counts(experiment)
	return n.Pending+n.Done > 0 && n.Placed+n.Running == 0
}

// held has an experiment save and stop while it trains, and go on from there.
func (g *gangs) held(experiment string) {
	for _, verb := range []string{"hold", "release"} {
		if o := g.verb(verb, experiment); o.code != 0 {
			g.t.Fatalf("%s: exit code %d\n%s", verb, o.code, o.stderr)
		}
		if verb == "hold" {
			eventually(g.t, time.Minute, "quiet", func() bool { return g.quiet(experiment) })
		}
	}
}

// An experiment that is held gives its slots back, needs none, and stays held when the leader
// dies and when all coordinators start anew. Released, it goes on, and each task is done once.
func TestAHoldOutlivesLeaders(t *testing.T) {
	c := newCluster(t)
	c.found("", "c1", "c2", "c3")
	c.voters(3)
	c.addWorker("w1", "--rehearse", "20ms", "--slots", "cpu:4")
	experiment := c.submit(tiny, "--set", "sweep.seeds=["+numbers(6)+"]")
	c.done(experiment, 1, time.Minute)
	if o := c.verb("hold", experiment, "--reason", "budget"); o.code != 0 {
		t.Fatalf("hold: exit code %d\n%s", o.code, o.stderr)
	}
	eventually(t, time.Minute, "quiet", func() bool { return c.quiet(experiment) })
	held := func() {
		t.Helper()
		for _, task := range c.ps(experiment) {
			if task.State != "done" && (task.State != "pending" || !strings.HasPrefix(task.Reason, "held by ") || !strings.HasSuffix(task.Reason, ": budget")) {
				t.Errorf("%s is %s: %s", task.Name, task.State, task.Reason)
			}
		}
	}
	held()
	eventually(t, 10*time.Second, "without demand, and w1 idle", func() bool { d := c.demand(); return d.all() == 0 && len(d.Idle) == 1 })

	leader := c.leader()
	leader.kill()
	for _, n := range c.nodes {
		if n != leader {
			n.signal(syscall.SIGTERM)
			n.exit(30 * time.Second)
		}
	}
	for _, n := range c.nodes {
		c.startNode(n)
	}
	c.voters(3)
	held()
	if !c.quiet(experiment) {
		t.Errorf("after all coordinators started anew %v of it stand so", c.counts(experiment))
	}

	if o := c.verb("release", experiment); o.code != 0 {
		t.Fatalf("release: exit code %d\n%s", o.code, o.stderr)
	}
	n := len(c.ps(experiment))
	c.done(experiment, n, 2*time.Minute)
	c.onceEach(experiment, n)
	c.sameHash()
}

// A pool can be followed by its demand: it grows from nothing, and a worker that is drained is
// empty when the verb says so, and may go.
func TestAPoolFollowsDemand(t *testing.T) {
	c := newCluster(t)
	c.single()
	experiment := c.submit(tiny, "--class", "cpu-2", "--set", "sweep.seeds=["+numbers(6)+"]")
	want := c.demand()
	if want.all() == 0 || len(want.Idle) > 0 {
		t.Fatalf("with no worker the demand is %+v", want)
	}
	w := c.addWorker("w1", "--rehearse", "50ms", "--slots", "cpu:2")
	c.addWorker("w2", "--rehearse", "5ms", "--slots", "cpu:2")
	c.done(experiment, 1, time.Minute)
	if o := c.verb("workers", "drain", "w1", "--wait", "--json"); o.code != 0 || !strings.Contains(o.stdout, `"tasks": []`) {
		t.Fatalf("drain: exit code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	eventually(t, 10*time.Second, "w1 may go", func() bool { d := c.demand(); return len(d.Idle) > 0 && d.Idle[0] == "w1" })
	w.signal(syscall.SIGTERM)
	if code := w.exit(30 * time.Second); code != 0 {
		t.Errorf("a drained worker ends with exit code %d", code)
	}
	n := len(c.ps(experiment))
	c.done(experiment, n, 2*time.Minute)
	c.onceEach(experiment, n)
	eventually(t, 10*time.Second, "demand over", func() bool { return c.demand().all() == 0 })
}
