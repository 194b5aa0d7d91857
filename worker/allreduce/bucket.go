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
	leaves   [][][]T        // by member: by piece: its part, or where its state has it
	pieces   []piece
	received [][]T // by partial from elsewhere: the pieces that this process owns
	offset   []int // by piece: its place in received
	// state has for each node of each piece's tree how much of it is there: 1 for a
	// leaf, 1 for each term of a sum. At the end of a piece's is 1 for its sum, if
	// another process sends it.
	state  []atomic.Int32
	stride int
	sent   func() // a frame was sent
	half   bool   // every node is rounded to bf16
	// images are what is sent of halves: by partial of this process, the first also of
	// its sums.
	images [][]uint16
}

func (g *Group[T]) newBucket(number int) *bucket[T] {
	b := &bucket[T]{group: g, number: number, parts: make([][]T, g.members())}
	b.views, b.arrived, b.leaves = make([][][]float32, g.members()), make([]func() error, g.members()), make([][][]T, g.members())
	b.stride = max(len(g.plan.own.nodes), len(g.plan.other.nodes)+1)
	b.received = make([][]T, g.plan.staged)
	b.half = g.conf.Half != nil && g.conf.Half(number)
	if b.encoding() == BF16 && g.plan.processes > 1 {
		b.images = make([][]uint16, len(g.plan.partials))
	}
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
			b.leaves[i] = slices.Grow(b.leaves[i][:0], len(b.pieces))[:len(b.pieces)]
		}
		for i := range b.received {
			b.received[i] = slices.Grow(b.received[i][:0], own)[:own]
		}
		for i := range b.images {
			b.images[i] = slices.Grow(b.images[i][:0], n)[:n]
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
				p.owes += len(g.plan.remote[p.number])
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

// term is what a node of a piece is as part of a sum: see leaves.
func (b *bucket[T]) term(piece int, n node) []T {
	if n.left < 0 && n.home >= 0 {
		return b.leaves[n.home][piece]
	}
	return b.value(piece, n.home)
}

// top hands on what this process can add of a piece: its sum, or a partial.
func (b *bucket[T]) top(number, node int) {
	g, p := b.group, b.pieces[number]
	n := b.group.plan.of(p.owner).nodes[node]
	h := Header{Kind: Partial, Bucket: uint16(b.number), Piece: uint16(number), From: uint16(n.run.From), To: uint16(n.run.To)}
	image := 0
	if p.owner != g.plan.self {
		image = slices.Index(g.plan.partials, node)
	}
	payload := b.payload(number, image, b.term(number, n))
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.owner != g.plan.self {
		b.post(g.peers[p.owner], h, payload)
		return
	}
	h.Kind = Sum
	for _, to := range g.peers {
		if to != nil {
			b.post(to, h, payload)
		}
	}
	b.done()
}

// payload is what is sent of a value: its memory, or its image.
func (b *bucket[T]) payload(number, image int, value []T) []byte {
	if len(b.images) == 0 {
		return bytesOf(value)
	}
	p := b.pieces[number]
	to := b.images[image][p.from:p.to]
	narrow(to, as[float32](value))
	return bytesOf(to)
}

// encoding is how the bucket's elements lie in frames.
func (b *bucket[T]) encoding() Encoding {
	switch {
	case sizeOf[T]() == 8:
		return Float64
	case b.half:
		return BF16
	}
	return Float32
}

// width is the bytes of such an element.
func (b *bucket[T]) width() int {
	if b.encoding() == BF16 {
		return 2
	}
	return sizeOf[T]()
}

// sum is to = x + y, as the bucket's nodes are rounded.
func (b *bucket[T]) sum(to, x, y []T) {
	if b.half {
		addHalf(to, x, y)
	} else {
		add(to, x, y)
	}
}

// fill sets elements to those of a frame.
func (b *bucket[T]) fill(to []T, parts [][]byte) {
	if b.encoding() == BF16 {
		widenParts(as[float32](to), parts)
	} else {
		copyBytes(to, parts)
	}
}

// sumParts is to = x + the elements of a frame, as they lie in it. It does nothing, and
// says so, if one of them is in two parts.
func (b *bucket[T]) sumParts(to, x []T, parts [][]byte) bool {
	if b.encoding() == BF16 {
		if !inElements[uint16](parts) {
			return false
		}
		to, x := as[float32](to), as[float32](x)
		for _, p := range parts {
			v := elementsOf[uint16](p)
			addHalfWide(to[:len(v)], x[:len(v)], v)
			to, x = to[len(v):], x[len(v):]
		}
		return true
	}
	if !inElements[T](parts) {
		return false
	}
	for _, p := range parts {
		v := elementsOf[T](p)
		b.sum(to[:len(v)], x[:len(v)], v)
		to, x = to[len(v):], x[len(v):]
	}
	return true
}

// post gives a peer's sender a frame. The lock is held.
func (b *bucket[T]) post(to *peer[T], h Header, payload []byte) {
	h.Session, h.Round, h.Encoding, h.Length = b.group.conf.Session, b.group.round, b.encoding(), uint32(len(payload))
	b.sending++
	to.post(outgoing{h, payload, b.sent})
}

// done counts a piece whose sum is there. The lock is held.
func (b *bucket[T]) done() {
	if b.left--; b.left == 0 {
		b.group.changed.Broadcast()
	}
}
