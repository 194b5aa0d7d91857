package sim

import (
	"time"

	"g2c/worker/agent"
)

// direction is a way through the network.
type direction int

const (
	up   direction = iota // from worker to leader
	down                  // from leader to worker
)

// wire is a node's connection to the rest of the cluster.
type wire struct {
	cut [2]bool       // by direction: nothing arrives
	lag time.Duration // what a message takes longer than usual, at most

	apart  bool  // other workers do not reach it either
	parted *node // one that it does not reach, nor is reached by
}

// session is a stream between a process and a leader. Messages arrive in their order,
// each way, or the session breaks and those under way are lost. An end learns that the
// other has hung up when all that went before has arrived. Of two sessions of a
// process, either may be the faster.
type session struct {
	w      *world
	broken bool
	pipes  [2][]func() // what is under way

	// The process's end.
	process *process
	begun   moment
	sent    uint64 // number of the last report
	leaving bool

	// The leader's end.
	leader      *leader // nil before the hello has arrived
	incarnation uint64
	named       bool
	told        []agent.Assignment
	astray      bool // the state has another process in its place: what was told is not so
	pinged      bool
	report      uint64 // number of the last report that arrived
}

// send has something happen at the other end.
func (s *session) send(d direction, deliver func()) {
	s.pipes[d] = append(s.pipes[d], deliver)
	if len(s.pipes[d]) == 1 {
		s.w.after(s.w.between(time.Millisecond, 30*time.Millisecond+s.wire().lag), func() { s.deliver(d) })
	}
}

func (s *session) wire() *wire { return &s.process.node.wire }

// deliver has the first message arrive. One that meets a cut wire is sent again.
func (s *session) deliver(d direction) {
	switch {
	case s.broken:
		return
	case s.wire().cut[d]:
		s.w.after(s.w.between(200*time.Millisecond, 2*time.Second), func() { s.deliver(d) })
		return
	case s.w.mishap(2000):
		s.lose()
		return
	}
	first := s.pipes[d][0]
	s.pipes[d] = s.pipes[d][1:]
	if len(s.pipes[d]) > 0 {
		s.w.after(s.w.between(0, 5*time.Millisecond+s.wire().lag/4), func() { s.deliver(d) })
	}
	first()
}

// lose breaks the connection: what is under way is lost, and each end finds out after
// a while.
func (s *session) lose() {
	if s.broken {
		return
	}
	s.broken = true
	s.pipes = [2][]func(){}
	s.w.after(s.w.between(0, 3*time.Second), func() { s.process.handle(func() { s.process.hungUp(s) }) })
	s.w.after(s.w.between(0, 3*time.Second), s.forget)
}

// forget takes the session off its leader's list.
func (s *session) forget() {
	if l := s.leader; l != nil && l.sessions[s.process.node.id] == s {
		delete(l.sessions, s.process.node.id)
	}
}
