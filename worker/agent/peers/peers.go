package peers

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/internal/clock"
	"g2c/internal/fault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
	"g2c/worker/agent"
	"g2c/worker/agent/grpclink"
	"g2c/worker/allreduce"
)

// Config is a worker's side towards the others.
type Config struct {
	Worker string
	// Caller is the name of the worker that makes a call: Certified; nil if there are no
	// certificates, and callers are believed.
	Caller func(ctx context.Context) (string, error)
	// Dial makes a connection to a worker of that name and no other, for a task.
	Dial func(task api.Key, worker, address string) (*grpc.ClientConn, error)
	// Runs is how many runs the worker had before, wherever: those here are counted on.
	Runs int
	// Deadline is how long a member may say nothing; allreduce.DefaultDeadline if 0.
	Deadline time.Duration
	// Clock is what deadlines are measured with; nil for the machine's.
	Clock clock.Clock
	// Log hears of every meeting, and of the first step after it; nil for nobody.
	Log *slog.Logger
}

// patience is how long a call waits for the generation that it names: its caller may have
// heard of it first.
const patience = 2 * time.Minute

// loading is how long members of a gang may load their programs, one behind the other.
const loading = 10 * time.Minute

// Certified is the worker that makes a call, by its certificate. It refuses who is no worker.
func Certified(ctx context.Context) (string, error) {
	p, err := grpctls.PeerFrom(ctx, time.Now())
	if err == nil && p.Role != pki.Worker {
		err = fault.New(fault.ErrUnavailable, "%s is no worker", p)
	}
	return p.Name, err
}

// Peers takes the calls of other workers for the tasks that run here. Its methods may be
// called from any goroutine.
type Peers struct {
	apiv1.UnimplementedPeerServiceServer
	cfg   Config
	links grpclink.Server

	mu      sync.Mutex
	gangs   map[api.Key]*Gang
	changed chan struct{} // closed and made anew when a gang opens or meets
	runs    int           // of the worker: how many gangs were opened
}

// New makes one that nobody can call yet: see Register.
func New(cfg Config) *Peers {
	if cfg.Deadline == 0 {
		cfg.Deadline = allreduce.DefaultDeadline
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.Real{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Peers{cfg: cfg, runs: cfg.Runs, gangs: map[api.Key]*Gang{}, changed: make(chan struct{})}
	p.links.Allow, p.links.Clock = p.allow, cfg.Clock
	p.links.Patience = loading // the meeting's streams watch over who loads
	return p
}

// Register adds the services to the worker's server.
func (p *Peers) Register(s grpc.ServiceRegistrar) {
	apiv1.RegisterPeerServiceServer(s, p)
	p.links.Register(s)
}

// Open is the gang of a run, until it is closed. A task has one at a time.
func (p *Peers) Open(from *agent.Gang, out *agent.Output) (*Gang, error) {
	g := newGang(p, from, out)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gangs[g.key] != nil {
		return nil, fmt.Errorf("peers: task %s runs here twice", g.key.Short())
	}
	p.gangs[g.key] = g
	p.runs++
	g.log = p.cfg.Log.With("task", g.key.Short(), "run", p.runs)
	p.tell()
	g.follows.Go(g.follow)
	return g, nil
}

func (p *Peers) drop(g *Gang) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.gangs, g.key)
}

// tell wakes calls that wait for a gang or a generation. The lock is held.
func (p *Peers) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// news is tell.
func (p *Peers) news() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell()
}

// meeting waits for a generation of a task that runs here. A later one, or none in time, is
// an error: the coordinator's word may reach the caller first.
func (p *Peers) meeting(ctx context.Context, key api.Key, generation uint64) (*meeting, error) {
	late := p.cfg.Clock.After(patience)
	for {
		p.mu.Lock()
		g, changed := p.gangs[key], p.changed
		p.mu.Unlock()
		if g != nil {
			switch m := g.newest(); {
			case m.a.Generation == generation:
				return m, nil
			case m.a.Generation > generation:
				return nil, status.Errorf(codes.FailedPrecondition, "task %s is in generation %d here, not %d any more", key.Short(), m.a.Generation, generation)
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		case <-late:
			return nil, status.Errorf(codes.NotFound, "worker %s has no generation %d of task %s", p.cfg.Worker, generation, key.Short())
		}
	}
}

// member is the meeting of a generation that the caller is in, under the name that it says.
func (p *Peers) member(ctx context.Context, task string, generation uint64, worker string) (*meeting, error) {
	key, err := api.ParseKey(task)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "%v", err)
	}
	if err := p.is(ctx, worker); err != nil {
		return nil, err
	}
	m, err := p.meeting(ctx, key, generation)
	if err != nil {
		return nil, err
	}
	if m.place(worker) < 0 {
		return nil, status.Errorf(codes.PermissionDenied, "worker %.64q is not in generation %d of task %s", worker, generation, key.Short())
	}
	return m, nil
}

// is refuses a caller that is not the worker it says.
func (p *Peers) is(ctx context.Context, worker string) error {
	if p.cfg.Caller == nil {
		return nil
	}
	name, err := p.cfg.Caller(ctx)
	if err != nil {
		return status.Errorf(codes.Unauthenticated, "%v", err)
	}
	if name != worker {
		return status.Errorf(codes.PermissionDenied, "worker %s says that it is %.64q", name, worker)
	}
	return nil
}

// allow lets the streams of an exchange in that come from the member they name.
func (p *Peers) allow(ctx context.Context, s allreduce.Session, from int) error {
	m, err := p.meeting(ctx, s.Key, s.Generation>>roundBits)
	if err != nil {
		return err
	}
	if from < 0 || from >= len(m.a.Gang) {
		return status.Errorf(codes.PermissionDenied, "there is no member %d in generation %d of task %s", from, m.a.Generation, s.Key.Short())
	}
	return p.is(ctx, m.a.Gang[from].Worker)
}
