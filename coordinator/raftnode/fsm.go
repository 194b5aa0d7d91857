package raftnode

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// machine applies what raft has committed. Raft calls it from one goroutine.
type machine struct {
	fail  func(error)
	state *state.State
	sick  error                     // an entry that could not be read: nothing after it is applied
	began atomic.Pointer[time.Time] // when it began to apply what it still applies
	entry atomic.Uint64             // of raft's log: the last that it applied

	mu       sync.Mutex
	snapshot *state.Snapshot
	advanced chan struct{} // closed when the snapshot is replaced
	closed   bool
	marks    []hashMark // newest last
}

// hashMark is the state's hash at an index, to compare with others.
type hashMark struct {
	Index uint64   `json:"index"`
	Hash  [32]byte `json:"hash"`
}

const (
	markEvery = 256 // commands between two marks
	maxMarks  = 64  // a node that is a few seconds behind still shares some
)

func newMachine(fail func(error)) *machine {
	m := &machine{fail: fail, advanced: make(chan struct{})}
	m.state = state.New()
	m.snapshot = m.state.Snapshot()
	return m
}

// Apply implements raft.FSM.
func (m *machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM. The state is published before raft hears
// of the results: whoever is told of a write can read it.
func (m *machine) ApplyBatch(logs []*raft.Log) []any {
	began := time.Now()
	m.began.Store(&began)
	defer m.began.Store(nil)
	results := make([]any, len(logs))
	var marks []hashMark
	for i, l := range logs {
		if l.Type != raft.LogCommand {
			continue
		}
		entries, err := decodeBatch(l.Data)
		if err != nil && m.sick == nil {
			m.sick = fmt.Errorf("committed entry %d cannot be read: %w", l.Index, err)
			m.fail(m.sick)
		}
		if m.sick != nil {
			results[i] = m.sick
			continue
		}
		results[i], marks = m.apply(entries, marks)
		m.entry.Store(l.Index)
	}
	m.publish(marks)
	return results
}

func (m *machine) apply(entries []command.Entry, marks []hashMark) ([]state.Result, []hashMark) {
	all := make([]state.Result, len(entries))
	for k, e := range entries {
		all[k] = m.state.Apply(m.state.Index()+1, e)
		if m.state.Index()%markEvery == 0 {
			marks = append(marks, hashMark{m.state.Index(), m.state.Hash()})
		}
	}
	return all, marks
}

func (m *machine) publish(marks []hashMark) {
	s := m.state.Snapshot()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.snapshot = s
	if !m.closed {
		close(m.advanced)
		m.advanced = make(chan struct{})
	}
	m.marks = append(m.marks, marks...)
	if n := len(m.marks) - maxMarks; n > 0 {
		m.marks = append([]hashMark(nil), m.marks[n:]...)
	}
}

// hangs says for how long the machine has been applying the same entries.
func (m *machine) hangs(now time.Time) time.Duration {
	if began := m.began.Load(); began != nil {
		return now.Sub(*began)
	}
	return 0
}

// late is the newest snapshot and the marks.
func (m *machine) late() (*state.Snapshot, []hashMark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snapshot, m.marks
}

func (m *machine) waitFor(index uint64) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.snapshot.Index() > index {
		done := make(chan struct{})
		close(done)
		return done
	}
	return m.advanced
}

func (m *machine) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		close(m.advanced)
	}
}

// Snapshot implements raft.FSM: it costs nothing, writing it does.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	if m.sick != nil {
		return nil, m.sick
	}
	return frozen{m.state.Snapshot()}, nil
}

// Restore implements raft.FSM.
func (m *machine) Restore(r io.ReadCloser) error {
	s, err := state.Decode(r) // which holds it to its invariants
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	m.state, m.sick = s, nil
	m.mu.Lock()
	m.marks = nil
	m.mu.Unlock()
	m.publish(nil)
	return nil
}

type frozen struct{ *state.Snapshot }

// Persist implements raft.FSMSnapshot.
func (f frozen) Persist(sink raft.SnapshotSink) error {
	if k, ok := sink.(*snapshotSink); ok {
		h := f.Hash()
		k.want = &h
	}
	if err := f.Encode(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return nil
}

// Release implements raft.FSMSnapshot.
func (frozen) Release() {}
