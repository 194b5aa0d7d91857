package raftnode_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"g2c/coordinator/command"
	"g2c/coordinator/raftnode"
	"g2c/coordinator/replica"
	"g2c/coordinator/state"
	"g2c/internal/fault"
	"g2c/internal/netfault"
	"g2c/internal/pki"
)

// cluster is some nodes in this process, with a link between each two.
type cluster struct {
	t     testing.TB
	certs string
	dir   string

	mu    sync.Mutex
	place map[string]string            // by name
	names map[string]string            // by place
	links map[[2]string]*netfault.Link // from, to
	nodes map[string]*raftnode.Node
	tune  func(*raftnode.Config)
	ids   map[string]*pki.Identity // of nodes, by name
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{
		ids: map[string]*pki.Identity{},
		t:   t, certs: t.TempDir(), dir: t.TempDir(), place: map[string]string{}, names: map[string]string{},
		links: map[[2]string]*netfault.Link{}, nodes: map[string]*raftnode.Node{}, tune: func(*raftnode.Config) {},
	}
	must(t, pki.InitCA(c.certs))
	t.Cleanup(c.close)
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) close() {
	var all sync.WaitGroup
	for _, n := range c.nodes {
		all.Go(func() { n.Close() })
	}
	all.Wait()
	c.mu.Lock() // not before: closing nodes still dial
	defer c.mu.Unlock()
	for _, l := range c.links {
		l.Close()
	}
}

// listen makes a node's port; a name keeps its place over restarts.
func (c *cluster) listen(name string) net.Listener {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.place[name]
	if at == "" {
		at = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", at)
	must(c.t, err)
	c.place[name], c.names[ln.Addr().String()] = ln.Addr().String(), name
	return ln
}

// dial goes through the link between two nodes.
func (c *cluster) dial(from string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, to string) (net.Conn, error) {
		l := c.link(from, c.nameAt(to))
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr())
	}
}

func (c *cluster) nameAt(place string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[place]
}

func (c *cluster) link(from, to string) *netfault.Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]string{from, to}
	if c.links[key] == nil {
		l, err := netfault.Listen(c.place[to])
		if err != nil {
			panic(err) // may be called from any goroutine
		}
		c.links[key] = l
	}
	return c.links[key]
}

// each does something to all links of a node, both ways.
func (c *cluster) each(name string, do func(*netfault.Link)) {
	for other := range c.place {
		if other != name {
			do(c.link(name, other))
			do(c.link(other, name))
		}
	}
}

func (c *cluster) identity(name string) *pki.Identity {
	c.t.Helper()
	dir := filepath.Join(c.certs, name)
	must(c.t, pki.Issue(c.certs, dir, pki.Request{Role: pki.Coordinator, Name: name, Hosts: []string{"127.0.0.1"}}))
	id, err := pki.Load(dir)
	must(c.t, err)
	if c.ids[name] == nil { // a node keeps the one that it began with
		c.ids[name] = id
	}
	return id
}

func (c *cluster) data(name string) string { return filepath.Join(c.dir, name) }

func quiet() *slog.Logger {
	if os.Getenv("RAFTNODE_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

func (c *cluster) config(name string, ln net.Listener) raftnode.Config {
	c.t.Helper()
	k := raftnode.DefaultConfig()
	k.ID, k.Dir, k.Listener, k.Identity = name, c.data(name), ln, c.identity(name)
	k.Log = quiet().With("node", name)
	k.Dial = c.dial(name)
	k.Timing.Watch = 100 * time.Millisecond
	c.tune(&k)
	return k
}

// start opens a node; change says how.
func (c *cluster) start(name string, change func(*raftnode.Config)) (*raftnode.Node, error) {
	k := c.config(name, c.listen(name))
	if change != nil {
		change(&k)
	}
	n, err := raftnode.Open(c.t.Context(), k)
	if err == nil {
		c.mu.Lock()
		c.nodes[name] = n
		c.mu.Unlock()
	}
	return n, err
}

func (c *cluster) restart(name string) *raftnode.Node {
	c.t.Helper()
	n, err := c.start(name, nil)
	must(c.t, err)
	return n
}

// found starts some nodes that found a cluster.
func (c *cluster) found(names ...string) {
	c.t.Helper()
	var peers []replica.Peer
	var listeners []net.Listener
	for _, name := range names {
		ln := c.listen(name)
		listeners = append(listeners, ln)
		peers = append(peers, replica.Peer{ID: name, Address: ln.Addr().String()})
	}
	var all sync.WaitGroup
	errs := make([]error, len(names))
	nodes := make([]*raftnode.Node, len(names))
	for i, name := range names {
		k := c.config(name, listeners[i])
		k.Bootstrap = peers
		all.Go(func() { nodes[i], errs[i] = raftnode.Open(c.t.Context(), k) })
	}
	all.Wait()
	for i, name := range names {
		must(c.t, errs[i])
		c.nodes[name] = nodes[i]
	}
}

// stop closes a node and forgets it.
func (c *cluster) stop(name string) {
	c.t.Helper()
	must(c.t, c.nodes[name].Close())
	delete(c.nodes, name)
}

// leader waits for one of the nodes to lead.
func (c *cluster) leader() *raftnode.Node {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	first := make(chan *raftnode.Node, len(c.nodes))
	var all sync.WaitGroup
	for _, n := range c.nodes {
		all.Go(func() {
			if _, err := n.Leadership(ctx); err == nil {
				first <- n
				cancel()
			}
		})
	}
	all.Wait()
	select {
	case n := <-first:
		return n
	default:
		c.t.Fatal("nobody leads")
		return nil
	}
}

// asLeader has whoever leads do something, again if leadership is lost meanwhile.
func (c *cluster) asLeader(do func(*raftnode.Node) error) error {
	c.t.Helper()
	for {
		err := do(c.leader())
		var not *replica.NotLeader
		if !errors.As(err, &not) && !errors.Is(err, raftnode.ErrUncertain) {
			return err
		}
	}
}

// propose is what becomes of an entry.
func (c *cluster) propose(e command.Entry) error {
	c.t.Helper()
	return c.asLeader(func(n *raftnode.Node) error {
		_, err := n.Propose(c.t.Context(), e)
		return err
	})
}

// remove takes a node out; it may be out already, of a try that was not answered.
func (c *cluster) remove(name string) {
	c.t.Helper()
	if err := c.asLeader(func(n *raftnode.Node) error { return n.Remove(c.t.Context(), name) }); fault.ExitCode(err) != fault.ExitNotFound {
		must(c.t, err)
	}
}

func setProject(i int) command.Entry {
	return command.Entry{Request: fmt.Sprint("r", i), Principal: "me", Command: command.SetProject{Project: setName(i), Weight: i + 1}}
}

// write has an entry applied by whoever leads, repeating it as a client does.
func (c *cluster) write(i int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 60*time.Second)
	defer cancel()
	for {
		_, err := c.leader().Propose(ctx, setProject(i))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			c.t.Fatalf("write %d: %v", i, err)
		}
	}
}

// has wants everything below n in what the leader reads.
func (c *cluster) has(n int) {
	c.t.Helper()
	s := c.read()
	for i := range n {
		if s.Project(setName(i)).Weight != i+1 {
			c.t.Fatalf("write %d is lost", i)
		}
	}
}

// read is what a leader reads.
func (c *cluster) read() (s *state.Snapshot) {
	c.t.Helper()
	must(c.t, c.asLeader(func(n *raftnode.Node) (err error) { s, err = n.Read(c.t.Context()); return err }))
	return s
}

// same waits until all nodes have the leader's state, and compares hashes.
func (c *cluster) same() {
	c.t.Helper()
	s := c.read()
	for name, n := range c.nodes {
		for n.Snapshot().Index() < s.Index() {
			<-n.Advanced(n.Snapshot().Index())
		}
		if got := n.Snapshot(); got.Index() == s.Index() && got.Hash() != s.Hash() {
			c.t.Errorf("%s has another state", name)
		}
	}
}

// until waits for something that a node's status shows.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(30 * time.Second); !is(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
