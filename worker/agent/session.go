package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"g2c/api"
)

// ErrRefused is a coordinator that will not have this worker.
var ErrRefused = errors.New("the coordinator refuses this worker")

// Coordinator is where sessions come from.
type Coordinator interface {
	// Open begins a session with whoever leads. The session ends when ctx does.
	// ErrRefused means that no later try will do better.
	Open(ctx context.Context, o Offer) (Session, Welcome, error)
}

// Welcome is what a session begins with.
type Welcome struct {
	Leader string
	// Incarnation is that of this process from now on; 0 for the one it offered.
	Incarnation uint64
	Lease       time.Duration // how long the leader waits for a heartbeat
	Heartbeat   time.Duration // how often to send one
}

// Session is one stream to the leader. One goroutine sends and one receives.
type Session interface {
	Heartbeat(number uint64) error
	Report(r Report) error
	Progress(task api.Key, generation uint64, p Progress) error
	Lines(task api.Key, generation, first uint64, lines []Line) error
	Points(task api.Key, generation uint64, points []Point) error
	// Suspect says that members of a task's gang do not answer.
	Suspect(task api.Key, s Suspicion) error
	// Cached says all the data that is at hand now, sorted.
	Cached(keys []api.Key) error
	// Deregister says that the worker goes for good. Receive returns io.EOF once the
	// leader knows.
	Deregister() error
	// Receive waits for what the leader says: a Heard, an Answer or a Record.
	Receive() (any, error)
}

// link is a session with its two goroutines. What is sent waits in a queue, so that
// a stalled network never holds up the worker's loop, which watches its lease.
type link struct {
	session    Session
	end        context.CancelCauseFunc
	sent       uint64                   // number of the last report in the queue
	heartbeats map[uint64]time.Duration // when those that were not answered were sent
	heartbeat  uint64                   // number of the last
	leaving    bool                     // it has deregistered

	mu      sync.Mutex
	queue   []func(Session) error
	waiting chan struct{} // has an element if the queue does
	unsaid  int           // in the queue, of what may be lost
}

// maxUnsaid bounds what waits in the queue though it may be lost.
const maxUnsaid = 256

func newLink(s Session, end context.CancelCauseFunc) *link {
	return &link{session: s, end: end, heartbeats: map[uint64]time.Duration{}, waiting: make(chan struct{}, 1)}
}

// say queues something that has to arrive.
func (l *link) say(what func(Session) error) {
	l.mu.Lock()
	l.queue = append(l.queue, what)
	l.mu.Unlock()
	select {
	case l.waiting <- struct{}{}:
	default:
	}
}

// mention queues something that may be lost.
func (l *link) mention(what func(Session) error) {
	l.mu.Lock()
	full := l.unsaid == maxUnsaid
	if !full {
		l.unsaid++
	}
	l.mu.Unlock()
	if full {
		return
	}
	l.say(func(s Session) error {
		l.mu.Lock()
		l.unsaid--
		l.mu.Unlock()
		return what(s)
	})
}

// send carries the queue out until ctx is done or the session breaks.
func (l *link) send(ctx context.Context) error {
	for {
		l.mu.Lock()
		queue := l.queue
		l.queue = nil
		l.mu.Unlock()
		for _, what := range queue {
			if err := what(l.session); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.waiting:
		}
	}
}
