package cluster

import (
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watched starts a coordinator whose page for those who watch over it is at an address, and
// returns that.
func (c *cluster) watched(n *node, args ...string) string {
	c.t.Helper()
	page := address(c.t)
	c.startNode(n, append(args, "--metrics", page)...)
	return page
}

// ready says whether a coordinator calls itself ready; why is what it says, or that it says
// nothing.
func ready(page string) (is bool, why string) {
	r, err := http.Get("http://" + page + "/readyz")
	if err != nil {
		return false, err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return false, err.Error()
	}
	return r.StatusCode == http.StatusOK, string(b)
}

// becomesReady waits until a coordinator calls itself ready.
func (c *cluster) becomesReady(n *node, page string) {
	c.t.Helper()
	why := ""
	eventually(c.t, time.Minute, n.id+" ready", func() bool {
		var is bool
		is, why = ready(page)
		return is
	})
	if !strings.Contains(why, "ok") {
		c.t.Errorf("%s is ready and says %q", n.id, why)
	}
}

// logged says whether a coordinator's log has a text.
func (c *cluster) logged(n *node, text string) bool {
	b, err := os.ReadFile(n.log)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.Contains(string(b), text)
}

// remove takes a coordinator out. Whoever is taken out ends, or is not ready any more.
func (c *cluster) remove(n *node) {
	c.t.Helper()
	if o := c.verb("members", "remove", n.id); o.code != 0 {
		c.t.Fatalf("members remove %s: exit code %d\n%s", n.id, o.code, o.stderr)
	}
	n.exit(30 * time.Second)
	delete(c.nodes, n.id)
}

// A cluster grows from one coordinator to three and five, and back, while tasks are under
// way: each that joins is ready once it votes and has caught up, and whoever leaves, the one
// that leads first, leaves the others leading.
func TestAClusterGrowsAndShrinks(t *testing.T) {
	c := newCluster(t)
	ids := []string{"c1", "c2", "c3", "c4", "c5"}
	for _, id := range ids {
		c.plan(id)
	}
	first := c.nodes["c1"]
	page := c.watched(first, "--single")
	c.client = c.dial(c.certs("client", "test"))
	c.becomesReady(first, page)
	c.addWorker("w1", "--rehearse", "20ms", "--slots", "cpu:2")
	experiment := c.submit(tiny, "--set", "sweep.seeds=["+numbers(8)+"]")
	for _, id := range ids[1:] {
		n := c.nodes[id]
		page := c.watched(n, "--join", first.address)
		c.becomesReady(n, page)
	}
	c.voters(5)
	for len(c.nodes) > 1 {
		c.remove(c.leader())
		c.leader()
		c.voters(len(c.nodes))
	}
	all := c.counts(experiment)
	c.done(experiment, int(all.Pending+all.Placed+all.Running+all.Done), 2*time.Minute)
	c.onceEach(experiment, len(c.ps(experiment)))
}

// A leader that is asked to end hands its leadership on before it does. Its log says so, and
// the others' say for how long nobody led.
func TestALeaderHandsOver(t *testing.T) {
	c := newCluster(t)
	c.found("", "c1", "c2", "c3")
	c.voters(3)
	old := c.leader()
	term := c.status().GetTerm()
	old.signal(syscall.SIGTERM)
	if code := old.exit(30 * time.Second); code != 0 {
		t.Errorf("%s ended with exit code %d", old.id, code)
	}
	if !c.logged(old, "leadership was handed on") {
		t.Errorf("%s does not say that it handed its leadership on", old.id)
	}
	delete(c.nodes, old.id)
	n := c.leader()
	if s := c.status(); s.GetTerm() != term+1 {
		t.Errorf("%s leads in term %d after %d: it was elected, not handed on to", n.id, s.GetTerm(), term)
	}
	eventually(t, 10*time.Second, "counted for how long nobody led", func() bool { return c.logged(n, "a leader is known again") })
}

// A coordinator whose disk is gone does not come back as if nothing had happened: the name is
// taken until it was taken out. Then it joins anew, and is ready once it votes and has
// caught up.
func TestALostVolumeIsReplaced(t *testing.T) {
	c := newCluster(t)
	c.found("", "c1", "c2", "c3")
	c.voters(3)
	c.addWorker("w1", "--rehearse", "5ms")
	experiment := c.submit(tiny, "--set", "sweep.seeds=["+numbers(4)+"]")
	c.done(experiment, 5, time.Minute)
	n := c.follower()
	n.kill()
	if err := os.RemoveAll(n.data); err != nil {
		t.Fatal(err)
	}
	page := c.watched(n, "--join", c.leader().address)
	eventually(t, 30*time.Second, "told to be taken out first", func() bool { return c.logged(n, "members remove "+n.id) || c.logged(n, "remove "+n.id+" first") })
	if is, why := ready(page); is {
		t.Errorf("%s is ready with an empty disk: %s", n.id, why)
	}
	if o := c.verb("members", "remove", n.id); o.code != 0 {
		t.Fatalf("members remove %s: exit code %d\n%s", n.id, o.code, o.stderr)
	}
	if !n.alive() {
		page = c.watched(n, "--join", c.leader().address)
	}
	c.becomesReady(n, page)
	c.voters(3)
	c.done(experiment, len(c.ps(experiment)), time.Minute)
	c.onceEach(experiment, len(c.ps(experiment)))
	c.sameHash()
}
