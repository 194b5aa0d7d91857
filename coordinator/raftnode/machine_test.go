package raftnode

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/command"
)

func testNode() *Node {
	n := &Node{config: DefaultConfig(), failed: make(chan struct{})}
	n.config.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	n.machine = newMachine(n.fail)
	return n
}

// applied makes a node that has applied some commands, and its marks.
func applied(t *testing.T, count int) *Node {
	t.Helper()
	n := testNode()
	for i := range count {
		b, err := command.Encode(command.Entry{At: int64(i), Command: command.SetProject{Project: "p", Weight: i + 1}})
		if err != nil {
			t.Fatal(err)
		}
		n.machine.Apply(&raft.Log{Index: uint64(i + 1), Data: encodeBatch([][]byte{b})})
	}
	return n
}

// The node that all others contradict stops; one that is right, or cannot know, goes on.
func TestAStateThatDiffersStopsTheNode(t *testing.T) {
	n := applied(t, 3*markEvery)
	_, good := n.machine.late()
	if len(good) != 3 {
		t.Fatalf("%d marks", len(good))
	}
	bad := append([]hashMark(nil), good...)
	bad[1].Hash[0] ^= 1
	worse := append([]hashMark(nil), good...)
	worse[1].Hash[0] ^= 2
	said := func(marks ...[]hashMark) (all []report) {
		for _, m := range marks {
			all = append(all, report{Marks: m})
		}
		return all
	}
	for what, reports := range map[string][]report{
		"equal":                       said(good, good),
		"one of three differs":        said(good, bad),
		"one of two differs":          said(bad),
		"all differ":                  said(bad, worse),
		"one differs, one is silent":  said(bad, nil),
		"none has the same index":     said(nil, nil),
		"others are elsewhere by now": {{Marks: []hashMark{{Index: 9999}}}, {Marks: []hashMark{{Index: 9999}}}},
	} {
		n.checkHashes(reports)
		if n.Err() != nil {
			t.Fatalf("%s: it stops: %v", what, n.Err())
		}
	}
	n.checkHashes(said(bad, bad))
	if !errors.Is(n.Err(), ErrDiverged) {
		t.Errorf("two others agree on another state, and it goes on: %v", n.Err())
	}
}

// An entry that cannot be read stops the node, and nothing after it is applied.
func TestAnEntryOfANewerReleaseStopsTheNode(t *testing.T) {
	n := applied(t, 5)
	before := n.Snapshot()
	for _, data := range [][]byte{{batchVersion + 1}, nil, {batchVersion, 1, 3, 1, 2, 3}} {
		if _, ok := n.machine.Apply(&raft.Log{Index: 6, Data: data}).(error); !ok {
			t.Errorf("%v is applied", data)
		}
	}
	<-n.Done()
	if n.Err() == nil {
		t.Error("the node goes on")
	}
	b, err := command.Encode(command.Entry{Command: command.SetProject{Project: "p", Weight: 9}})
	if err != nil {
		t.Fatal(err)
	}
	n.machine.Apply(&raft.Log{Index: 7, Data: encodeBatch([][]byte{b})})
	if n.Snapshot().Hash() != before.Hash() {
		t.Error("the state changed after it")
	}
	if _, err := n.machine.Snapshot(); err == nil {
		t.Error("a snapshot is taken after it")
	}
}

// Entries that are committed and not handed on stop the node, once that has lasted.
func TestEntriesThatWaitStopTheNode(t *testing.T) {
	n := testNode()
	now := time.Now()
	w := watcher{node: n, moved: now}
	stuck := n.config.Timing.Stuck
	w.progress(now, 5, 9)
	w.progress(now.Add(stuck), 5, 9)
	w.progress(now.Add(stuck+1), 6, 9)
	w.progress(now.Add(2*stuck+1), 6, 9)
	w.progress(now.Add(4*stuck), 9, 9)
	w.progress(now.Add(5*stuck), 9, 10)
	if n.Err() != nil {
		t.Fatalf("it stops though it moves: %v", n.Err())
	}
	w.progress(now.Add(5*stuck+1), 9, 10)
	if !errors.Is(n.Err(), ErrStuck) {
		t.Errorf("it stands still and goes on: %v", n.Err())
	}
}

func TestASnapshotIsRestored(t *testing.T) {
	n := applied(t, 300)
	var b bytes.Buffer
	if err := n.Snapshot().Encode(&b); err != nil {
		t.Fatal(err)
	}
	m := testNode().machine
	advanced := m.waitFor(0)
	if err := m.Restore(io.NopCloser(&b)); err != nil {
		t.Fatal(err)
	}
	<-advanced
	if s, _ := m.late(); s.Hash() != n.Snapshot().Hash() || s.Index() != 300 {
		t.Error("it is another state")
	}
}

func TestValidate(t *testing.T) {
	c := DefaultConfig()
	if c.Validate() == nil {
		t.Error("a node without anything")
	}
	for _, s := range []string{"c1", "c1/12", "/0123456789abcdef", "c1/0123456789ABCDEF", "a b/0123456789abcdef"} {
		if _, err := parseMember(s); err == nil {
			t.Errorf("%q is a member", s)
		}
	}
	m := member{"c1", newBirth()}
	if got, place, err := parseAddress(m.address("h:1")); err != nil || got != m || place != "h:1" {
		t.Errorf("%v at %s, %v", got, place, err)
	}
}
