package raftnode

import (
	"errors"
	"net"
	"testing"
	"time"
)

// timed notes the deadlines of a connection that takes everything.
type timed struct {
	net.Conn
	read, write time.Time
	pieces      []int
}

func (c *timed) SetDeadline(at time.Time) error      { c.read, c.write = at, at; return nil }
func (c *timed) SetReadDeadline(at time.Time) error  { c.read = at; return nil }
func (c *timed) SetWriteDeadline(at time.Time) error { c.write = at; return nil }

func (c *timed) Write(b []byte) (int, error) {
	c.pieces = append(c.pieces, len(b))
	if c.write.IsZero() {
		return 0, errors.New("no deadline was set for this piece")
	}
	c.write = time.Time{}
	return len(b), nil
}

// A message has as long as it moves, and its answer as its size needs.
func TestAMessageMayTakeAsLongAsItMoves(t *testing.T) {
	const patience = time.Hour // this test takes no time beside it
	for _, c := range []struct {
		size  int
		least time.Duration // for the answer
	}{{100, patience}, {1 << 20, patience + 8*time.Second}, {200 << 20, patience + 1600*time.Second}} {
		inner := &timed{}
		p := &paced{Conn: inner, patience: patience}
		if p.SetDeadline(time.Now().Add(time.Second)); time.Until(inner.write) < patience-time.Minute {
			t.Error("raft's own deadline counts")
		}
		buf := make([]byte, 1<<20)
		for left := c.size; left > 0; left -= len(buf) {
			if n, err := p.Write(buf[:min(left, len(buf))]); err != nil || n != min(left, len(buf)) {
				t.Fatalf("%d bytes are written, %v", n, err)
			}
		}
		total := 0
		for _, n := range inner.pieces {
			if total += n; n > pieceBytes {
				t.Fatalf("a piece of %d bytes", n)
			}
		}
		if total != c.size {
			t.Errorf("%d bytes arrive of %d", total, c.size)
		}
		if got := time.Until(inner.read); got < c.least-time.Minute || got > c.least+time.Minute {
			t.Errorf("the answer to %d bytes has %v, want %v", c.size, got, c.least)
		}
		// The next message begins anew.
		p.SetDeadline(time.Now().Add(time.Second))
		p.Write(buf[:1])
		if got := time.Until(inner.read); got > patience+time.Second {
			t.Errorf("the answer to one byte has %v", got)
		}
		if p.SetDeadline(time.Time{}); !inner.read.IsZero() || !inner.write.IsZero() {
			t.Error("a connection that rests has a deadline")
		}
	}
}
