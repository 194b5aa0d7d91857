package gangport

import (
	"net"
	"sync"
)

// Listener is where connections are accepted that a port has handed over. It implements
// net.Listener.
type Listener struct {
	mu     sync.Mutex
	taken  chan net.Conn
	over   chan struct{} // closed by Close
	closed bool
}

// maxTaken bounds the connections that nobody has accepted yet.
const maxTaken = 64

// NewListener makes one.
func NewListener() *Listener {
	return &Listener{taken: make(chan net.Conn, maxTaken), over: make(chan struct{})}
}

// Hand has a connection accepted. With an error it stays the caller's: nobody accepts, or
// too few.
func (l *Listener) Hand(c net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	select {
	case l.taken <- c:
		return nil
	default:
		return errFull
	}
}

// HandTCP is Hand, of what a port hands over.
func (l *Listener) HandTCP(c *net.TCPConn) error { return l.Hand(c) }

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.taken:
		return c, nil
	case <-l.over:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It hangs up on those that were not accepted.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	close(l.over)
	for len(l.taken) > 0 {
		select {
		case c := <-l.taken:
			c.Close() // nobody has it
		default:
		}
	}
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return handed{} }

// handed is the address of a listener that has none of its own.
type handed struct{}

// Network implements net.Addr.
func (handed) Network() string { return "gang" }

// String implements net.Addr.
func (handed) String() string { return "a gang's port" }
