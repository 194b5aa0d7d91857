package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/internal/netfault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
)

// cluster is coordinators and workers on loopback. Every connection between two
// coordinators, and from a worker to a coordinator, goes over a link of its own that
// can be cut.
type cluster struct {
	t       *testing.T
	dir     string
	logs    string // kept with -artifacts
	nodes   map[string]*node
	workers map[string]*worker
	client  *client.Client // sees no link
	args    []string       // of every coordinator
	release string         // the program that coordinators and workers are from now on
}

// node is a coordinator.
type node struct {
	*process
	id      string
	address string
	data    string
	links   map[string]*netfault.Link // to the others, by their names
}

// worker is a worker.
type worker struct {
	*process
	id    string
	args  []string
	links map[string]*netfault.Link // to the coordinators
}

// newCluster makes an authority and certificates; nothing runs yet.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("runs processes for a while")
	}
	c := &cluster{t: t, dir: t.TempDir(), logs: t.ArtifactDir(), release: program, nodes: map[string]*node{}, workers: map[string]*worker{}}
	t.Cleanup(func() { showLogs(t, c.logs) }) // runs once the processes are gone
	must(t, "certs", "init", c.path("ca"))
	return c
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

// certs is the folder of somebody's certificate, issued when it is first asked for.
func (c *cluster) certs(role, name string) string {
	dir := c.path("certs-" + name)
	if _, err := os.Stat(dir); err != nil {
		must(c.t, "certs", "issue", c.path("ca"), "--role", role, "--name", name, "--host", "127.0.0.1", "-o", dir)
	}
	return dir
}

// address finds a port that is free now, below those that systems hand out by
// themselves: a link or a connection would take it before its coordinator does.
func address(t *testing.T) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20_000+rand.N(12_000)))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return l.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

// link makes a link that ends with the test.
func (c *cluster) link(to *node) *netfault.Link {
	l, err := netfault.Listen(to.address)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(l.Close)
	return l
}

// plan gives a coordinator an address, and links to and from the others.
func (c *cluster) plan(id string) *node {
	n := &node{id: id, address: address(c.t), data: c.path("data-" + id), links: map[string]*netfault.Link{}}
	for _, o := range c.nodes {
		n.links[o.id] = c.link(o)
		o.links[id] = c.link(n)
	}
	c.nodes[id] = n
	return n
}

// startNode runs a coordinator, or runs it again. How it finds others goes over its
// links: --route says where.
func (c *cluster) startNode(n *node, args ...string) {
	c.t.Helper()
	all := append([]string{"coordinator", "--id", n.id, "--listen", n.address, "--data-dir", n.data, "--certs", c.certs("coordinator", n.id)}, args...)
	for id, l := range n.links {
		if o := c.nodes[id]; o != nil {
			all = append(all, "--route", o.address+"="+l.Addr())
		}
	}
	n.process = startOf(c.t, c.release, n.id, filepath.Join(c.logs, n.id+".log"), append(all, c.args...)...)
}

// found starts coordinators that found a cluster. One more may be planned, so that its
// links are known to all.
func (c *cluster) found(spare string, ids ...string) {
	c.t.Helper()
	var peers []string
	for _, id := range ids {
		n := c.plan(id)
		peers = append(peers, id+"@"+n.address)
	}
	if spare != "" {
		c.plan(spare)
	}
	for _, id := range ids {
		c.startNode(c.nodes[id], "--bootstrap", "--peers", strings.Join(peers, ","))
	}
	c.client = c.dial(c.certs("client", "test"))
	c.leader()
}

// single starts a coordinator that is a cluster alone.
func (c *cluster) single(args ...string) {
	c.t.Helper()
	c.startNode(c.plan("c1"), append([]string{"--single"}, args...)...)
	c.client = c.dial(c.certs("client", "test"))
	c.leader()
}

// servers lists the coordinators' addresses.
func (c *cluster) servers() []string {
	var out []string
	for _, n := range c.nodes {
		out = append(out, n.address)
	}
	return out
}

// dial makes a client of all coordinators.
func (c *cluster) dial(certs string) *client.Client {
	c.t.Helper()
	id, err := pki.Load(certs)
	if err != nil {
		c.t.Fatal(err)
	}
	cfg := client.DefaultConfig()
	cfg.Servers, cfg.Credentials = c.servers(), grpctls.Client(id, pki.Expect{Role: pki.Coordinator})
	cl, err := client.New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { cl.Close() })
	return cl
}

// status asks how the cluster is; nil if nobody answers in a while.
func (c *cluster) status() *apiv1.StatusResponse {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()
	s, err := c.client.Cluster().Status(ctx, &apiv1.StatusRequest{})
	if err != nil {
		return nil
	}
	return s
}

// leader waits for one.
func (c *cluster) leader() *node {
	c.t.Helper()
	var n *node
	eventually(c.t, 30*time.Second, "led by one of the coordinators", func() bool {
		s := c.status()
		n = c.nodes[s.GetLeader()]
		return n != nil
	})
	return n
}

// follower is a coordinator that does not lead.
func (c *cluster) follower() *node {
	c.t.Helper()
	leader := c.leader()
	for _, n := range c.nodes {
		if n != leader && n.process != nil {
			return n
		}
	}
	c.t.Fatal("there is one coordinator alone")
	return nil
}

// voters waits until as many vote and are healthy.
func (c *cluster) voters(n int) {
	c.t.Helper()
	eventually(c.t, 60*time.Second, fmt.Sprintf("%d healthy voters", n), func() bool {
		healthy := 0
		for _, m := range c.status().GetMembers() {
			if m.Role == "voter" && m.Healthy {
				healthy++
			}
		}
		return healthy == n
	})
}

// between lists the links between a coordinator and the others, both ways.
func (c *cluster) between(n *node) []*netfault.Link {
	var links []*netfault.Link
	for id, l := range n.links {
		if o := c.nodes[id]; o != nil {
			links = append(links, l, o.links[n.id])
		}
	}
	return links
}

// addWorker starts a worker.
func (c *cluster) addWorker(id string, args ...string) *worker {
	c.t.Helper()
	w := &worker{id: id, links: map[string]*netfault.Link{}}
	var servers []string
	for _, n := range c.nodes {
		l := c.link(n)
		w.links[n.id] = l
		servers = append(servers, l.Addr())
	}
	w.args = append([]string{"worker", "--id", id, "--server", strings.Join(servers, ","), "--certs", c.certs("worker", id)}, args...)
	c.workers[id] = w
	c.startWorker(w)
	return w
}

// startWorker runs a worker, or runs it again.
func (c *cluster) startWorker(w *worker) {
	w.process = startOf(c.t, c.release, w.id, filepath.Join(c.logs, w.id+".log"), w.args...)
}

// submit hands in a spec and returns the experiment's id.
func (c *cluster) submit(args ...string) string {
	c.t.Helper()
	args = append([]string{"submit"}, args...)
	args = append(args, "--cache", c.path("cache"), "--server", strings.Join(c.servers(), ","), "--certs", c.certs("client", "test"))
	return strings.TrimSpace(must(c.t, args...))
}

// verb runs a client verb.
func (c *cluster) verb(args ...string) outcome {
	c.t.Helper()
	return run(c.t, time.Minute, []string{"G2C_SERVER=" + strings.Join(c.servers(), ","), "G2C_CERTS=" + c.certs("client", "test")}, args...)
}

// counts are an experiment's tasks, by how they stand.
func (c *cluster) counts(experiment string) *apiv1.TaskCounts {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	e, err := c.client.Experiments().GetExperiment(ctx, &apiv1.GetExperimentRequest{Id: experiment})
	if err != nil {
		return &apiv1.TaskCounts{}
	}
	return e.Experiment.Tasks
}

// done waits until as many tasks of an experiment are.
func (c *cluster) done(experiment string, n int, within time.Duration) {
	c.t.Helper()
	eventually(c.t, within, fmt.Sprintf("%d tasks done", n), func() bool { return int(c.counts(experiment).Done) >= n })
}

// numbers are the numbers from 1 on, with commas between them.
func numbers(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(i+1))
	}
	return strings.Join(out, ",")
}

// listed is a task in the JSON of ps.
type listed struct {
	Name        string   `json:"name"`
	Key         string   `json:"key"`
	State       string   `json:"state"`
	Attempts    int      `json:"attempts"`
	Completions int      `json:"completions"`
	Workers     []string `json:"workers"`
	Reason      string   `json:"reason"`
}

// ps lists an experiment's tasks, as users do.
func (c *cluster) ps(experiment string) []listed {
	c.t.Helper()
	o := c.verb("ps", experiment, "--json")
	var out struct{ Tasks []listed }
	if err := json.Unmarshal([]byte(o.stdout), &out); err != nil {
		c.t.Fatalf("ps: exit code %d, %v\n%s%s", o.code, err, o.stdout, o.stderr)
	}
	return out.Tasks
}

// onceEach holds tasks to what was promised: all are done, each once.
func (c *cluster) onceEach(experiment string, n int) {
	c.t.Helper()
	tasks := c.ps(experiment)
	if len(tasks) != n {
		c.t.Errorf("experiment %s has %d tasks, want %d", experiment, len(tasks), n)
	}
	for _, task := range tasks {
		if task.State != "done" || task.Completions != 1 {
			c.t.Errorf("%s is %s and was completed %d times in %d attempts: %s", task.Name, task.State, task.Completions, task.Attempts, task.Reason)
		}
	}
}

// sameHash asks every coordinator for its own state, while nothing is written, and
// compares them.
func (c *cluster) sameHash() {
	c.t.Helper()
	var seen []string
	eventually(c.t, 30*time.Second, "all coordinators at one index", func() bool {
		seen = nil
		var indexes []uint64
		for _, n := range c.nodes {
			o := run(c.t, time.Minute, nil, "status", "--here", "--json", "--server", n.address, "--certs", c.certs("client", "test"))
			var s struct {
				Node, StateHash string
				Index           uint64
			}
			if err := json.Unmarshal([]byte(o.stdout), &s); err != nil || s.Node != n.id {
				return false
			}
			seen, indexes = append(seen, s.StateHash), append(indexes, s.Index)
		}
		return slices.Min(indexes) == slices.Max(indexes)
	})
	if len(seen) < 3 || slices.Min(seen) != slices.Max(seen) || seen[0] == "" {
		c.t.Errorf("coordinators differ at one index: state hashes %q", seen)
	}
}
