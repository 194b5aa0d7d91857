package gangport

import (
	"context"
	"fmt"
	"net"
	"time"

	"g2c/api"
	"g2c/internal/fault"
)

// Dial makes a connection to the run of a task at a worker's port. It waits as long as the
// worker says so, and for each word of it no longer than the deadline; the first word of
// the run itself has to come as soon.
func Dial(ctx context.Context, address string, task api.Key, deadline time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: deadline}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() }) // whoever waits is told by that
	err = greet(c, task, deadline)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		c.Close() // it is of no use
		return nil, fmt.Errorf("the port for gangs at %s: %w", address, err)
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c, nil
	}
	return &greeted{TCPConn: tcp}, nil
}

// greet says the preface and waits to be let in. The read deadline of the connection is
// that of the first word of the run.
func greet(c net.Conn, task api.Key, deadline time.Duration) error {
	if err := c.SetWriteDeadline(time.Now().Add(deadline)); err != nil {
		return err
	}
	if _, err := c.Write(appendPreface(nil, task)); err != nil {
		return err
	}
	if err := c.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	for {
		if err := c.SetReadDeadline(time.Now().Add(deadline)); err != nil {
			return err
		}
		var answer [1]byte
		if _, err := c.Read(answer[:]); err != nil {
			return err
		}
		switch answer[0] {
		case answerWait:
		case answerGo:
			return c.SetReadDeadline(time.Now().Add(deadline))
		default:
			return fault.New(fault.ErrUnavailable, "it answers with byte %#x", answer[0]).WithHint("is it the --listen of a worker, of this release?")
		}
	}
}

// greeted is a connection whose first read has a deadline, and no other. One goroutine
// reads at a time, as of any stream.
type greeted struct {
	*net.TCPConn
	heard bool
}

// Read implements net.Conn.
func (g *greeted) Read(b []byte) (int, error) {
	n, err := g.TCPConn.Read(b)
	if n > 0 && !g.heard {
		g.heard = true
		if err := g.SetReadDeadline(time.Time{}); err != nil {
			return n, err
		}
	}
	return n, err
}
