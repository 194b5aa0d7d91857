package peers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"g2c/api"
	"g2c/worker/agent"
	"g2c/worker/allreduce"
	"g2c/worker/gang"
)

// Gang is a run's gang. It implements gang.Gang.
type Gang struct {
	peers   *Peers
	from    *agent.Gang
	out     *agent.Output
	key     api.Key
	ctx     context.Context
	close   context.CancelFunc
	follows sync.WaitGroup
	log     *slog.Logger

	mu       sync.Mutex
	asked    int                         // how often Changed was asked since Meet was
	now      *meeting                    // of the newest assignment
	met      *meeting                    // of the last meeting; nil before
	training bool                        // as what has met last
	conns    map[string]*grpc.ClientConn // by worker and address
}

var _ gang.Gang = (*Gang)(nil)

func newGang(p *Peers, from *agent.Gang, out *agent.Output) *Gang {
	g := &Gang{peers: p, from: from, out: out, conns: map[string]*grpc.ClientConn{}}
	g.ctx, g.close = context.WithCancel(context.Background())
	a, _ := from.Latest()
	g.key = a.Task
	g.now = newMeeting(g, a)
	return g
}

// follow begins the meeting of every assignment that comes.
func (g *Gang) follow() {
	a, changed := g.from.Latest()
	g.begin(a)
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-changed:
		}
		a, changed = g.from.Latest()
		g.begin(a)
	}
}

// begin has the meeting of an assignment take the place of the one before.
func (g *Gang) begin(a agent.Assignment) {
	g.mu.Lock()
	old := g.now
	if !old.is(a) {
		g.now = newMeeting(g, a)
		old.end(errChanged)
		g.hangUp(a)
	}
	m := g.now
	g.mu.Unlock()
	m.start()
	g.peers.news()
}

// errChanged ends meetings of generations that are over.
var errChanged = errors.New("the gang is another by now")

func (g *Gang) newest() *meeting {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

// Close leaves the gang. Nobody may be in another call.
func (g *Gang) Close() {
	g.close()
	g.follows.Wait()
	g.newest().end(context.Canceled)
	g.peers.drop(g)
	g.mu.Lock()
	defer g.mu.Unlock()
	for at, c := range g.conns {
		c.Close() // whoever is called has been told by the end of its streams
		delete(g.conns, at)
	}
}

// Changed implements gang.Gang. It is asked at every step boundary: between the first two
// times after a meeting lies the first step. A gang that others have still to join has not
// changed yet for those who train.
func (g *Gang) Changed() bool {
	g.mu.Lock()
	if g.asked++; g.asked == 2 && g.met != nil {
		g.log.Info("the gang trains", "generation", g.met.a.Generation)
	}
	met, now := g.met, g.now
	g.mu.Unlock()
	return met == nil || met.a.Generation != now.a.Generation && now.way.called()
}

// Coming implements gang.Gang.
func (g *Gang) Coming() (slots []int, self int) {
	m := g.newest()
	for _, p := range m.a.Gang {
		slots = append(slots, p.Slots)
	}
	return slots, m.place(g.peers.cfg.Worker)
}

// Meet implements gang.Gang.
func (g *Gang) Meet(ctx context.Context, step int64) (*gang.Meeting, error) {
	began := g.peers.cfg.Clock.Now()
	g.mu.Lock()
	g.training, g.asked = false, 0
	g.mu.Unlock()
	for {
		m := g.newest()
		out, err := m.meet(ctx, step)
		switch {
		case err == nil:
			g.mu.Lock()
			g.met, g.training = m, true
			g.mu.Unlock()
			g.log.Info("the gang has met", "generation", out.Generation, "members", len(out.Names), "stood", step, "step", out.Step,
				"of", out.Names[out.Source], "waited", g.peers.cfg.Clock.Now().Sub(began).Round(time.Millisecond))
			return out, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case m.ctx.Err() != nil:
			continue
		}
		select { // the host was suspected: the next generation comes, or it is tried again
		case <-m.ctx.Done():
		case <-ctx.Done():
		case <-g.peers.cfg.Clock.After(g.peers.cfg.Deadline / 20):
		}
	}
}

// Broken implements gang.Gang.
func (g *Gang) Broken(on *gang.Meeting, err error) {
	var culprit *allreduce.PeerError
	if !errors.As(err, &culprit) || errors.Is(err, allreduce.ErrLeft) || culprit.Peer == on.Self || culprit.Peer >= len(on.Names) {
		return
	}
	g.suspect(on.Generation, on.Names[culprit.Peer], err)
}

// Waits implements gang.Gang.
func (g *Gang) Waits(on *gang.Meeting, place int, share float64) {
	g.out.Suspect(agent.Suspicion{
		Generation: on.Generation, Workers: []string{on.Names[place]}, Waited: share, Reason: fmt.Sprintf("%.0f%% of a step are spent waiting for it", 100*share),
	})
}

// suspect tells the coordinator of a member that does not answer.
func (g *Gang) suspect(generation uint64, worker string, err error) {
	g.out.Suspect(agent.Suspicion{Generation: generation, Workers: []string{worker}, Reason: err.Error()})
}

// conn is a connection to a member, made if need be.
func (g *Gang) conn(p agent.Part) (*grpc.ClientConn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := p.Worker + "@" + p.Address
	if c := g.conns[at]; c != nil {
		return c, nil
	}
	c, err := g.peers.cfg.Dial(g.key, p.Worker, p.Address)
	if err == nil {
		g.conns[at] = c
	}
	return c, err
}

// hangUp closes connections to who is not in the gang any more. The lock is held.
func (g *Gang) hangUp(a agent.Assignment) {
	for at, c := range g.conns {
		if !slices.ContainsFunc(a.Gang, func(p agent.Part) bool { return p.Worker+"@"+p.Address == at }) {
			c.Close()
			delete(g.conns, at)
		}
	}
}
