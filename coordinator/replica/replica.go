// Package replica is what the coordinator's service needs of a replicated state:
// to have an entry applied, to read what was applied, and to know who leads. It
// is the border between the log (raftnode) and the service (server), and has
// Memory, one replica without a log, for tests and for trying things.
package replica

import (
	"context"
	"errors"
	"fmt"
	"io"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Replica is one copy of the state. Methods may be called from any number of
// goroutines.
type Replica interface {
	// ID names this replica.
	ID() string

	// Propose has an entry applied and says what became of it. It is for the
	// leader: elsewhere it returns *NotLeader and the entry was not written, and one
	// outside the limits is command.ErrMalformed and was not written either. Any
	// other error leaves open whether it was or will be: only a repeat under the
	// same request id is safe. The leader sets At of an entry that has none.
	Propose(ctx context.Context, e command.Entry) (state.Result, error)

	// ProposeAll is Propose for several entries, which are written in this order,
	// maybe with others between. An error ends it: results are of those before. What
	// comes after a refusal is applied all the same.
	ProposeAll(ctx context.Context, entries []command.Entry) ([]state.Result, error)

	// Read returns a state that has everything acknowledged before the call. It is
	// for the leader: elsewhere it returns *NotLeader.
	Read(ctx context.Context) (*state.Snapshot, error)

	// Snapshot is the state as far as this replica has applied it, which may be
	// behind the leader's.
	Snapshot() *state.Snapshot

	// Advanced is closed once Snapshot has an index above the given one, or the
	// replica is closed.
	Advanced(index uint64) <-chan struct{}

	// Leadership waits until this replica leads and has applied all that came before.
	// The context it returns ends when the replica leads no more; it descends from
	// ctx. An error is ctx's, or ErrClosed.
	Leadership(ctx context.Context) (context.Context, error)

	// Leader is the peer that leads, as far as this replica knows; the zero Peer
	// if it knows of none.
	Leader() Peer

	// Status says how the replicas are, as seen from here.
	Status() Status
}

// ErrAway is a replica that has to be asked before something is written, and does not
// answer. It was not written.
var ErrAway = errors.New("a replica does not answer")

// Members changes who the replicas are. All are for the leader, and return
// *NotLeader elsewhere.
type Members interface {
	// Add makes a node with an empty log a learner; it becomes a voter by itself
	// once it has caught up.
	Add(ctx context.Context, p Peer) error
	// Remove takes a node out, for good: its data folder cannot come back. Its name
	// can, with a new one.
	Remove(ctx context.Context, id string) error
	// Transfer hands leadership to another voter.
	Transfer(ctx context.Context) error
	// Backup writes a state that has everything acknowledged before the call.
	Backup(ctx context.Context, w io.Writer) error
}

// The roles of a peer.
const (
	Voter   = "voter"
	Learner = "learner"
)

// Peer is a replica as others see it.
type Peer struct {
	ID      string
	Address string // host:port
	Role    string
	Healthy bool // heard of lately; only the leader and the peer itself know
	// Replaced is a peer in whose place another data folder answers: it waits until the peer
	// is removed, and joins then.
	Replaced bool
}

// Status is the health of the replicas as one of them sees it.
type Status struct {
	Leader    string // its id; empty if none is known
	Term      uint64
	Committed uint64 // index
	Applied   uint64 // index of this replica's state
	Hash      [32]byte
	Peers     []Peer // by id
	CaughtUp  bool   // this replica has had all that a leader had, since it started
	// Uncompacted is why this replica could not cut its log last; empty if it could. The
	// log grows meanwhile.
	Uncompacted string
}

// NotLeader refuses what only the leader does.
type NotLeader struct {
	Leader Peer // the zero Peer if unknown
}

// Error implements error.
func (e *NotLeader) Error() string {
	if e.Leader.ID == "" {
		return "this coordinator does not lead, and knows of no leader yet"
	}
	return fmt.Sprintf("this coordinator does not lead: %s at %s does", e.Leader.ID, e.Leader.Address)
}
