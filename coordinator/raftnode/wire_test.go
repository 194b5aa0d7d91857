package raftnode_test

import (
	"errors"
	"sync"

	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode"
	"g2c/coordinator/raftnode/journal"
)

// gate holds whoever passes while it is shut.
type gate struct {
	mu   sync.Mutex
	open *sync.Cond
	shut bool
	held int
}

func newGate() *gate {
	g := &gate{}
	g.open = sync.NewCond(&g.mu)
	return g
}

func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held++
	for g.shut {
		g.open.Wait()
	}
	g.held--
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	g.open.Broadcast()
}

// holds is how many wait.
func (g *gate) holds() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		return 0
	}
	return g.held
}

// gatedFile waits at a gate before its bytes are on disk.
type gatedFile struct {
	journal.File
	gate *gate
}

func (f gatedFile) Sync() error {
	f.gate.pass()
	return f.File.Sync()
}

// wire is what a node sends raft's messages over. Answers can be held back when they
// have come, and messages lost.
type wire struct {
	raftnode.Transport
	disk *gate

	mu   sync.Mutex
	lost map[string]bool     // messages to these names
	held map[[2]string]*gate // answers, by the name that gave it and what it answers
}

var errLost = errors.New("lost on the wire")

const (
	heartbeat = "heartbeat"
	entries   = "entries"
)

// answers is the gate of a name's answers.
func (w *wire) answers(name, to string) *gate {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := [2]string{name, to}
	if w.held[key] == nil {
		w.held[key] = newGate()
	}
	return w.held[key]
}

// lose has messages to a name lost from now on.
func (w *wire) lose(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost[name] = true
}

// release opens all gates.
func (w *wire) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disk.set(false)
	for _, g := range w.held {
		g.set(false)
	}
}

func (w *wire) loses(id raft.ServerID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost[nameOf(id)]
}

func (w *wire) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) error {
	if w.loses(id) {
		return errLost
	}
	err := w.Transport.AppendEntries(id, to, q, r)
	kind := entries
	if len(q.Entries) == 0 && q.PrevLogEntry == 0 && q.LeaderCommitIndex == 0 {
		kind = heartbeat
	}
	w.answers(nameOf(id), kind).pass()
	return err
}

func (w *wire) RequestVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest, r *raft.RequestVoteResponse) error {
	if w.loses(id) {
		return errLost
	}
	return w.Transport.RequestVote(id, to, q, r)
}

func (w *wire) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, r *raft.RequestPreVoteResponse) error {
	if w.loses(id) {
		return errLost
	}
	return w.Transport.RequestPreVote(id, to, q, r)
}

// wired is a cluster whose nodes have wires.
func (c *cluster) wired() map[string]*wire {
	wires := map[string]*wire{}
	var mu sync.Mutex
	before := c.tune
	c.tune = func(k *raftnode.Config) {
		before(k)
		w := &wire{disk: newGate(), lost: map[string]bool{}, held: map[[2]string]*gate{}}
		mu.Lock()
		wires[k.ID] = w
		mu.Unlock()
		k.Disturb(func(t raftnode.Transport) raftnode.Transport { w.Transport = t; return w })
		k.Storage.Journal.Disk = disk{wrap: func(f journal.File) journal.File { return gatedFile{f, w.disk} }}
	}
	return wires
}
