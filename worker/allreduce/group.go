package allreduce

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"g2c/api"
	"g2c/internal/clock"
)

// Config is what an exchange is between.
type Config struct {
	Session Session
	// Gang has for each process the shards of its members, in order: nodes of the tree
	// over all shards, which they tile.
	Gang [][]api.Shards
	// Self is the place of this process in the gang.
	Self int
	// Links lead to the processes of the gang; the one to Self is nil. The exchange
	// closes them.
	Links []Link
	// Names are what processes are called in errors; nil for their links' numbers.
	Names []string
	// Half says of a bucket that every node of its sums is rounded to bf16: members give
	// such, and float32 goes from process to process as them, in half the bytes. nil is none.
	Half func(bucket int) bool
	// Message is the most bytes of elements a frame has, in memory; the same for every
	// process. 0 is a megabyte.
	Message int
	// Deadline is how long a peer may send nothing at all. A process that has nothing to
	// send says so four times in that time, whatever its devices do. 0 is DefaultDeadline.
	Deadline time.Duration
	// Clock is what deadlines are measured with; nil for the machine's.
	Clock clock.Clock
}

// DefaultDeadline is long enough for a process that waits for a processor, or whose
// network loses packets, and short beside the minutes of work that silence would cost.
const DefaultDeadline = 20 * time.Second

// Sizes of pieces: messages of a megabyte cost the least time a byte, and adding in one
// process goes best over pieces that stay in a core's cache.
const (
	messageBytes = 1 << 20
	cacheBytes   = 256 << 10
)

// maxAdders bounds the goroutines that add: a few cores use up a machine's memory
// bandwidth.
const maxAdders = 4

// Group is the side of one process in an exchange: its members give their sums and take
// those over all. Members are used by a goroutine each, at the same time.
//
// Nothing is allocated in a round whose buckets are as long as those of a round before.
type Group[T Element] struct {
	plan  *plan
	conf  Config
	most  int // elements of a piece
	peers []*peer[T]

	running sync.WaitGroup // adders, senders, receivers, watch
	ended   chan struct{}  // closed with over

	mu       sync.Mutex
	changed  sync.Cond // the state below, or a peer's
	posted   sync.Cond // jobs
	buckets  []*bucket[T]
	round    uint32
	taking   bool      // a member has begun to take: every bucket of the round is known
	gave     time.Time // when it did
	rounds   int       // since Late was asked
	finished int       // members that have taken all
	jobs     queue[job[T]]
	err      error
	leaving  bool // Close was called: peers are told
	over     bool // whoever runs ends
}

// New begins an exchange. It is ended by Close.
func New[T Element](c Config) (*Group[T], error) {
	p, err := newPlan(c.Gang, c.Self)
	if err != nil {
		return nil, err
	}
	if c.Deadline == 0 {
		c.Deadline = DefaultDeadline
	}
	if c.Clock == nil {
		c.Clock = clock.Real{}
	}
	g := &Group[T]{plan: p, conf: c, most: cacheBytes / sizeOf[T](), ended: make(chan struct{}), peers: make([]*peer[T], p.processes)}
	g.changed.L, g.posted.L = &g.mu, &g.mu
	if p.processes > 1 {
		if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
			return nil, errors.New("allreduce: elements lie on the wire little-endian, as they do not in this machine's memory")
		}
		g.most = cmp.Or(c.Message, messageBytes) / sizeOf[T]()
		if len(c.Links) != p.processes {
			return nil, fmt.Errorf("allreduce: %d links for a gang of %d processes", len(c.Links), p.processes)
		}
	}
	if g.alone() {
		return g, nil
	}
	for range min(runtime.GOMAXPROCS(0), maxAdders) {
		g.running.Go(g.work)
	}
	for i := range p.processes {
		if i != p.self {
			g.peers[i] = newPeer(g, i, c.Links[i])
		}
	}
	for _, p := range g.others() {
		g.running.Go(p.send)
		g.running.Go(p.receive)
	}
	if p.processes > 1 {
		g.running.Go(g.watch)
	}
	return g, nil
}

// alone says that there is nothing to add: one member has all shards.
func (g *Group[T]) alone() bool { return g.plan.processes == 1 && g.members() == 1 }

func (g *Group[T]) members() int { return len(g.conf.Gang[g.plan.self]) }

// others are the peers.
func (g *Group[T]) others() []*peer[T] {
	var all []*peer[T]
	for _, p := range g.peers {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

// Member is one member's side, by its place among those of this process.
func (g *Group[T]) Member(k int) *Member[T] { return &Member[T]{group: g, k: k} }

// Err is why the exchange has ended; nil while it has not.
func (g *Group[T]) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// fail ends the exchange, here and for the others: they will name the same culprit.
func (g *Group[T]) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failed(err)
}

// failed is fail with the lock held.
func (g *Group[T]) failed(err error) {
	if g.err != nil {
		return
	}
	g.err = err
	if culprit := new(PeerError); errors.As(err, &culprit) {
		g.peers[culprit.Peer].parted = true // it may never answer
	}
	g.wake()
}

// wake wakes whoever waits for anything. The lock is held.
func (g *Group[T]) wake() {
	g.changed.Broadcast()
	g.posted.Broadcast()
	for _, p := range g.others() {
		p.posted.Broadcast()
	}
}

// Close ends the exchange and waits for all that runs in it. After an error it tells the
// others why; otherwise it takes leave, so that what others still need has arrived. No
// member may be in a call, or come any more.
func (g *Group[T]) Close() error {
	g.mu.Lock()
	again := g.leaving
	g.leaving = true
	g.wake()
	g.mu.Unlock()
	if again || g.alone() {
		return nil
	}
	g.part()
	g.mu.Lock()
	g.over = true
	g.failed(ErrClosed)
	g.wake()
	g.mu.Unlock()
	close(g.ended)
	var errs []error
	for _, p := range g.others() {
		errs = append(errs, p.link.Close())
	}
	g.running.Wait()
	return errors.Join(errs...)
}

// part waits until each peer has seen how this process leaves, for as long as a peer may
// be silent.
func (g *Group[T]) part() {
	parted := make(chan struct{})
	late := false
	go func() {
		defer close(parted)
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, p := range g.others() {
			for !p.parted && !late {
				g.changed.Wait()
			}
		}
	}()
	select {
	case <-parted:
	case <-g.conf.Clock.After(g.conf.Deadline):
		g.mu.Lock()
		late = true
		g.changed.Broadcast()
		g.mu.Unlock()
		<-parted
	}
}
