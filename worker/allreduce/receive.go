package allreduce

import (
	"errors"
	"fmt"
	"strings"
)

// handle takes in a frame. The lock is held, but not while elements are added or copied.
func (p *peer[T]) handle(f Frame) error {
	g := p.group
	if f.Session != g.conf.Session {
		return wrong("it is of generation %d of task %.8x, want %d of %.8x", f.Generation, f.Key, g.conf.Session.Generation, g.conf.Session.Key)
	}
	switch f.Kind {
	case Alive:
		return nil
	case Abort:
		g.failed(p.aborted(f))
		p.part()
		return nil
	case Bye:
		if p.left = true; p.awaited > 0 {
			return ErrLeft
		}
		p.say(Seen)
		p.part()
		return nil
	case Seen:
		if !p.told {
			return wrong("it answers what was not said")
		}
		p.part()
		return nil
	case Partial, Sum:
		return p.elements(f)
	}
	return wrong("its kind is %d", f.Kind)
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFrame, fmt.Sprintf(format, args...))
}

// elements takes in sums. The lock is held.
func (p *peer[T]) elements(f Frame) error {
	g := p.group
	b, err := p.expected(f)
	if err != nil || b == nil {
		return err
	}
	number := int(f.Piece)
	if number >= len(b.pieces) {
		return wrong("bucket %d has %d pieces, none is %d", f.Bucket, len(b.pieces), number)
	}
	piece := b.pieces[number]
	if want := piece.len() * b.width(); f.Encoding != b.encoding() || int(f.Length) != want || total(f.Parts) != want {
		return wrong("piece %d of bucket %d: %d bytes in encoding %d, want %d in %d", number, f.Bucket, f.Length, f.Encoding, want, b.encoding())
	}
	if f.Kind == Sum {
		if piece.owner != p.number {
			return wrong("the sum of piece %d of bucket %d is process %d's", number, f.Bucket, piece.owner)
		}
		if b.at(number, len(g.plan.other.nodes)).Swap(1) != 0 {
			return wrong("the sum of piece %d of bucket %d came twice", number, f.Bucket)
		}
		p.awaited--
		g.mu.Unlock()
		b.fill(b.value(number, 0), f.Parts)
		g.mu.Lock()
		b.done()
		return nil
	}
	leaf, err := p.leaf(f, piece)
	if err != nil {
		return err
	}
	if b.at(number, leaf.node).Swap(1) != 0 {
		return wrong("the sum of shards %d to %d of piece %d of bucket %d came twice", f.From, f.To, number, f.Bucket)
	}
	p.awaited--
	p.partial()
	g.mu.Unlock()
	defer g.mu.Lock()
	b.accept(number, leaf, f.Parts)
	return nil
}

// expected is the bucket of a frame, once a member of this process has given it. It is nil
// if the exchange has ended, or this process leaves it. The lock is held.
func (p *peer[T]) expected(f Frame) (*bucket[T], error) {
	g := p.group
	for {
		switch {
		case g.err != nil:
			return nil, nil
		case f.Round < g.round || f.Round > g.round+1:
			return nil, wrong("it is of round %d, in round %d", f.Round, g.round)
		case f.Round == g.round && int(f.Bucket) < len(g.buckets) && g.buckets[f.Bucket].open:
			return g.buckets[f.Bucket], nil
		case f.Round == g.round && g.taking:
			return nil, wrong("round %d has no bucket %d", f.Round, f.Bucket)
		case g.leaving:
			return nil, nil // who sent it will see that this process has left
		}
		p.holding = true
		g.changed.Wait()
		p.holding = false
	}
}

// leaf is the partial that a frame brings.
func (p *peer[T]) leaf(f Frame, of piece) (leaf, error) {
	if of.owner != p.group.plan.self {
		return leaf{}, wrong("piece %d of bucket %d is process %d's to finish", f.Piece, f.Bucket, of.owner)
	}
	for _, l := range p.group.plan.remote[p.number] {
		if l.run.From == int(f.From) && l.run.To == int(f.To) {
			return l, nil
		}
	}
	return leaf{}, wrong("shards %d to %d are no sum of its", f.From, f.To)
}

// accept puts a partial into the tree of a piece. Where the other term of its parent is
// there, it is added as it lies in the message; else it is kept.
func (b *bucket[T]) accept(number int, l leaf, parts [][]byte) {
	t := &b.group.plan.own
	parent := t.nodes[l.node].parent
	n := t.nodes[parent]
	sibling := n.left
	if sibling == l.node {
		sibling = n.right
	}
	if b.at(number, parent).Load() == 1 && b.sumParts(b.value(number, n.home), b.term(number, t.nodes[sibling]), parts) {
		b.at(number, parent).Add(1)
		if next, more := b.ready(number, parent); more {
			b.climb(number, next)
		}
		return
	}
	b.fill(b.value(number, l.home), parts)
	if next, more := b.ready(number, l.node); more {
		b.climb(number, next)
	}
}

// aborted is what a peer's Abort says, about itself or another.
func (p *peer[T]) aborted(f Frame) error {
	var text []byte
	for _, part := range f.Parts {
		text = append(text, part[:min(len(part), maxTextByte-len(text))]...)
	}
	why := errors.New(strings.ToValidUTF8(string(text), "?"))
	if why.Error() == ErrLeft.Error() {
		why = ErrLeft // who took leave is nobody's suspect, whoever tells of it
	}
	culprit := int(f.Piece)
	if culprit >= p.group.plan.processes || culprit == p.group.plan.self {
		return p.error(fmt.Errorf("%w: %w", errGivenUp, why))
	}
	return p.group.blame(culprit, why)
}

// errGivenUp is how this process learns that it was the culprit.
var errGivenUp = errors.New("it gave up this process")

// reason is the frame that tells others of this process's error. The lock is held.
func (g *Group[T]) reason() outgoing {
	culprit, err := g.plan.self, g.err
	var at *PeerError
	if errors.As(err, &at) && !errors.Is(err, errGivenUp) {
		culprit, err = at.Peer, at.Err
	}
	text := err.Error()
	return g.message(Abort, culprit, []byte(text[:min(len(text), maxTextByte)]))
}

func total(parts [][]byte) int {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	return n
}
