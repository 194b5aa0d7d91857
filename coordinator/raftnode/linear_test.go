package raftnode_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"g2c/coordinator/command"
	"g2c/coordinator/raftnode"
	"g2c/coordinator/replica"
)

var linearSeed = flag.Uint64("linear.seed", 0, "of the history that TestReadsAndWritesAreLinearizable plays; 0 for a new one")

// access reads or writes a register: the weight of a project. Each write writes another
// value.
type access struct {
	key   string
	write int // 0 for a read
}

// register is what one key may do.
var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, o := range history {
			key := o.Input.(access).key
			byKey[key] = append(byKey[key], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return 1 }, // a project that nobody made has weight 1
	Step: func(was, input, output any) (bool, any) {
		if in := input.(access); in.write > 0 {
			return true, in.write
		}
		return output == was, was
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %v", in, out) },
}

// registers is a history of accesses, by nodes that think that they lead.
type registers struct {
	c     *cluster
	began time.Time

	mu         sync.Mutex
	operations []porcupine.Operation
	value      int
	read       int
	written    int
	unknown    int
}

// A register is used for so many values, so that what became of few writes is unknown.
const valuesOfOne = 60

// access does one operation at a node.
func (h *registers) access(ctx context.Context, client int, n *raftnode.Node, write bool, odd *rand.Rand) {
	h.mu.Lock()
	h.value++
	in := access{key: fmt.Sprint("k", h.value/valuesOfOne, "-", odd.IntN(2))}
	if write {
		in.write = h.value + 1
	}
	h.mu.Unlock()
	o := porcupine.Operation{ClientId: client, Input: in, Call: time.Since(h.began).Nanoseconds()}
	var err error
	if write {
		_, err = n.Propose(ctx, command.Entry{Command: command.SetProject{Project: in.key, Weight: in.write}})
	} else {
		s, wrong := n.Read(ctx)
		if err = wrong; err == nil {
			o.Output = s.Project(in.key).Weight
		}
	}
	o.Return = time.Since(h.began).Nanoseconds()
	h.record(o, in, err)
}

func (h *registers) record(o porcupine.Operation, in access, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var not *replica.NotLeader
	switch {
	case err == nil && in.write > 0:
		h.written++
	case err == nil:
		h.read++
	case in.write == 0, errors.As(err, &not):
		return // it says nothing, or was not written
	default:
		h.unknown++
		o.Return = math.MaxInt64 // it may happen at any time from now on
	}
	h.operations = append(h.operations, o)
}

// progress waits until so many writes more have come back.
func (h *registers) progress(t *testing.T, more int) {
	t.Helper()
	count := func() int { h.mu.Lock(); defer h.mu.Unlock(); return h.written }
	from := count()
	until(t, "writes go on", func() bool { return count() >= from+more })
}

// load has clients read and write at any node until the context ends.
func (h *registers) load(ctx context.Context, seed uint64) (wait func()) {
	var all sync.WaitGroup
	nodes := []*raftnode.Node{h.c.nodes["c1"], h.c.nodes["c2"], h.c.nodes["c3"]}
	for client := range 6 {
		odd := rand.New(rand.NewPCG(seed, uint64(client)))
		all.Go(func() {
			pace := time.NewTicker(2 * time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				one, cancel := context.WithTimeout(ctx, 400*time.Millisecond)
				h.access(one, client, nodes[odd.IntN(3)], odd.IntN(3) == 0, odd)
				cancel()
				select {
				case <-pace.C:
				case <-ctx.Done():
				}
			}
		})
	}
	return all.Wait
}

// trouble is one round of what may go wrong; it ends with everything whole.
func (h *registers) trouble(t *testing.T, wires map[string]*wire, round int, odd *rand.Rand) {
	leader := h.c.leader().ID()
	w := wires[leader]
	names := []string{"c1", "c2", "c3"}
	switch round % 4 {
	case 0: // the leader's disk stands still, its answers are under way, and all else is lost
		h.stall(t, wires, leader)
	case 1: // one direction of one link
		from, to := names[odd.IntN(3)], names[odd.IntN(3)]
		wires[from].lose(to)
		h.progress(t, 30)
	case 2: // slow disks
		for _, name := range names {
			wires[name].disk.slowDown(time.Duration(odd.IntN(20)) * time.Millisecond)
		}
		h.progress(t, 20)
	case 3: // the leader hears the others, and is not heard
		for _, name := range names {
			if name != leader {
				w.lose(name)
			}
		}
		until(t, "another leads", func() bool { return h.c.nodes[leader].Status().Leader != leader })
	}
	for _, name := range names {
		for _, other := range names {
			wires[name].find(other)
		}
		wires[name].disk.slowDown(0)
	}
	h.progress(t, 20)
}

// stall plays what once had a leader read an old state.
func (h *registers) stall(t *testing.T, wires map[string]*wire, leader string) {
	w := wires[leader]
	w.disk.set(true)
	until(t, "the disk stands still", func() bool { return w.disk.holds() > 0 })
	var others []string
	for _, name := range []string{"c1", "c2", "c3"} {
		if name != leader {
			others = append(others, name)
			w.answers(name, heartbeat).set(true)
			w.answers(name, entries).set(true)
		}
	}
	until(t, "answers are under way", func() bool {
		for _, name := range others {
			if w.answers(name, heartbeat).holds() == 0 || w.answers(name, entries).holds() == 0 {
				return false
			}
		}
		return true
	})
	for _, name := range others {
		w.lose(name)
		wires[name].lose(leader)
	}
	until(t, "another leads", func() bool {
		for _, name := range others {
			if s := h.c.nodes[name].Status(); s.Leader == name {
				return true
			}
		}
		return false
	})
	h.progress(t, 10)
	for _, kind := range []string{entries, heartbeat} {
		for _, name := range others {
			w.answers(name, kind).set(false)
		}
		w.disk.set(false)
		h.c.nodes[leader].Turn()
	}
}

// Reads and writes at whoever thinks that it leads, while disks stand still or are slow,
// messages are late, lost one way or repeated, and leaders change.
func TestReadsAndWritesAreLinearizable(t *testing.T) {
	seed := *linearSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	c := newCluster(t)
	wires := c.wired()
	c.found("c1", "c2", "c3")
	c.write(0)
	for i, name := range []string{"c1", "c2", "c3"} {
		w := wires[name]
		t.Cleanup(w.release)
		w.mu.Lock()
		w.odd = rand.New(rand.NewPCG(seed, uint64(100+i)))
		w.mu.Unlock()
	}
	h := &registers{c: c, began: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	wait := h.load(ctx, seed)
	odd := rand.New(rand.NewPCG(seed, 200))
	for round := range 8 {
		h.trouble(t, wires, round, odd)
	}
	cancel()
	wait()
	t.Logf("%d reads, %d writes, %d of which nobody knows; term %d", h.read, h.written, h.unknown, c.leader().Status().Term)
	if h.read < 200 || h.written < 200 {
		t.Error("too short a history to say anything")
	}
	result, info := porcupine.CheckOperationsVerbose(register, h.operations, time.Minute)
	if result == porcupine.Ok {
		return
	}
	t.Errorf("the history is not linearizable: %s", result)
	path := filepath.Join(t.ArtifactDir(), "history.html")
	if err := porcupine.VisualizePath(register, info, path); err != nil {
		t.Error(err)
	}
	t.Logf("drawn in %s; keep it with -artifacts", path)
}

// The model takes what can happen and nothing else: otherwise histories prove nothing.
func TestTheRegisterKnowsWrongHistories(t *testing.T) {
	op := func(call, back int64, write, saw int) porcupine.Operation {
		o := porcupine.Operation{Input: access{"k", write}, Call: call, Return: back}
		if write == 0 {
			o.Output = saw
		}
		return o
	}
	for _, c := range []struct {
		what string
		ok   bool
		ops  []porcupine.Operation
	}{
		{"written and seen", true, []porcupine.Operation{op(0, 1, 0, 1), op(2, 3, 5, 0), op(4, 5, 0, 5)}},
		{"a write is lost", false, []porcupine.Operation{op(0, 1, 5, 0), op(2, 3, 0, 1)}},
		{"an old state is read", false, []porcupine.Operation{op(0, 1, 5, 0), op(2, 3, 6, 0), op(4, 5, 0, 5)}},
		{"a read beside a write", true, []porcupine.Operation{op(0, 9, 5, 0), op(1, 2, 0, 1), op(3, 4, 0, 5)}},
		{"reads that go back in time", false, []porcupine.Operation{op(0, 9, 5, 0), op(1, 2, 0, 5), op(3, 4, 0, 1)}},
		{"a write without an answer, late", true, []porcupine.Operation{op(0, math.MaxInt64, 5, 0), op(1, 2, 0, 1), op(3, 4, 0, 5)}},
		{"or never", true, []porcupine.Operation{op(0, math.MaxInt64, 5, 0), op(3, 4, 0, 1)}},
	} {
		if got := porcupine.CheckOperations(register, c.ops); got != c.ok {
			t.Errorf("%s: linearizable %v, want %v", c.what, got, c.ok)
		}
	}
}
