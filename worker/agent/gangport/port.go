package gangport

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"g2c/api"
	"g2c/worker/allreduce"
)

// Config is how patient a port is.
type Config struct {
	// Deadline is how long a preface may take; four times in it who waits is told so.
	// allreduce.DefaultDeadline if 0.
	Deadline time.Duration
	// Patience is how long somebody waits for a run; DefaultPatience if 0.
	Patience time.Duration
}

// DefaultPatience is how long somebody waits for a run whose worker has not heard of it yet.
const DefaultPatience = 2 * time.Minute

// Bounds of the connections that nobody has taken yet: of all, far more than a gang has
// members, and of one host, so that a stranger does not take the place of a gang's.
const (
	maxWaiting     = 4096
	maxWaitingHost = 512
)

// Port hands connections to the runs that take them. Its methods may be called from any
// goroutine.
type Port struct {
	cfg      Config
	listener net.Listener
	served   chan error
	serving  sync.WaitGroup

	mu      sync.Mutex
	takers  map[api.Key]*taker
	all     *taker        // takes what no other does; nil for nobody
	changed chan struct{} // closed and made anew when there is another taker
	waiting map[net.Conn]string
	hosts   map[string]int // of waiting
	closed  bool
}

// taker is who takes the connections of a task.
type taker struct{ hand func(*net.TCPConn) error }

// Open serves a listener of TCP connections until Close. It belongs to the port.
func Open(l net.Listener, cfg Config) *Port {
	cfg.Deadline, cfg.Patience = cmp.Or(cfg.Deadline, allreduce.DefaultDeadline), cmp.Or(cfg.Patience, DefaultPatience)
	p := &Port{
		cfg: cfg, listener: l, served: make(chan error, 1), takers: map[api.Key]*taker{}, changed: make(chan struct{}),
		waiting: map[net.Conn]string{}, hosts: map[string]int{},
	}
	go func() { p.served <- p.accept() }()
	return p
}

// Take has the connections of a task handed to a function, until release. What is handed
// belongs to it, or after an error still to the port, which hangs up.
func (p *Port) Take(task api.Key, hand func(*net.TCPConn) error) (release func()) {
	t := &taker{hand}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takers[task] = t
	p.tell()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.takers[task] == t {
			delete(p.takers, task)
		}
	}
}

// TakeAll has all connections handed to a function that nobody takes by their task.
func (p *Port) TakeAll(hand func(*net.TCPConn) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = &taker{hand}
	p.tell()
}

// tell wakes those who wait. The lock is held.
func (p *Port) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Close hangs up on all who wait. What was handed over is not the port's any more.
func (p *Port) Close() error {
	p.mu.Lock()
	p.closed = true
	for c := range p.waiting {
		c.Close() // whoever serves it is told by that
	}
	p.mu.Unlock()
	err := p.listener.Close()
	served := <-p.served
	p.serving.Wait()
	if errors.Is(served, net.ErrClosed) {
		served = nil
	}
	return errors.Join(err, served)
}

// Addr is where the port listens.
func (p *Port) Addr() net.Addr { return p.listener.Addr() }

// acceptPause is after an error that passes: a process out of descriptors gets some back.
const acceptPause = 50 * time.Millisecond

func (p *Port) accept() error {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			if !passes(err) {
				return err
			}
			time.Sleep(acceptPause)
			continue
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok || !p.enter(tcp) {
			c.Close() // there is no room for it
			continue
		}
		p.serving.Go(func() {
			defer p.leave(tcp)
			if err := p.serve(tcp); err != nil {
				tcp.Close() // why is nobody's business: whoever dialled sees that it is closed
			}
		})
	}
}

// passes says whether an error of accept will not come again for ever.
func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// enter counts a connection in, if there is room.
func (p *Port) enter(c *net.TCPConn) bool {
	host := hostOf(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.waiting) >= maxWaiting || p.hosts[host] >= maxWaitingHost {
		return false
	}
	p.waiting[c] = host
	p.hosts[host]++
	return true
}

func (p *Port) leave(c *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	host := p.waiting[c]
	delete(p.waiting, c)
	if p.hosts[host]--; p.hosts[host] <= 0 {
		delete(p.hosts, host)
	}
}

func hostOf(c *net.TCPConn) string {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.IP.String()
	}
	return ""
}

// Why a connection is hung up on.
var (
	errNobody = errors.New("gangport: no run of the task is here")
	errFull   = errors.New("gangport: too many connections wait to be accepted")
)

// serve reads a connection's preface and hands it over.
func (p *Port) serve(c *net.TCPConn) error {
	if err := c.SetDeadline(time.Now().Add(p.cfg.Deadline)); err != nil {
		return err
	}
	task, err := readPreface(c)
	if err != nil {
		return err
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return err
	}
	late := time.NewTimer(p.cfg.Patience)
	defer late.Stop()
	alive := time.NewTicker(p.cfg.Deadline / 4)
	defer alive.Stop()
	for {
		t, changed := p.takerOf(task)
		if t != nil {
			if err := p.say(c, answerGo); err != nil {
				return err
			}
			return t.hand(c)
		}
		select {
		case <-changed:
		case <-alive.C:
			if err := p.say(c, answerWait); err != nil { // it has gone, or the port closes
				return err
			}
		case <-late.C:
			return fmt.Errorf("%w: %s", errNobody, task.Short())
		}
	}
}

func (p *Port) takerOf(task api.Key) (*taker, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.takers[task]; t != nil {
		return t, p.changed
	}
	return p.all, p.changed
}

// say answers with a byte, for which there is room in any connection that is read.
func (p *Port) say(c *net.TCPConn, answer byte) error {
	if err := c.SetWriteDeadline(time.Now().Add(p.cfg.Deadline)); err != nil {
		return err
	}
	if _, err := c.Write([]byte{answer}); err != nil {
		return err
	}
	return c.SetWriteDeadline(time.Time{})
}
