package server

import (
	"hash/fnv"
	"sync"
	"time"

	"g2c/api/rpcerr"
	"g2c/internal/clock"
)

// registry is who is connected, and since when workers are silent. It lasts as long as a
// leadership.
type registry struct {
	clock clock.Clock
	lease time.Duration // how long a worker may be silent
	began time.Time     // the leadership: nobody was heard of before it

	mu       sync.Mutex
	sessions map[string]*session  // by worker
	heard    map[string]time.Time // by worker: when its last heartbeat came that was answered

	turns [64]sync.Mutex // of workers that join
}

func newRegistry(c clock.Clock, lease time.Duration) *registry {
	return &registry{clock: c, lease: lease, began: c.Now(), sessions: map[string]*session{}, heard: map[string]time.Time{}}
}

// turn is the lock of a worker's joins.
func (g *registry) turn(worker string) *sync.Mutex {
	h := fnv.New32a()
	h.Write([]byte(worker))
	return &g.turns[h.Sum32()%uint32(len(g.turns))]
}

// enter makes a session its worker's, in place of an older one, which ends.
func (g *registry) enter(s *session) error {
	g.mu.Lock()
	old := g.sessions[s.worker]
	if old != nil && s.before(old.conversation) {
		g.mu.Unlock()
		return rpcerr.New(rpcerr.Replaced, "worker %s is connected as a process that began later", s.worker).
			WithHint("give each worker a name and a certificate of its own")
	}
	g.sessions[s.worker] = s
	g.mu.Unlock()
	if old != nil {
		old.cancel(replaced(s.worker))
	}
	return nil
}

func replaced(worker string) error {
	return rpcerr.New(rpcerr.Replaced, "worker %s has connected anew", worker)
}

// leave forgets a session.
func (g *registry) leave(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sessions[s.worker] == s {
		delete(g.sessions, s.worker)
	}
}

// has says whether a session is still its worker's.
func (g *registry) has(s *session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sessions[s.worker] == s
}

// connected says whether a worker has a session.
func (g *registry) connected(worker string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sessions[worker] != nil
}

// count is how many workers are connected.
func (g *registry) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions)
}

// ping has what some workers are to do looked at again.
func (g *registry) ping(workers ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range workers {
		if s := g.sessions[w]; s != nil {
			s.ping()
		}
	}
}

// each visits all sessions. None comes or goes meanwhile.
func (g *registry) each(visit func(*session)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sessions {
		visit(s)
	}
}

// extend extends the lease of a session's worker from a time on, if over does not say that it
// may not be done any more.
func (g *registry) extend(s *session, at time.Time, over func() error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := over(); err != nil {
		return err
	}
	if g.sessions[s.worker] != s {
		return replaced(s.worker)
	}
	g.heard[s.worker] = at
	return nil
}

// silent says whether a worker's lease is over. A leader that has just begun has heard of
// nobody yet, so every lease begins anew with it: a worker may have had word from the leader
// before.
func (g *registry) silent(worker string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.heard[worker]
	if !ok {
		at = g.began
	}
	return g.clock.Now().Sub(at) > g.lease
}

// forget forgets when workers were heard that nobody knows any more, once they could not be
// told from those of which nothing was ever heard.
func (g *registry) forget(known func(worker string) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, at := range g.heard {
		if g.sessions[id] == nil && !known(id) && g.clock.Now().Sub(at) > g.lease {
			delete(g.heard, id)
		}
	}
}
