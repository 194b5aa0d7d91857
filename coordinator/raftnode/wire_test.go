package raftnode_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

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
	slow time.Duration // each who passes takes so long
}

func (g *gate) slowness() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.slow
}

func (g *gate) slowDown(to time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.slow = to
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
	if wait := f.gate.slowness(); wait > 0 {
		<-time.After(wait)
	}
	f.gate.pass()
	return f.File.Sync()
}

// wire is what a node sends raft's messages over. Answers can be held back when they
// have come, and messages lost.
type wire struct {
	raftnode.Transport
	disk *gate

	mu   sync.Mutex
	odd  *rand.Rand          // if there is one, messages are delayed, repeated and lost by it
	lost map[string]bool     // messages to these names
	held map[[2]string]*gate // answers, by the name that gave it and what it answers
}

// lostAfter is how long it takes to notice that a message is lost.
const lostAfter = 150 * time.Millisecond

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

// find has messages to a name arrive again.
func (w *wire) find(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.lost, name)
}

// fate is what becomes of a message, and of its answer.
type fate struct {
	before, after, late time.Duration
	twice, forgotten    bool
}

func (w *wire) fate() (f fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.odd == nil {
		return fate{}
	}
	f.twice, f.forgotten = w.odd.IntN(20) == 0, w.odd.IntN(50) == 0
	f.late = time.Duration(w.odd.IntN(200)) * time.Millisecond
	if w.odd.IntN(10) == 0 {
		f.before = time.Duration(w.odd.IntN(30)) * time.Millisecond
	}
	if w.odd.IntN(10) == 0 {
		f.after = time.Duration(w.odd.IntN(30)) * time.Millisecond
	}
	return f
}

// carry sends a message as its fate will: twice, maybe, and then late.
func (w *wire) carry(id raft.ServerID, send, again func() error) error {
	f := w.fate()
	if f.before > 0 {
		<-time.After(f.before)
	}
	if w.loses(id) {
		<-time.After(lostAfter) // raft pauses longer and longer after errors that come at once
		return errLost
	}
	if f.twice {
		time.AfterFunc(f.late, func() { again() })
	}
	err := send()
	if f.after > 0 {
		<-time.After(f.after)
	}
	if f.forgotten {
		return errLost // its answer, that is
	}
	return err
}

func (w *wire) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) error {
	late := *q // raft uses it again
	err := w.carry(id,
		func() error { return w.Transport.AppendEntries(id, to, q, r) },
		func() error { return w.Transport.AppendEntries(id, to, &late, new(raft.AppendEntriesResponse)) })
	kind := entries
	if len(q.Entries) == 0 && q.PrevLogEntry == 0 && q.LeaderCommitIndex == 0 {
		kind = heartbeat
	}
	w.answers(nameOf(id), kind).pass()
	return err
}

func (w *wire) RequestVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest, r *raft.RequestVoteResponse) error {
	late := *q // raft uses it again
	return w.carry(id,
		func() error { return w.Transport.RequestVote(id, to, q, r) },
		func() error { return w.Transport.RequestVote(id, to, &late, new(raft.RequestVoteResponse)) })
}

func (w *wire) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, r *raft.RequestPreVoteResponse) error {
	late := *q // raft uses it again
	return w.carry(id,
		func() error { return w.Transport.RequestPreVote(id, to, q, r) },
		func() error { return w.Transport.RequestPreVote(id, to, &late, new(raft.RequestPreVoteResponse)) })
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
