package server

import (
	"time"

	"g2c/api/rpcerr"
	"g2c/internal/clock"
)

// nextOf waits for the next message of a stream, but not for ever: a caller who falls
// silent is not to keep what others wait for. After its error the stream has to end.
func nextOf[M any](c clock.Clock, most time.Duration, recv func() (M, error)) (M, error) {
	return nextUntil(c, most, nil, recv)
}

// nextUntil is nextOf for a stream that another may take the place of: then stop is closed.
func nextUntil[M any](c clock.Clock, most time.Duration, stop <-chan struct{}, recv func() (M, error)) (M, error) {
	type message struct {
		m   M
		err error
	}
	got := make(chan message, 1)
	go func() { // ends with the stream
		m, err := recv()
		got <- message{m, err}
	}()
	var none M
	select {
	case heard := <-got:
		return heard.m, heard.err
	case <-stop:
		return none, rpcerr.New(rpcerr.Conflict, "another stream of the same request took the place of this one")
	case <-c.After(most):
		return none, rpcerr.New(rpcerr.TooSlow, "nothing was said for %v", most)
	}
}
