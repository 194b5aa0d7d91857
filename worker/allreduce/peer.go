package allreduce

import (
	"fmt"
	"sync"
	"time"
)

// peer is another process: what is to be sent to it, and what came.
type peer[T Element] struct {
	group  *Group[T]
	number int
	link   Link

	// The group's lock guards the rest.
	posted  sync.Cond // something is to be sent
	queue   queue[outgoing]
	busy    bool          // a frame is being sent
	told    bool          // Bye or Abort was sent
	left    bool          // Bye came
	parted  bool          // it needs nothing more of this process, or cannot be reached
	awaited int           // frames of this round that are still to come
	owes    int           // of those, its own partials
	late    time.Duration // how long they were waited for, of rounds since Late was asked
	frames  uint64        // that came
	watched uint64        // frames at the last look
	still   int           // looks without a frame
	holding bool          // a frame came, and this process is not there yet
}

// outgoing is a frame to be sent.
type outgoing struct {
	h       Header
	payload []byte
	sent    func()
}

func newPeer[T Element](g *Group[T], number int, l Link) *peer[T] {
	p := &peer[T]{group: g, number: number, link: l}
	p.posted.L = &g.mu
	return p
}

// post puts a frame behind those that are to be sent. The lock is held.
func (p *peer[T]) post(o outgoing) {
	p.queue.push(o)
	p.posted.Signal()
}

// say posts a frame without a payload. The lock is held.
func (p *peer[T]) say(k Kind) { p.post(p.group.message(k, 0, nil)) }

// message is a frame that carries no elements.
func (g *Group[T]) message(k Kind, about int, text []byte) outgoing {
	return outgoing{Header{Session: g.conf.Session, Kind: k, Piece: uint16(about), Length: uint32(len(text))}, text, func() {}}
}

// send sends what is posted, and last of all how this process leaves.
func (p *peer[T]) send() {
	g := p.group
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		o, ok := p.next()
		if !ok {
			return
		}
		p.busy = true
		g.mu.Unlock()
		err := p.link.Send(o.h, o.payload, o.sent)
		g.mu.Lock()
		p.busy = false
		if err != nil {
			p.broken(err)
			return
		}
	}
}

// next waits for a frame to send; there is none any more after the exchange's end. The
// lock is held.
func (p *peer[T]) next() (outgoing, bool) {
	g := p.group
	for {
		switch {
		case g.over || g.err != nil && p.told:
			return outgoing{}, false
		case g.err != nil:
			p.told = true
			return g.reason(), true
		case p.queue.len() > 0:
			return p.queue.pop(), true
		case g.leaving && !p.told:
			p.told = true
			return g.message(Bye, 0, nil), true
		}
		p.posted.Wait()
	}
}

// receive takes in what comes, to the link's end.
func (p *peer[T]) receive() {
	for p.receiveOne() {
	}
}

func (p *peer[T]) receiveOne() (more bool) {
	g := p.group
	f, err := p.link.Receive()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		p.broken(err)
		return false
	}
	p.frames++
	if err := p.handle(f); err != nil {
		g.failed(p.error(err))
		p.part()
		return false
	}
	return !g.over
}

// broken is the link's end. Who has left, or is left, may close it. The lock is held.
func (p *peer[T]) broken(err error) {
	if !p.left && !p.group.leaving {
		p.group.failed(p.error(err))
	}
	p.part()
}

// part says that nothing is to be waited for any more. The lock is held.
func (p *peer[T]) part() {
	p.parted = true
	p.group.changed.Broadcast()
}

// error names the peer.
func (p *peer[T]) error(err error) error { return p.group.blame(p.number, err) }

// blame is an error of a process of the gang.
func (g *Group[T]) blame(process int, err error) error {
	name := fmt.Sprintf("link %d", process)
	if process < len(g.conf.Names) {
		name = g.conf.Names[process]
	}
	return &PeerError{process, name, err}
}
