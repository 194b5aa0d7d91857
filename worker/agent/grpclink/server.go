package grpclink

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"g2c/internal/clock"
	"g2c/worker/allreduce"
)

// DefaultPatience is long enough for the programs of a large model to be loaded: a gang
// begins when its last process has done so.
const DefaultPatience = 2 * time.Minute

// maxWaiting bounds the streams that wait, whoever sends them.
const maxWaiting = 1024

// Server takes the links that other processes dial. Its methods may be called from any
// goroutine.
type Server struct {
	// Allow, if set, says whether the caller of a stream may be a process of a session;
	// the context is the stream's. It is set before the server is registered.
	Allow func(ctx context.Context, s allreduce.Session, from int) error
	// Patience is how long a stream waits for its first frame, and then to be expected. 0 is
	// DefaultPatience.
	Patience time.Duration
	// Clock is what Patience is measured with; nil for the machine's.
	Clock clock.Clock

	mu       sync.Mutex
	expected map[end]chan<- *link    // where a stream that is expected goes
	waiting  map[end]chan<- struct{} // closed when a stream that waits is expected
	streams  int                     // that wait
}

// end is one side of a link.
type end struct {
	session  allreduce.Session
	from, to int
}

// Register adds the service to a server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	desc := grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{streams}}
	desc.Streams[0].Handler = func(_ any, stream grpc.ServerStream) error { return s.serve(stream) }
	r.RegisterService(&desc, s)
}

// Expect waits for the link of a session that one process of a gang dials to another, which
// this is. Each link is expected once.
func (s *Server) Expect(ctx context.Context, session allreduce.Session, from, to int) (allreduce.Link, error) {
	at := end{session, from, to}
	arrived, err := s.expect(at)
	if err != nil {
		return nil, err
	}
	select {
	case l := <-arrived:
		return l, nil
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.expected, at)
		s.mu.Unlock()
		select {
		case l := <-arrived: // it came all the same
			return l, nil
		default:
		}
		return nil, fmt.Errorf("link from runner %d of the gang: %w", from, ctx.Err())
	}
}

// expect is where the stream of an end arrives.
func (s *Server) expect(at end) (<-chan *link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, twice := s.expected[at]; twice {
		return nil, fmt.Errorf("link from runner %d of the gang is expected twice", at.from)
	}
	arrived := make(chan *link, 1)
	if s.expected == nil {
		s.expected = map[end]chan<- *link{}
	}
	s.expected[at] = arrived
	if early, ok := s.waiting[at]; ok {
		delete(s.waiting, at)
		close(early)
	}
	return arrived, nil
}

// serve is a stream's life.
func (s *Server) serve(stream grpc.ServerStream) error {
	if err := s.enter(); err != nil {
		return err
	}
	l := newLink(stream, func() {})
	at, err := s.greeted(l)
	if err == nil && s.Allow != nil {
		err = s.Allow(stream.Context(), at.session, at.from)
	}
	if err == nil {
		err = s.match(at, l)
	}
	s.leave()
	if err != nil {
		return err
	}
	select {
	case <-l.over:
		return nil
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
}

func (s *Server) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams >= maxWaiting {
		return status.Errorf(codes.ResourceExhausted, "%d streams of gradients wait already", s.streams)
	}
	s.streams++
	return nil
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams--
}

func (s *Server) patience() <-chan time.Time {
	var c clock.Clock = clock.Real{}
	if s.Clock != nil {
		c = s.Clock
	}
	return c.After(cmp.Or(s.Patience, DefaultPatience))
}

// greeted waits for the first frame, which says whose the stream is.
func (s *Server) greeted(l *link) (end, error) {
	first := make(chan error, 1)
	go func() { // ends with the stream
		f, err := l.Receive()
		if err == nil && (f.Kind != allreduce.Hello || f.Length > 0) {
			err = status.Errorf(codes.InvalidArgument, "the first frame is of kind %d", f.Kind)
		}
		first <- err
	}()
	select {
	case err := <-first:
		h := l.last.header
		return end{h.Session, int(h.Piece), int(h.Bucket)}, err
	case <-s.patience():
		return end{}, status.Error(codes.DeadlineExceeded, "nothing came on a stream of gradients")
	}
}

// match hands the stream to who expects it, and waits for that if need be.
func (s *Server) match(at end, l *link) error {
	for {
		s.mu.Lock()
		if to, ok := s.expected[at]; ok {
			delete(s.expected, at)
			// What is sent on the link lies behind this header.
			err := l.stream.(grpc.ServerStream).SendHeader(metadata.Pairs(matched, "1"))
			if err == nil {
				to <- l
			}
			s.mu.Unlock()
			return err
		}
		if _, twice := s.waiting[at]; twice {
			s.mu.Unlock()
			return status.Errorf(codes.AlreadyExists, "runner %d of the gang has a stream that waits", at.from)
		}
		if s.waiting == nil {
			s.waiting = map[end]chan<- struct{}{}
		}
		called := make(chan struct{})
		s.waiting[at] = called
		s.mu.Unlock()
		if err := s.wait(at, l, called); err != nil {
			return err
		}
	}
}

// wait waits until a stream is expected, to be refused if it is not.
func (s *Server) wait(at end, l *link, called <-chan struct{}) error {
	var err error
	select {
	case <-called:
		return nil
	case <-s.patience():
		err = status.Errorf(codes.NotFound, "nobody expects runner %d of generation %d of task %.12s", at.from, at.session.Generation, at.session.Key)
	case <-l.stream.(grpc.ServerStream).Context().Done():
		err = l.stream.(grpc.ServerStream).Context().Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-called: // it was called all the same
		return nil
	default:
	}
	delete(s.waiting, at)
	return err
}
