package replica

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// ErrClosed is a replica that was closed.
var ErrClosed = errors.New("replica is closed")

// Memory is the only replica of a state, in memory. Depose and Crown let tests
// take its leadership away and give it back.
type Memory struct {
	id  string
	now func() time.Time

	mu          sync.Mutex
	state       *state.State
	snapshot    *state.Snapshot
	advanced    chan struct{}
	term        uint64
	crowned     chan struct{} // closed while it leads
	deposed     chan struct{} // closed while it does not
	closed      chan struct{}
	leaderships []context.CancelFunc // of this term: they end before Depose returns
}

// NewMemory makes a replica that leads.
func NewMemory(id string, now func() time.Time) *Memory {
	s := state.New()
	m := &Memory{id: id, now: now, state: s, snapshot: s.Snapshot(), advanced: make(chan struct{}), closed: make(chan struct{})}
	m.crowned, m.deposed = make(chan struct{}), make(chan struct{})
	close(m.deposed)
	m.Crown()
	return m
}

// ID implements Replica.
func (m *Memory) ID() string { return m.id }

// Propose implements Replica.
func (m *Memory) Propose(ctx context.Context, e command.Entry) (state.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.leads(ctx); err != nil {
		return state.Result{}, err
	}
	if e.At == 0 {
		e.At = m.now().UnixMilli()
	}
	b, err := command.Encode(e) // as a log would have it
	if err != nil {
		return state.Result{}, err
	}
	if e, err = command.Decode(b); err != nil {
		return state.Result{}, err
	}
	r := m.state.Apply(m.state.Index()+1, e)
	m.snapshot = m.state.Snapshot()
	close(m.advanced)
	m.advanced = make(chan struct{})
	return r, nil
}

// ProposeAll implements Replica.
func (m *Memory) ProposeAll(ctx context.Context, entries []command.Entry) (results []state.Result, err error) {
	for _, e := range entries {
		r, err := m.Propose(ctx, e)
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}

// Read implements Replica.
func (m *Memory) Read(ctx context.Context) (*state.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snapshot, m.leads(ctx)
}

// leads is called with the lock held.
func (m *Memory) leads(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case isClosed(m.closed):
		return ErrClosed
	case isClosed(m.deposed):
		return &NotLeader{}
	}
	return nil
}

// Snapshot implements Replica.
func (m *Memory) Snapshot() *state.Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snapshot
}

// Advanced implements Replica.
func (m *Memory) Advanced(index uint64) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.snapshot.Index() > index {
		done := make(chan struct{})
		close(done)
		return done
	}
	return m.advanced
}

// Leadership implements Replica.
func (m *Memory) Leadership(ctx context.Context) (context.Context, error) {
	for {
		m.mu.Lock()
		crowned, deposed := m.crowned, m.deposed
		m.mu.Unlock()
		if isClosed(m.closed) {
			return nil, ErrClosed
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-m.closed:
			return nil, ErrClosed
		case <-crowned:
		}
		m.mu.Lock()
		if isClosed(deposed) || isClosed(m.closed) {
			m.mu.Unlock()
			continue
		}
		leadership, end := context.WithCancel(ctx)
		m.leaderships = append(m.leaderships, end)
		m.mu.Unlock()
		return leadership, nil
	}
}

// endLeaderships is called with the lock held.
func (m *Memory) endLeaderships() {
	for _, end := range m.leaderships {
		end()
	}
	m.leaderships = nil
}

// Leader implements Replica.
func (m *Memory) Leader() Peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	if isClosed(m.deposed) {
		return Peer{}
	}
	return m.peer()
}

func (m *Memory) peer() Peer { return Peer{ID: m.id, Role: Voter, Healthy: true} }

// Status implements Replica.
func (m *Memory) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{Term: m.term, Committed: m.snapshot.Index(), Applied: m.snapshot.Index(), Hash: m.snapshot.Hash(), CaughtUp: true, Peers: []Peer{m.peer()}}
	if !isClosed(m.deposed) {
		s.Leader = m.id
	}
	return s
}

// Backup writes the state.
func (m *Memory) Backup(_ context.Context, w io.Writer) error { return m.Snapshot().Encode(w) }

// Crown lets it lead: a new term.
func (m *Memory) Crown() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !isClosed(m.deposed) {
		return
	}
	m.term++
	m.deposed = make(chan struct{})
	close(m.crowned)
}

// Depose ends its leadership.
func (m *Memory) Depose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if isClosed(m.deposed) {
		return
	}
	m.crowned = make(chan struct{})
	close(m.deposed)
	m.endLeaderships()
}

// Close ends it.
func (m *Memory) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if isClosed(m.closed) {
		return
	}
	close(m.closed)
	m.endLeaderships()
	close(m.advanced)
	m.advanced = m.closed
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
