package allreduce

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// bucket is what is exchanged together; it is used again in every round.
type bucket[T Element] struct {
	group    *Group[T]
	number   int
	n        int            // elements
	open     bool           // given by a member in this round
	left     int            // pieces whose sum is not there yet
	sending  int            // frames that read the parts and are not sent
	parts    [][]T          // by member; the first becomes the sum
	views    [][][]float32  // by member: its part, slot by slot
	arrived  []func() error // by member: waits until its part is there
	pieces   []piece
	received [][]T // by partial from elsewhere: the pieces that this process owns
	offset   []int // by piece: its place in received
	// state has for each node of each piece's tree how much of it is there: 1 for a
	// leaf, 1 for each term of a sum. At the end of a piece's is 1 for its sum, if
	// another process sends it.
	state  []atomic.Int32
	stride int
	sent   func() // a frame was sent
}

func (g *Group[T]) newBucket(number int) *bucket[T] {
	b := &bucket[T]{group: g, number: number, parts: make([][]T, g.members())}
	b.views, b.arrived = make([][][]float32, g.members()), make([]func() error, g.members())
	b.stride = max(len(g.plan.own.nodes), len(g.plan.other.nodes)+1)
	b.received = make([][]T, g.plan.staged)
	b.sent = func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if b.sending--; b.sending == 0 {
			g.changed.Broadcast()
		}
	}
	return b
}

// begin makes room for a round of n elements. The lock is held.
func (b *bucket[T]) begin(n int) error {
	g := b.group
	if b.n != n || b.pieces == nil {
		b.n = n
		b.pieces = pieces(b.pieces[:0], b.number, n, g.plan.processes, g.most)
		if len(b.pieces) > maxPieces {
			return fmt.Errorf("allreduce: bucket %d has %d pieces, want %d at most", b.number, len(b.pieces), maxPieces)
		}
		own := 0
		b.offset = b.offset[:0]
		for _, p := range b.pieces {
			b.offset = append(b.offset, own)
			if p.owner == g.plan.self {
				own += p.len()
			}
		}
		for i := range b.parts {
			b.parts[i] = slices.Grow(b.parts[i][:0], n)[:n]
		}
		for i := range b.received {
			b.received[i] = slices.Grow(b.received[i][:0], own)[:own]
		}
		if need := len(b.pieces) * b.stride; need > len(b.state) {
			b.state = make([]atomic.Int32, need)
		}
	}
	for i := range b.state {
		b.state[i].Store(0)
	}
	b.left, b.open = len(b.pieces), true
	for _, p := range g.peers {
		if p == nil {
			continue
		}
		for _, piece := range b.pieces {
			switch piece.owner {
			case g.plan.self:
				p.awaited += len(g.plan.remote[p.number])
			case p.number:
				p.awaited++
			}
		}
		if p.left && p.awaited > 0 {
			return p.error(ErrLeft)
		}
	}
	return nil
}

// at is the state of a node of a piece.
func (b *bucket[T]) at(piece, node int) *atomic.Int32 { return &b.state[piece*b.stride+node] }

// value is where a node of a piece has its sum: see node.home.
func (b *bucket[T]) value(piece, home int) []T {
	p := b.pieces[piece]
	if home >= 0 {
		return b.parts[home][p.from:p.to]
	}
	at := b.offset[piece]
	return b.received[-home-1][at : at+p.len()]
}

// top hands on what this process can add of a piece: its sum, or a partial.
func (b *bucket[T]) top(number, node int) {
	g, p := b.group, b.pieces[number]
	n := b.group.plan.of(p.owner).nodes[node]
	h := Header{Kind: Partial, Bucket: uint16(b.number), Piece: uint16(number), From: uint16(n.run.From), To: uint16(n.run.To)}
	value := b.value(number, n.home)
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.owner != g.plan.self {
		b.post(g.peers[p.owner], h, value)
		return
	}
	h.Kind = Sum
	for _, to := range g.peers {
		if to != nil {
			b.post(to, h, value)
		}
	}
	b.done()
}

// post gives a peer's sender a frame. The lock is held.
func (b *bucket[T]) post(to *peer[T], h Header, value []T) {
	h.Session, h.Round, h.Encoding, h.Length = b.group.conf.Session, b.group.round, encodingOf[T](), uint32(len(value)*sizeOf[T]())
	b.sending++
	to.post(outgoing{h, bytesOf(value), b.sent})
}

// done counts a piece whose sum is there. The lock is held.
func (b *bucket[T]) done() {
	if b.left--; b.left == 0 {
		b.group.changed.Broadcast()
	}
}
