package server

import (
	"time"

	"g2c/api/rpcerr"
	"g2c/internal/clock"
)

// nextOf waits for the next message of a stream, but not for ever: a caller who falls
// silent is not to keep what others wait for. After its error the stream has to end.
func nextOf[M any](c clock.Clock, most time.Duration, recv func() (M, error)) (M, error) {
	type message struct {
		m   M
		err error
	}
	got := make(chan message, 1)
	go func() { // ends with the stream
		m, err := recv()
		got <- message{m, err}
	}()
	select {
	case heard := <-got:
		return heard.m, heard.err
	case <-c.After(most):
		var none M
		return none, rpcerr.New(rpcerr.TooSlow, "nothing was said for %v", most)
	}
}
