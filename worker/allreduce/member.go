package allreduce

import (
	"fmt"

	"g2c/kernels"
)

// Member is one member's side of an exchange. Its calls come from one goroutine at a
// time, in the same order at every member: each bucket of a round is given once, in the
// order of their numbers, then each is taken once. One goroutine may stand for several
// members, if it gives for all before it takes.
type Member[T Element] struct {
	group        *Group[T]
	k            int
	round        uint32
	given, taken int // buckets of the round
}

// Give hands over the slots of a bucket, which hold sums over the member's shards. It
// does not wait for what others have. Until they are taken the slots stay as they are: they
// are copied behind it, or read where they lie.
func (m *Member[T]) Give(bucket int, slots []string, s kernels.State) error {
	g := m.group
	if g.alone() {
		return nil
	}
	b, err := m.open(bucket, lengths(slots, s))
	if err != nil {
		return err
	}
	arrived, err := b.part(m.k, slots, s)
	if err != nil {
		return err
	}
	m.given++
	g.mu.Lock()
	defer g.mu.Unlock()
	b.arrived[m.k] = arrived
	g.add(job[T]{b, arriving, m.k})
	return g.err
}

// Process is the place of the member's process in the gang.
func (m *Member[T]) Process() int { return m.group.plan.self }

// open waits until the bucket is free for the member's round: that before is over, and
// nothing of it is on its way any more.
func (m *Member[T]) open(bucket, n int) (*bucket[T], error) {
	g := m.group
	if bucket < 0 || bucket >= maxBuckets {
		return nil, fmt.Errorf("allreduce: bucket %d, want fewer than %d", bucket, maxBuckets)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.err == nil && g.round != m.round {
		g.changed.Wait()
	}
	for len(g.buckets) <= bucket {
		g.buckets = append(g.buckets, g.newBucket(len(g.buckets)))
	}
	b := g.buckets[bucket]
	for g.err == nil && !b.open && b.sending > 0 {
		g.changed.Wait()
	}
	if g.err != nil {
		return nil, g.err
	}
	if b.open && b.n != n {
		err := fmt.Errorf("allreduce: members give %d and %d elements of bucket %d", b.n, n, bucket)
		g.failed(err)
		return nil, err
	}
	if !b.open {
		if err := b.begin(n); err != nil {
			g.failed(err)
			return nil, err
		}
		g.changed.Broadcast() // receivers may hold frames of it
	}
	return b, nil
}

// Take waits for the sums of a bucket over all members of all processes, and puts them
// into its slots.
func (m *Member[T]) Take(bucket int, slots []string, s kernels.State) error {
	g := m.group
	if g.alone() {
		return nil
	}
	g.mu.Lock()
	if bucket < 0 || bucket >= len(g.buckets) || !g.buckets[bucket].open {
		g.mu.Unlock()
		return fmt.Errorf("allreduce: bucket %d is taken and was not given", bucket)
	}
	b := g.buckets[bucket]
	if !g.taking {
		g.taking, g.gave = true, g.conf.Clock.Now()
		g.changed.Broadcast() // a frame of a bucket that nobody gave waits in vain
	}
	for g.err == nil && b.left > 0 {
		g.changed.Wait()
	}
	// What is there is taken, whatever became of the exchange: either all members of
	// a process can take a whole round, or none can.
	left, err := b.left, g.err
	g.mu.Unlock()
	if left > 0 {
		return err
	}
	sum := b.parts[0]
	for _, slot := range slots {
		n := length(slot, s)
		if err := put(s, slot, sum[:n]); err != nil {
			return err
		}
		sum = sum[n:]
	}
	if m.taken++; m.taken == m.given {
		m.round, m.given, m.taken = m.round+1, 0, 0
		g.finish()
	}
	return nil
}

// finish ends a member's round, and that of all with the last member's.
func (g *Group[T]) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.finished++; g.finished < g.members() {
		return
	}
	for _, b := range g.buckets {
		b.open = false
	}
	g.round, g.finished, g.taking = g.round+1, 0, false
	g.rounds++
	g.changed.Broadcast()
}

// Abort ends the exchange: every member that waits or comes gets an error, and other
// processes one that names this.
func (m *Member[T]) Abort(cause error) { m.group.fail(fmt.Errorf("%w: %w", ErrAborted, cause)) }
