package raftnode

import (
	"net"
	"time"
)

// paced is a connection on which raft sends. Raft gives each message one deadline,
// whatever its size: entries of 64 MiB never arrive over a slow link, and a snapshot
// whose connection goes silent is waited for as long as its size would allow. Here a
// deadline set by raft begins a message, and what counts is that it moves: each piece
// has so much time, and the answer as much again, with more for what the other side
// has to store and read first.
//
// Raft uses a connection from one goroutine at a time.
type paced struct {
	net.Conn
	patience time.Duration
	message  bool
	sent     int64 // bytes of this message
}

const (
	// pieceBytes is what has to move within the patience.
	pieceBytes = 64 << 10
	// takenBytes is how much of what was written the other side takes in a second at
	// least: buffers on the way may hold all of it still, and then there is a disk, and a
	// state to be made.
	takenBytes = 128 << 10
)

// SetDeadline implements net.Conn: raft begins a message.
func (p *paced) SetDeadline(at time.Time) error {
	p.message, p.sent = !at.IsZero(), 0
	if p.message {
		at = time.Now().Add(p.patience)
	}
	return p.Conn.SetDeadline(at)
}

// Write implements net.Conn.
func (p *paced) Write(b []byte) (n int, err error) {
	if !p.message {
		return p.Conn.Write(b)
	}
	for err == nil && n < len(b) {
		p.Conn.SetWriteDeadline(time.Now().Add(p.patience))
		var k int
		k, err = p.Conn.Write(b[n:min(len(b), n+pieceBytes)])
		n += k
		p.sent += int64(k)
	}
	taken := time.Duration(p.sent/takenBytes) * time.Second
	p.Conn.SetReadDeadline(time.Now().Add(p.patience + taken))
	return n, err
}
