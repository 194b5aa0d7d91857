package train

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"g2c/kernels"
)

// localSums adds up what the members of one process have, in host memory. Its own
// goroutine adds a bucket as soon as the parts have arrived, while the members compute
// the next.
type localSums[T element] struct {
	members int
	ended   chan struct{} // closed with the goroutine

	mu      sync.Mutex
	changed sync.Cond
	buckets []*localBucket[T]
	full    []*localBucket[T] // to be added
	closed  bool
	err     error
}

// localBucket goes round: given by all, added, taken by all.
type localBucket[T element] struct {
	parts        [][]T          // by member; the first becomes the sum
	arrived      []func() error // by member: waits until its part is there
	given, taken int
	added        bool
}

func newLocalSums[T element](members int) *localSums[T] {
	l := &localSums[T]{members: members, ended: make(chan struct{})}
	l.changed.L = &l.mu
	go l.add()
	return l
}

// close ends the goroutine. No member may come any more.
func (l *localSums[T]) close() {
	l.mu.Lock()
	l.closed = true
	l.changed.Broadcast()
	l.mu.Unlock()
	<-l.ended
}

// add adds buckets in the order they are full.
func (l *localSums[T]) add() {
	defer close(l.ended)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.full) == 0 {
			if l.closed {
				return
			}
			l.changed.Wait()
		}
		b := l.full[0]
		l.full = append(l.full[:0], l.full[1:]...)
		l.mu.Unlock()
		err := b.add()
		l.mu.Lock()
		if b.added = err == nil; !b.added {
			l.fail(err)
		}
		l.changed.Broadcast()
	}
}

// add waits for the parts and adds them.
func (b *localBucket[T]) add() error {
	for _, wait := range b.arrived {
		if err := wait(); err != nil {
			return err
		}
	}
	addTree(b.parts)
	return nil
}

// fail ends the exchange. The lock is held.
func (l *localSums[T]) fail(err error) {
	if l.err == nil {
		l.err = err
		l.changed.Broadcast()
	}
}

// addTree leaves in the first part the sum of all, a power of two of them, by the
// binary tree split in the middle: see kernels.TreeSum.
func addTree[T element](parts [][]T) {
	for apart := 1; apart < len(parts); apart *= 2 {
		for k := 0; k < len(parts); k += 2 * apart {
			to, from := parts[k], parts[k+apart]
			for i, v := range from {
				to[i] += v
			}
		}
	}
}

// errOtherMember is how an exchange ends for those who did not end it.
var errOtherMember = errors.New("another device failed")

// until waits for a condition, or for the exchange's end. The lock is held.
func (l *localSums[T]) until(condition func() bool) error {
	for l.err == nil && !condition() {
		l.changed.Wait()
	}
	return l.err
}

// bucket is a bucket that this round's parts can be given to: the round before is
// over. The lock is held.
func (l *localSums[T]) bucket(i int) (*localBucket[T], error) {
	for len(l.buckets) <= i {
		l.buckets = append(l.buckets, &localBucket[T]{parts: make([][]T, l.members), arrived: make([]func() error, l.members)})
	}
	b := l.buckets[i]
	return b, l.until(func() bool { return b.given < l.members })
}

// localMember is one member's side.
type localMember[T element] struct {
	*localSums[T]
	k int
}

// Give implements AllReduce.
func (m localMember[T]) Give(bucket int, slots []string, s kernels.State) error {
	m.mu.Lock()
	b, err := m.bucket(bucket)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	n := lengths(slots, s)
	b.parts[m.k] = slices.Grow(b.parts[m.k][:0], n)[:n]
	if b.arrived[m.k], err = snapshot(s, slots, b.parts[m.k]); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.given++; b.given == m.members {
		m.full = append(m.full, b)
		m.changed.Broadcast()
	}
	return m.err
}

// Take implements AllReduce.
func (m localMember[T]) Take(bucket int, slots []string, s kernels.State) error {
	m.mu.Lock()
	b := m.buckets[bucket]
	err := m.until(func() bool { return b.added })
	m.mu.Unlock()
	if err != nil {
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
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.taken++; b.taken == m.members {
		b.given, b.taken, b.added = 0, 0, false
		m.changed.Broadcast()
	}
	return nil
}

// Abort implements AllReduce.
func (m localMember[T]) Abort(cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail(fmt.Errorf("%w: %w", errOtherMember, cause))
}

// snapshot copies slots one behind another, while the device goes on if it can.
func snapshot[T element](s kernels.State, slots []string, to []T) (wait func() error, err error) {
	var parts [][]T
	for _, slot := range slots {
		n := length(slot, s)
		parts, to = append(parts, to[:n]), to[n:]
	}
	if narrow, ok := any(parts).([][]float32); ok {
		return kernels.Snapshot(s, slots, narrow)
	}
	for i, slot := range slots {
		if err := get(s, slot, parts[i]); err != nil {
			return nil, err
		}
	}
	return func() error { return nil }, nil
}

func length(slot string, s kernels.State) int {
	_, _, n, _ := s.Spec().Place(slot)
	return n
}

func lengths(slots []string, s kernels.State) int {
	n := 0
	for _, slot := range slots {
		n += length(slot, s)
	}
	return n
}
