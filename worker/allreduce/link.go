package allreduce

import (
	"errors"
	"fmt"
)

// Link carries frames to one peer and back, each direction in order. One goroutine sends
// and another receives; Close may come from any, at any time.
type Link interface {
	// Send queues a frame behind those before, and may wait for room. The payload stays
	// as it is until sent is called, which happens once unless Send fails or the link
	// ends before; it does not block.
	Send(h Header, payload []byte, sent func()) error
	// Receive waits for the next frame. It is the caller's until the next call.
	Receive() (Frame, error)
	// Close ends the link at both sides: calls that wait return, and frames that have
	// not been received may be lost.
	Close() error
}

// Frame is what a link brings.
type Frame struct {
	Header
	// Parts are the payload, in order: Length bytes in all.
	Parts [][]byte
}

// Errors of an exchange.
var (
	// ErrAborted is how an exchange ends for the members of a process that one of them
	// has ended: its error says why.
	ErrAborted = errors.New("another device failed")
	// ErrClosed is the use of a link, or of an exchange, that was closed.
	ErrClosed = errors.New("the exchange is closed")
	// ErrSilent is a peer from which nothing came for too long.
	ErrSilent = errors.New("nothing came for too long")
	// ErrLeft is a peer that has left an exchange in which others go on.
	ErrLeft = errors.New("it has left the exchange")
	// ErrFrame is a frame that does not belong where it arrived.
	ErrFrame = errors.New("a frame is wrong")
)

// PeerError is the end of an exchange by another process: it failed, vanished, fell
// silent or sent what it should not. Whoever takes part in the exchange names the same.
type PeerError struct {
	Peer int    // its place in the gang
	Name string // what it is called
	Err  error
}

// Error implements error.
func (e *PeerError) Error() string {
	return fmt.Sprintf("runner %d of the gang (%s): %v", e.Peer, e.Name, e.Err)
}

// Unwrap gives the reason.
func (e *PeerError) Unwrap() error { return e.Err }
