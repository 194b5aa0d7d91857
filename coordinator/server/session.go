package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// Limits of a session.
const (
	helloTimeout   = 10 * time.Second // between the stream and its hello
	reportTimeout  = 10 * time.Second // of one report's way into the log
	maxHeard       = 64               // messages that wait to be taken
	maxUnsent      = 64               // answers that wait to be sent
	messagesPerSec = 2000             // beyond it the worker is read more slowly
)

type workerStream = grpc.BidiStreamingServer[apiv1.ConnectRequest, apiv1.ConnectResponse]

// hosting is what sessions need beside the leadership that they are of.
type hosting struct {
	*replicated
	id        string // of this coordinator
	auth      standing
	artifacts finder
	journal   *journals
	metrics   *metrics
	log       *slog.Logger

	lease, heartbeat time.Duration
	graceMS          int64 // in which a task has to save and stop; negative for any time

	group sync.WaitGroup // goroutines of sessions
}

// standing refuses a caller whose token or certificate has ended since its call began.
type standing interface {
	still(*who) error
}

// finder looks for results in the store.
type finder interface {
	// final says whether the store has a task's final manifest; kept is false without a store.
	final(ctx context.Context, k api.Key) (bool, error)
	kept() bool
}

// term is a leadership, as its sessions see it.
type term interface {
	// hear extends a worker's lease from a time on, if this coordinator still led then.
	hear(ctx context.Context, s *session, at time.Time) error
	// lastWords is the last that was heard of what a worker runs.
	lastWords(*state.Snapshot, *state.Worker) []command.Progress
	// late notes members that gangs wait for.
	late([]scheduler.Late)
	// over is closed when it ends.
	over() <-chan struct{}
}

// session is a worker's stream. Three goroutines share it: the handler's, which alone
// sends; listen's, which alone reads; and receive's, which takes what was read and
// answers, in order. What is said is the conversation's.
type session struct {
	*hosting
	*conversation
	term     term
	registry *registry
	who      *who
	stream   workerStream

	ctx    context.Context
	cancel context.CancelCauseFunc

	pinged chan struct{}               // capacity 1: what it is to do may have changed
	out    chan *apiv1.ConnectResponse // answers to be sent, in order
	pace   *limiter
}

// Connect implements apiv1.WorkerServiceServer.
func (s *workers) Connect(stream workerStream) error {
	r, err := s.leadingNow()
	if err != nil {
		return err
	}
	at, hello, err := s.hello(stream)
	if err != nil {
		return err
	}
	w := whoOf(stream.Context())
	c, err := converse(w, hello, s.host.graceMS)
	if err != nil {
		return err
	}
	ses := &session{
		hosting: s.host, conversation: c, term: r, registry: r.registry, who: w, stream: stream, pinged: make(chan struct{}, 1),
		out: make(chan *apiv1.ConnectResponse, maxUnsent), pace: newLimiter(Limits{CallsPerSecond: messagesPerSec, Burst: messagesPerSec}, s.clock),
	}
	ses.ctx, ses.cancel = context.WithCancelCause(stream.Context())
	defer ses.cancel(nil)
	if err := ses.open(at); err != nil {
		return err
	}
	defer ses.close()
	return ses.serve()
}

// hello waits for a stream's first message.
func (s *workers) hello(stream workerStream) (at time.Time, h *apiv1.Hello, err error) {
	m, err := nextOf(s.clock, helloTimeout, stream.Recv)
	if err != nil {
		return at, nil, err
	}
	if m.GetHello() == nil {
		return at, nil, rpcerr.New(rpcerr.BadRequest, "a session begins with a hello, not with %T", m.Message)
	}
	return s.clock.Now(), m.GetHello(), nil
}

// open makes the session its worker's, in place of an older one.
func (s *session) open(at time.Time) error {
	if err := s.registry.enter(s); err != nil {
		return err
	}
	if err := s.welcome(at); err != nil {
		s.close()
		return err
	}
	return nil
}

func (s *session) welcome(at time.Time) error {
	if err := s.auth.still(s.who); err != nil { // since its call was let in
		return err
	}
	// First its lease: nobody is to take it for lost between its join and its welcome.
	if err := s.term.hear(s.ctx, s, at); err != nil {
		return err
	}
	if err := s.joined(true); err != nil {
		return err
	}
	incarnation := s.incarnation()
	s.log.Info("worker connected", "worker", s.worker, "incarnation", incarnation, "slots", s.join.Slots, "class", s.join.Class)
	s.ping()
	// Not by the queue: a ping that came meanwhile must not overtake it.
	return s.stream.Send(&apiv1.ConnectResponse{Message: &apiv1.ConnectResponse_Welcome{Welcome: &apiv1.Welcome{
		Coordinator: s.id, LeaseMs: uint32(s.lease.Milliseconds()), HeartbeatMs: uint32(s.heartbeat.Milliseconds()), Incarnation: incarnation, HearsWaited: true,
	}}})
}

func (s *session) close() { s.registry.leave(s) }

// joined sees to it that the state has the worker as it says that it is. Joins of a
// worker follow each other: one of a process that was replaced must not come after
// that of its successor.
func (s *session) joined(hello bool) error {
	turn := s.registry.turn(s.worker)
	turn.Lock()
	defer turn.Unlock()
	if !s.registry.has(s) {
		return replaced(s.worker)
	}
	snapshot := s.Snapshot()
	j, needed := s.joins(snapshot, hello, func(w *state.Worker) []command.Progress { return s.term.lastWords(snapshot, w) })
	if !needed {
		return nil
	}
	res, err := s.propose(s.ctx, command.Entry{Command: j})
	if err != nil || res.Err != nil {
		return cmp.Or(err, res.Err)
	}
	if j.Issue {
		s.named(res.Incarnation)
	}
	return nil
}

// say has an answer sent.
func (s *session) say(m *apiv1.ConnectResponse) {
	select {
	case s.out <- m:
	case <-s.ctx.Done():
	}
}

// ping has the assignments looked at again.
func (s *session) ping() {
	select {
	case s.pinged <- struct{}{}:
	default:
	}
}

// serve sends what there is to say until the session or the leadership ends.
func (s *session) serve() error {
	s.group.Go(func() { s.cancel(s.receive()) })
	for {
		select {
		case <-s.ctx.Done():
			return s.end()
		case <-s.term.over():
			return s.leadsNoMore()
		case m := <-s.out:
			if err := s.stream.Send(m); err != nil {
				return err
			}
			if m.GetReport() != nil {
				if err := s.assign(true); err != nil {
					return err
				}
			}
		case <-s.pinged:
			if err := s.assign(false); err != nil {
				return err
			}
		}
	}
}

// errOver is a session that its worker has ended.
var errOver = errors.New("session is over")

// end is why the session ended. A worker that ended it gets the answers that are
// left.
func (s *session) end() error {
	err := context.Cause(s.ctx)
	if !errors.Is(err, errOver) {
		return err
	}
	for {
		select {
		case m := <-s.out:
			if err := s.stream.Send(m); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// assign sends the worker its record, if that changed or always.
func (s *session) assign(always bool) error {
	m := s.next(s.Snapshot(), s.nowMS(), always)
	if m == nil {
		return nil
	}
	return s.stream.Send(&apiv1.ConnectResponse{Message: &apiv1.ConnectResponse_Assignments{Assignments: m}})
}
