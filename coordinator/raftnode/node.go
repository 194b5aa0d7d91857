package raftnode

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/raftnode/journal"
	"g2c/coordinator/replica"
	"g2c/coordinator/state"
	"g2c/internal/fault"
)

// Node is one replica with its log on disk.
type Node struct {
	config  Config
	dir     *dataDir
	port    *port
	guard   *guard
	machine *machine

	raft      *raft.Raft
	transport *accounting
	journal   *journal.Journal
	snapshots *snapshots
	votes     *journal.Votes

	proposals chan *proposal
	reads     chan read
	acks      *acknowledgements

	caughtUp atomic.Bool // it has had all that a leader had, since it started

	unknown int // looks in a row at which the leader did not know this node; watch's own

	work    sync.WaitGroup
	stop    context.CancelFunc // ends the goroutines of work
	stopped context.Context

	mu          sync.Mutex
	serving     bool              // raft runs: the node is in a cluster
	layer       *layer            // nil until then
	leading     *leadership       // nil while it does not lead
	turned      chan struct{}     // closed when leading changes
	reports     map[string]report // what other nodes said last, by member
	replaced    map[string]bool   // members in whose place another folder answered last
	err         error             // why it failed
	uncompacted error             // why the log could not be compacted last; nil if it could
	failed      chan struct{}
	halted      chan struct{} // raft runs no more
	closing     sync.Once
	closed      chan struct{}
}

var (
	_ replica.Replica = (*Node)(nil)
	_ replica.Members = (*Node)(nil)
)

// Open starts a node. A folder that is new is taken into a cluster first, and Open
// waits for the other nodes that needs, until the context ends. Connections to the
// API wait meanwhile.
func Open(ctx context.Context, c Config) (*Node, error) {
	if err := c.Validate(); err != nil {
		return nil, errors.Join(err, closeListener(c.Listener))
	}
	n := &Node{
		config: c, proposals: make(chan *proposal, maxBatch), reads: make(chan read, maxBatch), acks: newAcknowledgements(),
		turned: make(chan struct{}), reports: map[string]report{}, failed: make(chan struct{}),
		halted: make(chan struct{}), closed: make(chan struct{}),
	}
	n.machine = newMachine(n.fail)
	n.guard = newGuard(func(serial string) bool { return n.Snapshot().CertificateRevoked(serial) })
	n.stopped, n.stop = context.WithCancel(context.Background())
	err := n.open(ctx)
	if err != nil {
		return nil, errors.Join(err, n.shut())
	}
	return n, nil
}

func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

func (n *Node) open(ctx context.Context) error {
	dir, err := openDataDir(n.config.Dir, n.config.ID, n.config.place())
	if err != nil {
		return errors.Join(err, closeListener(n.config.Listener))
	}
	n.dir = dir
	n.port = newPort(n.config.Listener, n.config.Identity, n.config.Log, n.answerPeer, n.takeRaft)
	if dir.id.Cluster == "" {
		if err := n.settle(ctx); err != nil {
			return err
		}
	}
	if err := n.openStores(); err != nil {
		return err
	}
	if err := n.startRaft(); err != nil {
		return err
	}
	n.mu.Lock()
	n.serving = true
	n.mu.Unlock()
	n.work.Go(n.propose)
	n.work.Go(n.confirmReads)
	n.work.Go(n.followLeadership)
	n.work.Go(n.countLeaderless)
	n.work.Go(n.expelRevoked)
	n.work.Go(n.watch)
	return nil
}

// openStores opens what is on disk, and refuses to go on with less than this node
// once promised.
func (n *Node) openStores() error {
	o := n.config.Storage.Journal
	o.TrailingBytes = n.config.Storage.TrailingBytes
	o.Failed = func(err error) { n.fail(fmt.Errorf("%w: %w", ErrDisk, err)) }
	dir := filepath.Join(n.dir.path, "log")
	var err error
	if n.journal, err = journal.Open(dir, o); err != nil {
		return onDisk("open the log", err)
	}
	if n.votes, err = journal.OpenVotes(dir, o); err != nil {
		return onDisk("open the votes", err)
	}
	n.snapshots, err = openSnapshots(n.dir.path, &snapshots{
		disk: o.On(), journal: n.journal, log: n.config.Log, room: n.room,
		broken: func(err error) { n.fail(fmt.Errorf("%w: write a snapshot: %w", ErrDisk, err)) },
	})
	if err == nil {
		err = n.snapshots.align()
	}
	if err != nil {
		return onDisk("open the snapshots", err)
	}
	if n.dir.id.Started && n.votes.Empty() {
		return onDisk("open the votes", fmt.Errorf("%w: %s", journal.ErrLost, dir))
	}
	return nil
}

// onDisk says what to do about an error of what is on disk: nothing replaces what was
// lost there, and anything else may pass.
func onDisk(what string, err error) error {
	if errors.Is(err, journal.ErrCorrupt) || errors.Is(err, journal.ErrLost) {
		return fault.New(fault.ErrData, "%s: %w", what, err).WithHint("%s", replaceHint)
	}
	return fault.New(fault.ErrUnavailable, "%s: %w", what, err)
}

func (n *Node) startRaft() (err error) {
	logger := raftLogger(n.config.Log)
	self := n.dir.id.member()
	l := &layer{config: &n.config, guard: n.guard, self: self, cluster: n.dir.id.Cluster, queue: newQueue(n.config.Listener.Addr())}
	var t transport = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: l, MaxPool: 3, Timeout: n.config.Timing.Transfer, Logger: logger, MaxRPCsInFlight: 1,
	})
	if n.config.disturb != nil {
		t = n.config.disturb(t)
	}
	n.transport = &accounting{t, n.acks}
	if err := n.found(n.snapshots); err != nil {
		return err
	}
	if n.votes.Empty() { // so that votes that are gone later are missed
		if err := n.votes.SetUint64([]byte("CurrentTerm"), 0); err != nil {
			return err
		}
	}
	if err := n.dir.started(); err != nil {
		return err
	}
	n.raft, err = raft.NewRaft(n.raftConfig(self), n.machine, &logStore{n.journal, n.fail}, n.votes, n.snapshots, n.transport)
	if err != nil {
		return fault.New(fault.ErrData, "start raft: %w", err).WithHint("%s", replaceHint)
	}
	n.mu.Lock()
	n.layer = l
	n.mu.Unlock()
	go n.halt() // shut waits for it
	return nil
}

// halt ends raft once the node has failed or is closed. Raft waits for the state: if
// that hangs, both are left behind, so that the process can end.
func (n *Node) halt() {
	defer close(n.halted)
	<-n.failed
	done := make(chan error, 1)
	go func() { done <- n.raft.Shutdown().Error() }()
	late := time.NewTimer(n.config.Timing.Stuck)
	defer late.Stop()
	select {
	case err := <-done:
		if err != nil {
			n.config.Log.Warn("raft did not stop in order", "err", err)
		}
	case <-late.C:
		n.config.Log.Error("raft does not stop: only the end of the process ends it", "waited", n.config.Timing.Stuck)
	}
}

// await is how a future of raft ends. One that raft still held when it stopped may
// never end: whoever waits in it then is left behind.
func (n *Node) await(f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err
	case <-n.halted:
	}
	select {
	case err := <-done:
		return err
	default:
		return raft.ErrRaftShutdown
	}
}

// takeRaft is handed the connections that speak raft.
func (n *Node) takeRaft(c *tls.Conn) {
	n.mu.Lock()
	l := n.layer
	n.mu.Unlock()
	if l == nil {
		c.Close()
		return
	}
	l.take(c)
}

func (n *Node) raftConfig(self member) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(self.String())
	c.Logger = raftLogger(n.config.Log)
	t := n.config.Timing
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout, c.CommitTimeout = t.Heartbeat, t.Election, t.Lease, t.Commit
	c.SnapshotThreshold = math.MaxUint64 // compaction decides
	c.MaxAppendEntries = maxAppendEntries
	c.TrailingLogs = n.config.Storage.Trailing
	c.NoLegacyTelemetry = true
	return c
}

// found gives a log that is empty its first configuration, if this node is one of
// those that founded the cluster. Repeating it does no harm.
func (n *Node) found(store raft.SnapshotStore) error {
	id := n.dir.id
	if len(id.Founders) == 0 || id.Started {
		return nil
	}
	var c raft.Configuration
	for _, f := range id.Founders {
		m, _, err := parseAddress(raft.ServerAddress(f))
		if err != nil {
			return err
		}
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(m.String()), Address: raft.ServerAddress(f), Suffrage: raft.Voter})
	}
	err := raft.BootstrapCluster(n.raftConfig(id.member()), n.journal, n.votes, store, n.transport, c)
	if errors.Is(err, raft.ErrCantBootstrap) {
		return nil
	}
	return err
}

// ID implements replica.Replica.
func (n *Node) ID() string { return n.config.ID }

// API is a listener of the connections that speak gRPC, their handshake made:
// grpctls.Server takes them.
func (n *Node) API() net.Listener { return n.port.api }

// Snapshot implements replica.Replica.
func (n *Node) Snapshot() *state.Snapshot {
	s, _ := n.machine.late()
	return s
}

// Advanced implements replica.Replica.
func (n *Node) Advanced(index uint64) <-chan struct{} { return n.machine.waitFor(index) }

// Done is closed when the node has failed, or is closed.
func (n *Node) Done() <-chan struct{} { return n.failed }

// Err is why the node failed; nil while it has not, or if it was closed.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if errors.Is(n.err, replica.ErrClosed) {
		return nil
	}
	return n.err
}

// fail stops the node for good. It may be called from anywhere, and does not wait.
func (n *Node) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return
	}
	n.err = err
	if !errors.Is(err, replica.ErrClosed) {
		n.config.Log.Error("this coordinator stops", "err", err)
	}
	close(n.failed)
}

// Close hands leadership on, if it is this node's, and stops.
func (n *Node) Close() error {
	if n.leads() != nil && n.others() > 0 {
		if err := n.await(n.raft.LeadershipTransfer()); err != nil {
			n.config.Log.Warn("leadership was not handed on", "err", err)
		}
	}
	return n.shut()
}

// shut stops what runs, in the order in which one uses another.
func (n *Node) shut() (err error) {
	n.closing.Do(func() {
		n.fail(replica.ErrClosed)
		n.stop()
		if n.raft != nil {
			<-n.halted
		}
		n.setLeadership(nil)
		if n.transport != nil {
			n.transport.Close()
		}
		if n.port != nil {
			n.port.close()
		}
		n.work.Wait()
		n.machine.close()
		if n.journal != nil {
			err = errors.Join(err, n.journal.Close())
		}
		if n.votes != nil {
			err = errors.Join(err, n.votes.Close())
		}
		if n.dir != nil {
			err = errors.Join(err, n.dir.close())
		}
		close(n.closed)
	})
	<-n.closed
	return err
}
