// Package netfault puts links that can fail between processes: a TCP proxy for
// each directed pair. It is for tests and trials of clusters; nothing else imports
// it.
//
// A Link may be used from any number of goroutines.
package netfault

import (
	"io"
	"net"
	"sync"
	"time"
)

// Link forwards connections from an address of its own on loopback to a target.
// It begins whole.
type Link struct {
	target   string
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex
	state state
	moved *sync.Cond // on mu: the state has changed
	open  map[net.Conn]bool
	left  int64         // bytes until all connections break; negative: they do not
	perMB time.Duration // what a megabyte takes in either direction; 0: no time of its own
	late  time.Duration // what every byte takes in either direction, however many there are
}

type state int

const (
	whole state = iota
	oneWay
	stalled
	cut
	closed
)

// Listen makes a link to a target, which need not be there yet.
func Listen(target string) (*Link, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{target: target, listener: ln, open: map[net.Conn]bool{}, left: -1}
	l.moved = sync.NewCond(&l.mu)
	l.work.Add(1)
	go l.accept()
	return l, nil
}

// Addr is where to dial instead of the target.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Cut breaks all connections, and every one that is tried.
func (l *Link) Cut() { l.turn(cut) }

// Stall holds back all bytes and loses none, as a network without a route does:
// nobody is told, and what was sent arrives after Heal.
func (l *Link) Stall() { l.turn(stalled) }

// StallOneWay holds back what goes to the target, and loses none: what comes from it passes.
func (l *Link) StallOneWay() { l.turn(oneWay) }

// Heal makes the link whole.
func (l *Link) Heal() { l.turn(whole) }

// CutAfter breaks all connections once, when so many bytes more have gone to the target;
// those that are made after it are whole.
func (l *Link) CutAfter(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = bytes
}

// Slow makes a megabyte take so long on each connection, in each direction; 0 ends that.
func (l *Link) Slow(perMB time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.perMB = perMB
}

// Delay makes all bytes arrive so much later, in each direction; 0 ends that.
func (l *Link) Delay(late time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late = late
}

// Close ends the link and waits for what it forwards.
func (l *Link) Close() {
	l.turn(closed)
	l.listener.Close()
	l.work.Wait()
}

func (l *Link) turn(to state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == closed {
		return
	}
	l.state = to
	if to >= cut {
		l.reset()
	}
	l.moved.Broadcast()
}

// reset breaks all connections.
func (l *Link) reset() {
	for c := range l.open {
		reset(c)
	}
}

// sent counts bytes that go to the target, and breaks all connections when it is time.
// It is how long they take.
func (l *Link) sent(bytes int, toTarget bool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if toTarget && l.left >= 0 {
		if l.left -= int64(bytes); l.left < 0 {
			l.reset()
		}
	}
	return time.Duration(bytes) * l.perMB / 1e6
}

// reset closes a connection at once: what it has not sent yet is lost.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}

// passing waits while a direction is stalled and reports whether it is open.
func (l *Link) passing(toTarget bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.state == stalled || l.state == oneWay && toTarget {
		l.moved.Wait()
	}
	return l.state < stalled
}

func (l *Link) accept() {
	defer l.work.Done()
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.work.Add(1)
		go l.forward(c)
	}
}

// keep enters connections, which a cut then breaks.
func (l *Link) keep(all ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state >= cut {
		return false
	}
	for _, c := range all {
		l.open[c] = true
	}
	return true
}

func (l *Link) forward(from net.Conn) {
	defer l.work.Done()
	defer from.Close()
	if !l.keep(from) || !l.passing(false) {
		return
	}
	to, err := net.Dial("tcp", l.target)
	if err == nil && l.keep(to) {
		var both sync.WaitGroup
		both.Go(func() { l.pump(to, from, true) })
		both.Go(func() { l.pump(from, to, false) })
		both.Wait()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, from)
	if err == nil {
		delete(l.open, to)
		to.Close()
	}
}

// queued bounds what is on its way in one direction, in reads: two megabytes.
const queued = 64

// part is what one read gave.
type part struct {
	bytes []byte
	err   error
	due   time.Time // when it arrives
}

// read reads one direction to its end, or until nobody wants it.
func (l *Link) read(from net.Conn, out chan<- part, unwanted <-chan struct{}) {
	for {
		buf := make([]byte, 32<<10)
		n, err := from.Read(buf)
		l.mu.Lock()
		due := time.Now().Add(l.late)
		l.mu.Unlock()
		select {
		case out <- part{buf[:n], err, due}:
		case <-unwanted:
			return
		}
		if err != nil {
			return
		}
	}
}

// pump copies one direction to its end, and says that it has ended.
func (l *Link) pump(to, from net.Conn, toTarget bool) {
	parts, unwanted := make(chan part, queued), make(chan struct{})
	var reading sync.WaitGroup
	defer reading.Wait() // whoever ends this early has closed from
	defer close(unwanted)
	reading.Go(func() { l.read(from, parts, unwanted) })
	for p := range parts {
		if !l.passing(toTarget) {
			return
		}
		time.Sleep(time.Until(p.due))
		time.Sleep(l.sent(len(p.bytes), toTarget))
		if _, wrong := to.Write(p.bytes); wrong != nil {
			reset(from)
			return
		}
		if p.err == io.EOF {
			if t, ok := to.(*net.TCPConn); ok {
				t.CloseWrite()
			}
			return
		}
		if p.err != nil {
			reset(to)
			return
		}
	}
}
