package allreduce

// job is what an adder does: wait for a member's part of a bucket, or add the two terms
// of a node of a piece, and what becomes possible by that.
type job[T Element] struct {
	b     *bucket[T]
	piece int
	node  int // or the member
}

// arriving is the piece of a job that waits for a part.
const arriving = -1

// add gives the adders a job. The lock is held.
func (g *Group[T]) add(j job[T]) {
	g.jobs.push(j)
	g.posted.Signal()
}

// work adds what has come, until the exchange ends.
func (g *Group[T]) work() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		for g.err == nil && g.jobs.len() == 0 {
			g.posted.Wait()
		}
		if g.err != nil {
			return
		}
		j := g.jobs.pop()
		g.mu.Unlock()
		err := g.do(j)
		g.mu.Lock()
		if err != nil {
			g.failed(err)
		}
	}
}

func (g *Group[T]) do(j job[T]) error {
	if j.piece != arriving {
		j.b.climb(j.piece, j.node)
		return nil
	}
	if err := j.b.arrived[j.node](); err != nil {
		return err
	}
	for i := range j.b.pieces {
		leaf := g.plan.of(j.b.pieces[i].owner).member(j.node)
		if next, ok := j.b.ready(i, leaf); ok { // others may add it
			g.mu.Lock()
			g.add(job[T]{j.b, i, next})
			g.mu.Unlock()
		}
	}
	return nil
}

// ready says that a node of a piece has its sum. Where that is the second term of its
// parent to come, it gives the parent, whose sum can be made now.
func (b *bucket[T]) ready(piece, node int) (parent int, ok bool) {
	parent = b.group.plan.of(b.pieces[piece].owner).nodes[node].parent
	if parent < 0 {
		b.top(piece, node)
		return 0, false
	}
	return parent, b.at(piece, parent).Add(1) == 2
}

// climb adds the two terms of a node, and of each node above it that has both then.
func (b *bucket[T]) climb(piece, node int) {
	t := b.group.plan.of(b.pieces[piece].owner)
	for more := true; more; {
		n := t.nodes[node]
		b.sum(b.value(piece, n.home), b.term(piece, t.nodes[n.left]), b.term(piece, t.nodes[n.right]))
		node, more = b.ready(piece, node)
	}
}

// queue is first in, first out, and keeps its memory.
type queue[E any] struct {
	items []E
	head  int
}

func (q *queue[E]) len() int { return len(q.items) - q.head }

func (q *queue[E]) push(e E) {
	if q.head > 0 && len(q.items) == cap(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, e)
}

func (q *queue[E]) pop() E {
	var none E
	e := q.items[q.head]
	q.items[q.head] = none
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return e
}
