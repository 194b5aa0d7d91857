package raftnode

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"g2c/internal/fault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
)

// What may be spoken on the port, as ALPN names it.
const (
	raftProtocol = "g2c-raft/1"
	peerProtocol = "g2c-peer/1"
)

// Limits of the port. A handshake costs about a millisecond of a core, so a flood
// from one host must not keep the others out.
const (
	handshakeTime     = 5 * time.Second
	handshakesOfAHost = 64
	handshakesInAll   = 512
	// connectionsOfOne are those to the API of one certificate. Each is a file, and
	// without files the log cannot be written.
	connectionsOfOne = 512
)

var (
	errCrowded = errors.New("too many handshakes at a time from there, or in all")
	errGreedy  = errors.New("it has too many connections already")
)

// port is the one TLS listener of a node: it makes the handshake and hands each
// connection to whom it is for.
type port struct {
	listener net.Listener
	tls      *tls.Config
	log      *slog.Logger
	api      *queue
	peers    func(*tls.Conn) // answers and returns
	raft     func(*tls.Conn) // takes the connection over

	work sync.WaitGroup
	mu   sync.Mutex
	busy map[string]int // handshakes by host
	all  int
	open map[net.Conn]bool // in handshake, or a peer's
	held map[string]int    // connections to the API, by who is at the other end
	said time.Time         // when a refusal was last logged
	done bool
}

func newPort(ln net.Listener, id *pki.Identity, log *slog.Logger, peers, raft func(*tls.Conn)) *port {
	p := &port{
		listener: ln, log: log, peers: peers, raft: raft,
		tls:  id.ServerConfig(grpctls.Protocol, raftProtocol, peerProtocol),
		api:  newQueue(ln.Addr()),
		busy: map[string]int{}, open: map[net.Conn]bool{}, held: map[string]int{},
	}
	p.work.Go(p.accept)
	return p
}

func (p *port) accept() {
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of files, say: the next may be lucky, once something closes
			p.refuse("", err)
			time.Sleep(5 * time.Millisecond)
			continue
		}
		host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
		if !p.enter(host, c) {
			p.refuse(c.RemoteAddr().String(), errCrowded)
			c.Close()
			continue
		}
		p.work.Go(func() { p.serve(host, &counted{Conn: c, port: p}, c) })
	}
}

// counted is a connection that one certificate has of so many.
type counted struct {
	net.Conn
	port *port
	who  string // empty until it is counted, and when it is closed
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.port.mu.Lock()
	if c.who != "" {
		if c.port.held[c.who]--; c.port.held[c.who] == 0 {
			delete(c.port.held, c.who)
		}
		c.who = ""
	}
	c.port.mu.Unlock()
	return c.Conn.Close()
}

// count counts a connection, unless who has it has as many as they may.
func (p *port) count(c *counted, who string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[who] >= connectionsOfOne {
		return false
	}
	p.held[who]++
	c.who = who
	return true
}

func (p *port) enter(host string, c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done || p.busy[host] >= handshakesOfAHost || p.all >= handshakesInAll {
		return false
	}
	p.busy[host]++
	p.all++
	p.open[c] = true
	return true
}

func (p *port) leave(host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.busy[host]--; p.busy[host] == 0 {
		delete(p.busy, host)
	}
}

func (p *port) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

func (p *port) serve(host string, c *counted, raw net.Conn) {
	defer p.forget(raw)
	t := tls.Server(c, p.tls)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	err := t.HandshakeContext(ctx)
	cancel()
	p.leave(host)
	if err != nil {
		p.refuse(c.RemoteAddr().String(), pki.Explain(err))
		c.Close()
		return
	}
	who, err := pki.PeerOf(t.ConnectionState())
	protocol := t.ConnectionState().NegotiatedProtocol
	switch {
	case err == nil && protocol == grpctls.Protocol && !p.count(c, who.String()):
		p.refuse(c.RemoteAddr().String(), fmt.Errorf("%s: %w", who, errGreedy))
		t.Close()
	case err == nil && protocol == grpctls.Protocol:
		p.api.give(t)
	case err == nil && who.Role != pki.Coordinator:
		p.refuse(c.RemoteAddr().String(), fault.New(fault.ErrUnavailable, "%w: %s may not speak %s", pki.ErrWrongRole, who, protocol))
		t.Close()
	case err == nil && protocol == raftProtocol:
		p.raft(t)
	case err == nil && protocol == peerProtocol:
		p.peers(t)
		t.Close()
	default:
		p.refuse(c.RemoteAddr().String(), fmt.Errorf("protocol %q: %w", protocol, errors.Join(err, pki.ErrProtocol)))
		t.Close()
	}
}

// refuse logs a refusal, one a second at most: a flood is not to fill the disk.
func (p *port) refuse(from string, err error) {
	p.mu.Lock()
	quiet := time.Since(p.said) < time.Second
	if !quiet {
		p.said = time.Now()
	}
	p.mu.Unlock()
	if !quiet {
		p.log.Warn("refused a connection", "from", from, "err", err)
	}
}

func (p *port) close() {
	p.mu.Lock()
	p.done = true
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.listener.Close()
	p.api.Close()
	p.work.Wait()
}

// queue is a listener of connections that somebody else accepted.
type queue struct {
	addr net.Addr
	in   chan net.Conn
	done chan struct{}
	once sync.Once
}

func newQueue(a net.Addr) *queue {
	return &queue{addr: a, in: make(chan net.Conn), done: make(chan struct{})}
}

func (q *queue) give(c net.Conn) {
	select {
	case q.in <- c:
	case <-q.done:
		c.Close()
	}
}

// Accept implements net.Listener.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.in:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *queue) Close() error { q.once.Do(func() { close(q.done) }); return nil }

// Addr implements net.Listener.
func (q *queue) Addr() net.Addr { return q.addr }
