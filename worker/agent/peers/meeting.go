package peers

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/grpc"

	"g2c/checkpoint/store"
	"g2c/worker/agent"
	"g2c/worker/agent/grpclink"
	"g2c/worker/allreduce"
	"g2c/worker/gang"
)

// meeting is a generation of a gang: its members meet once, and again for each time that
// they lose sight of each other.
type meeting struct {
	gang *Gang
	a    agent.Assignment
	ctx  context.Context // ends with the generation
	stop context.CancelCauseFunc

	training bool // the process trains as an earlier generation

	began sync.Once
	way   way // to the outcome: the host's or a member's

	mu      sync.Mutex
	offered store.Body // the state, for others
	round   uint32     // under which it is offered
	changed chan struct{}
}

// way is how a member comes to the outcome of a meeting.
type way interface {
	// start makes the process heard of; it is called once.
	start()
	// arrive waits for the outcome, for a member that stands after a step.
	arrive(ctx context.Context, step int64) (outcome, error)
	// called says whether members that train are to come.
	called() bool
	// done ends what watches over the members since the outcome.
	done()
}

// outcome is what a round of a meeting has come to.
type outcome struct {
	source string
	step   int64
	round  uint32
	// lost ends when a member is lost that all depend on.
	lost context.Context
}

// newMeeting is made with the gang's lock held, or before anybody has the gang.
func newMeeting(g *Gang, a agent.Assignment) *meeting {
	m := &meeting{gang: g, a: a, training: g.training, changed: make(chan struct{})}
	m.ctx, m.stop = context.WithCancelCause(g.ctx)
	switch {
	case len(a.Gang) == 1:
		m.way = alone{m}
	case a.Gang[0].Worker == g.peers.cfg.Worker:
		m.way = newHost(m)
	default:
		m.way = newGuest(m)
	}
	return m
}

// is says whether an assignment is the meeting's: its generation, with the same members at
// the same addresses.
func (m *meeting) is(a agent.Assignment) bool {
	return m.a.Generation == a.Generation && slices.Equal(m.a.Gang, a.Gang)
}

// start has the others hear of this process. A meeting that is over stays so.
func (m *meeting) start() { m.began.Do(m.way.start) }

func (m *meeting) end(cause error) { m.stop(cause) }

// place is a worker's place in the gang, -1 for none.
func (m *meeting) place(worker string) int {
	return slices.IndexFunc(m.a.Gang, func(p agent.Part) bool { return p.Worker == worker })
}

// meet waits for the outcome of the next round.
func (m *meeting) meet(ctx context.Context, step int64) (*gang.Meeting, error) {
	m.start()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)()
	m.withdraw()
	o, err := m.way.arrive(ctx, step)
	if err != nil {
		return nil, err
	}
	out := &gang.Meeting{
		Generation: m.a.Generation, Self: m.place(m.gang.peers.cfg.Worker), Source: m.place(o.source), Step: o.step,
	}
	for _, p := range m.a.Gang {
		out.Names, out.Slots = append(out.Names, p.Worker), append(out.Slots, p.Slots)
	}
	if len(m.a.Gang) > 1 {
		out.With = &with{m, o}
	}
	return out, nil
}

// alone is the way of a gang of one.
type alone struct{ *meeting }

func (a alone) start()       {}
func (a alone) done()        {}
func (a alone) called() bool { return true }
func (a alone) arrive(_ context.Context, step int64) (outcome, error) {
	return outcome{source: a.gang.peers.cfg.Worker, step: step, lost: a.ctx}, nil
}

// with is what a member gets of the others after a round.
type with struct {
	m *meeting
	outcome
}

// roundBits is how many bits of an exchange's number are the round of its generation.
const roundBits = 20

// Session implements gang.With.
func (w *with) Session() allreduce.Session {
	return allreduce.Session{Key: w.m.gang.key, Generation: w.m.a.Generation<<roundBits | uint64(w.round)}
}

// Offer implements gang.With.
func (w *with) Offer(state store.Body) { w.m.offer(state, w.round) }

// Fetch implements gang.With.
func (w *with) Fetch(ctx context.Context) ([]byte, error) {
	ctx, cancel := w.bounded(ctx)
	defer cancel()
	at := w.m.place(w.source)
	state, err := w.m.fetch(ctx, w.m.a.Gang[at], w.round)
	if err != nil && over(err) { // the source has left the round: all of it meets again
		return nil, fmt.Errorf("%w: %w", gang.ErrOver, err)
	}
	if err != nil {
		return nil, w.blame(&allreduce.PeerError{Peer: at, Name: w.source, Err: err})
	}
	return state, nil
}

// blame says why something with the others did not come about. Where a member was lost that
// the whole gang waits for, that is why, whoever else was waited for.
func (w *with) blame(err error) error {
	switch {
	case w.m.ctx.Err() != nil:
		return fmt.Errorf("%w: %w", gang.ErrOver, context.Cause(w.m.ctx))
	case w.lost.Err() == nil:
		return err
	case w.m.place(w.m.gang.peers.cfg.Worker) == 0: // it has been suspected
		return fmt.Errorf("%w: a member has left the meeting", gang.ErrOver)
	}
	return &allreduce.PeerError{Peer: 0, Name: w.m.a.Gang[0].Worker, Err: context.Cause(w.lost)}
}

// Links implements gang.With.
func (w *with) Links(ctx context.Context) ([]allreduce.Link, error) {
	ctx, cancel := w.bounded(ctx)
	defer cancel()
	names := make([]string, len(w.m.a.Gang))
	for i, p := range w.m.a.Gang {
		names[i] = p.Worker
	}
	connect := func(i int) (grpc.ClientConnInterface, error) { return w.m.gang.conn(w.m.a.Gang[i]) }
	links, err := grpclink.Join(ctx, &w.m.gang.peers.links, w.Session(), w.m.place(w.m.gang.peers.cfg.Worker), names, connect)
	if err != nil {
		return nil, w.blame(err)
	}
	return links, nil
}

// Done implements gang.With.
func (w *with) Done() {
	w.m.withdraw()
	w.m.way.done()
}

// bounded is a context that also ends when a member is lost, or the generation is over.
func (w *with) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(w.lost, cancel)
	return ctx, func() { stop(); cancel() }
}
