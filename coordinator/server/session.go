package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Limits of a session.
const (
	helloTimeout   = 10 * time.Second // between the stream and its hello
	reportTimeout  = 10 * time.Second // of one report's way into the log
	maxHeard       = 64               // messages that wait to be taken
	maxUnsent      = 64               // answers that wait to be sent
	maxKnown       = 10_000           // tasks that a worker may speak of though it has them no more
	messagesPerSec = 2000             // beyond it the worker is read more slowly
)

type workerStream = grpc.BidiStreamingServer[apiv1.ConnectRequest, apiv1.ConnectResponse]

// session is a worker's stream. Three goroutines share it: the handler's, which alone
// sends; listen's, which alone reads; and receive's, which takes what was read and
// answers, in order.
type session struct {
	*leadership
	who         *who
	worker      string
	incarnation uint64
	join        command.Join
	issue       bool // it has no incarnation of the state's yet
	stream      workerStream

	ctx    context.Context
	cancel context.CancelCauseFunc

	pinged chan struct{}               // capacity 1: what it is to do may have changed
	out    chan *apiv1.ConnectResponse // answers to be sent, in order
	pace   *limiter

	duty duty // of the sending goroutine
	told bool // the worker has its first record, be it empty: it may still run what it is not to

	mu    sync.Mutex
	known map[api.Key]bool // tasks that were assigned
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
	join, err := joinOf(w, hello)
	if err != nil {
		return err
	}
	ses := &session{
		leadership: r, who: w, worker: hello.Worker, incarnation: hello.Incarnation, join: join, issue: hello.Issue, stream: stream, pinged: make(chan struct{}, 1),
		out: make(chan *apiv1.ConnectResponse, maxUnsent), known: map[api.Key]bool{},
		pace: newLimiter(Limits{CallsPerSecond: messagesPerSec, Burst: messagesPerSec}, s.cfg.Clock),
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
	m, err := nextOf(s.cfg.Clock, helloTimeout, stream.Recv)
	if err != nil {
		return at, nil, err
	}
	if m.GetHello() == nil {
		return at, nil, rpcerr.New(rpcerr.BadRequest, "a session begins with a hello, not with %T", m.Message)
	}
	return s.cfg.Clock.Now(), m.GetHello(), nil
}

// joinOf is what a hello says, if it is the word of who it is about.
func joinOf(w *who, h *apiv1.Hello) (command.Join, error) {
	j := command.Join{
		Worker: h.Worker, Incarnation: h.Incarnation, Class: h.Numerics, Device: h.Device, Memory: h.MemoryBytes, Host: h.Host, Slots: int(h.Slots),
		Boot: h.Boot, Address: h.Address,
	}
	if w.role == worker && w.caller.Name != h.Worker {
		return j, rpcerr.New(rpcerr.NotPermitted, "%s says that it is worker %q", w.caller, h.Worker).
			WithHint("start it with --id %s, or issue a certificate for %q", w.caller.Name, h.Worker)
	}
	if err := api.CheckNumerics(h.Numerics); err != nil {
		return j, rpcerr.New(rpcerr.BadRequest, "worker %s: %w", h.Worker, err)
	}
	if h.Incarnation == 0 {
		return j, rpcerr.New(rpcerr.BadRequest, "worker %s has no incarnation", h.Worker)
	}
	if err := checkAddress(h.Address); err != nil {
		return j, rpcerr.New(rpcerr.BadRequest, "worker %s: %w", h.Worker, err)
	}
	var err error
	if j.Cached, err = fingerprints(h.Cached); err != nil {
		return j, err
	}
	_, err = command.Encode(command.Entry{Command: j})
	return j, err
}

// checkAddress refuses where nobody could reach a worker; empty is one that trains alone.
func checkAddress(address string) error {
	if address == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return fmt.Errorf("address %.64q is no host:port", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("address %.64q has no port that can be dialled", address)
	}
	return nil
}

// fingerprints reads a sorted list of keys of data.
func fingerprints(texts []string) ([]api.Key, error) {
	if len(texts) > command.MaxCached {
		return nil, rpcerr.New(rpcerr.TooLarge, "%d data sets, at most %d", len(texts), command.MaxCached)
	}
	var keys []api.Key
	for _, text := range texts {
		k, err := api.ParseKey(text)
		if err != nil {
			return nil, rpcerr.New(rpcerr.BadRequest, "fingerprint of data: %w", err)
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, api.Key.Compare)
	return slices.Compact(keys), nil
}

// open makes the session its worker's, in place of an older one.
func (s *session) open(at time.Time) error {
	s.leadership.mu.Lock()
	old := s.leadership.sessions[s.worker]
	if old != nil && !s.issue && old.incarnation > s.incarnation {
		s.leadership.mu.Unlock()
		return rpcerr.New(rpcerr.Replaced, "worker %s is connected as a process that began later", s.worker).
			WithHint("give each worker a name and a certificate of its own")
	}
	s.leadership.sessions[s.worker] = s
	s.leadership.mu.Unlock()
	if old != nil {
		old.cancel(rpcerr.New(rpcerr.Replaced, "worker %s has connected anew", s.worker))
	}
	if err := s.still(s.who); err != nil { // since its call was let in
		s.close()
		return err
	}
	// First its lease: nobody is to take it for lost between its join and its welcome.
	if err := s.hear(s.ctx, s, at); err != nil {
		s.close()
		return err
	}
	if err := s.joined(true); err != nil {
		s.close()
		return err
	}
	s.cfg.Log.Info("worker connected", "worker", s.worker, "incarnation", s.incarnation, "slots", s.join.Slots, "class", s.join.Class)
	s.ping()
	// Not by the queue: a ping that came meanwhile must not overtake it.
	return s.stream.Send(&apiv1.ConnectResponse{Message: &apiv1.ConnectResponse_Welcome{Welcome: &apiv1.Welcome{
		Coordinator: s.cfg.Replica.ID(), LeaseMs: uint32(s.cfg.Lease.Milliseconds()), HeartbeatMs: uint32(s.cfg.Heartbeat.Milliseconds()), Incarnation: s.incarnation,
	}}})
}

// current says whether the session is still its worker's.
func (s *session) current() bool {
	s.leadership.mu.Lock()
	defer s.leadership.mu.Unlock()
	return s.leadership.sessions[s.worker] == s
}

func (s *session) close() {
	s.leadership.mu.Lock()
	defer s.leadership.mu.Unlock()
	if s.leadership.sessions[s.worker] == s {
		delete(s.leadership.sessions, s.worker)
	}
}

// joined sees to it that the state has the worker as it says that it is. Joins of a
// worker follow each other: one of a process that was replaced must not come after
// that of its successor.
func (s *session) joined(hello bool) error {
	turn := s.leadership.turn(s.worker)
	turn.Lock()
	defer turn.Unlock()
	if !s.current() {
		return rpcerr.New(rpcerr.Replaced, "worker %s has connected anew", s.worker)
	}
	snapshot := s.cfg.Replica.Snapshot()
	w, j := snapshot.Worker(s.worker), s.join
	fenced := snapshot.Level() >= api.LevelWishes
	if snapshot.Level() < api.LevelGangs {
		j.Address = ""
	}
	switch {
	case !fenced:
		j.Boot = ""
	case s.issue:
		j.Issue, j.Incarnation = true, 0
	}
	fits := !j.Issue && w != nil && !w.Lost && w.Incarnation == j.Incarnation && w.Address == j.Address
	if fits && (!hello || w.Class == j.Class && w.Device == j.Device && w.Memory == j.Memory && w.Host == j.Host &&
		w.Slots == j.Slots && w.Boot == j.Boot && slices.Equal(w.Cached, j.Cached)) {
		return nil
	}
	if fenced && w != nil && (j.Issue || w.Incarnation != j.Incarnation) {
		j.Progress = s.lastWords(snapshot, w)
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

// named takes the incarnation that the state has issued to the session's process.
func (s *session) named(incarnation uint64) {
	s.leadership.mu.Lock()
	defer s.leadership.mu.Unlock()
	s.issue, s.incarnation, s.join.Incarnation = false, incarnation, incarnation
}

// lastWords is the last that was heard of what a worker runs, for a record of its death.
func (r *leadership) lastWords(snapshot *state.Snapshot, w *state.Worker) []command.Progress {
	var out []command.Progress
	for _, a := range w.Allocations {
		if a.Terminating {
			continue
		}
		k := snapshot.TaskAt(a.Task).Work.Key
		out = append(out, command.Progress{Task: k, Step: r.progressOf(k).GetStep(), Words: r.journal.wordsOf(k, maxWords)})
	}
	return out
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
	s.Server.sessions.Add(1)
	go func() {
		defer s.Server.sessions.Done()
		s.cancel(s.receive())
	}()
	for {
		select {
		case <-s.ctx.Done():
			return s.end()
		case <-s.leadership.ctx.Done():
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
	m, tasks := s.duty.next(s.cfg.Replica.Snapshot(), s.worker, s.incarnation, always || !s.told)
	if m == nil {
		return nil
	}
	s.told = true
	s.mu.Lock()
	if len(s.known) > maxKnown {
		clear(s.known)
	}
	for _, k := range tasks {
		s.known[k] = true
	}
	s.mu.Unlock()
	return s.stream.Send(&apiv1.ConnectResponse{Message: &apiv1.ConnectResponse_Assignments{Assignments: m}})
}
