package allreduce

import (
	"errors"
	"sync"
)

// pipeFrames is how many frames may lie in a pipe, each way: enough that a sender does
// not wait for a receiver that is busy with a piece.
const pipeFrames = 64

// Pipe is a link in memory: its two ends. Payloads are not copied.
func Pipe() (Link, Link) {
	there, back := make(chan pipeFrame, pipeFrames), make(chan pipeFrame, pipeFrames)
	p := &pipe{closed: make(chan struct{})}
	return &pipeEnd{pipe: p, in: back, out: there}, &pipeEnd{pipe: p, in: there, out: back}
}

type pipe struct {
	once   sync.Once
	closed chan struct{}
}

type pipeEnd struct {
	*pipe
	in, out chan pipeFrame
	last    pipeFrame // the one that was received, until the next
	part    [1][]byte
}

type pipeFrame struct {
	h       Header
	payload []byte
	sent    func()
}

// Send implements Link.
func (e *pipeEnd) Send(h Header, payload []byte, sent func()) error {
	select {
	case <-e.closed:
		return errPipe
	default:
	}
	select {
	case e.out <- pipeFrame{h, payload, sent}:
		return nil
	case <-e.closed:
		return errPipe
	}
}

var errPipe = errors.New("the link is broken")

// Receive implements Link.
func (e *pipeEnd) Receive() (Frame, error) {
	if e.last.sent != nil {
		e.last.sent()
	}
	e.last = pipeFrame{}
	select {
	case e.last = <-e.in:
	default:
		select {
		case e.last = <-e.in:
		case <-e.closed:
			return Frame{}, errPipe
		}
	}
	e.part[0] = e.last.payload
	return Frame{e.last.h, e.part[:]}, nil
}

// Close implements Link.
func (e *pipeEnd) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}
