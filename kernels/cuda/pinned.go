//go:build gpu

package cuda

import (
	"sync"
	"unsafe"

	"g2c/kernels/cuda/driver"
)

// pinned is memory of the host that the device copies from and to by itself.
type pinned struct {
	memory unsafe.Pointer
	size   int
	event  driver.Event // behind a copy that arrives here
}

func newPinned(size int) (*pinned, error) {
	p := &pinned{size: size}
	var err error
	if p.memory, err = driver.Pinned(size); err != nil {
		return nil, err
	}
	p.event, err = driver.NewEvent(false)
	return p, err
}

// bytes are n bytes of it from an offset on.
func (p *pinned) bytes(from, n int) []byte { return unsafe.Slice((*byte)(p.memory), p.size)[from:][:n] }

func (p *pinned) free() error {
	if err := p.event.Destroy(); err != nil {
		return err
	}
	return driver.FreePinned(p.memory)
}

// arrivals is memory that copies from the device arrive in: a piece is taken by one copy
// at a time, and kept for the next that it is large enough for.
type arrivals struct {
	sync.Mutex
	all, idle []*pinned
}

// pinnedStep is what sizes are rounded up to, so that few pieces serve many copies.
const pinnedStep = 64 << 10

// take gives the smallest idle piece of n bytes or more. It runs on the device's thread.
func (a *arrivals) take(n int) (*pinned, error) {
	a.Lock()
	defer a.Unlock()
	best := -1
	for i, p := range a.idle {
		if p.size >= n && (best < 0 || p.size < a.idle[best].size) {
			best = i
		}
	}
	if best >= 0 {
		p := a.idle[best]
		a.idle = append(a.idle[:best], a.idle[best+1:]...)
		return p, nil
	}
	p, err := newPinned((n + pinnedStep - 1) / pinnedStep * pinnedStep)
	if err == nil {
		a.all = append(a.all, p)
	}
	return p, err
}

// give puts a piece back. It may be called from any thread.
func (a *arrivals) give(p *pinned) {
	a.Lock()
	defer a.Unlock()
	a.idle = append(a.idle, p)
}

func (a *arrivals) free() error {
	a.Lock()
	defer a.Unlock()
	for _, p := range a.all {
		if err := p.free(); err != nil {
			return err
		}
	}
	a.all, a.idle = nil, nil
	return nil
}

// departures is a ring that copies to the device leave from. What the host writes there
// stays until the copy is done.
type departures struct {
	*pinned
	at   int // where the next piece goes
	busy []departing
}

// departing is a piece on its way, with the number of its copy on the lane.
type departing struct {
	from, to int
	copy     int64
}

// grow makes the ring at least as large as a need: a batch leaves while the next is
// written.
func (r *departures) grow(d *Device, need int) error {
	if need <= r.size {
		return nil
	}
	if err := d.idle(); err != nil {
		return err
	}
	larger, err := newPinned(need)
	if err != nil {
		return err
	}
	before := r.pinned
	*r = departures{pinned: larger}
	return before.free()
}

// reserve gives memory for the next n bytes, or for half a ring of them: it waits until
// the copies that left from there are done.
func (r *departures) reserve(l *lane, n int) ([]byte, error) {
	const align = 64
	n = min(n, r.size/2)
	if r.at+n > r.size {
		r.at = 0
	}
	last := -1
	for i, b := range r.busy {
		if b.from < r.at+n && r.at < b.to {
			last = i
		}
	}
	if last >= 0 { // earlier copies are done before later ones
		if err := l.wait(r.busy[last].copy); err != nil {
			return nil, err
		}
		r.busy = append(r.busy[:0], r.busy[last+1:]...)
	}
	memory := r.bytes(r.at, n)
	r.busy = append(r.busy, departing{from: r.at, to: r.at + n})
	r.at = min(r.size, (r.at+n+align-1)/align*align)
	return memory, nil
}

// sent notes the copy of what was reserved last.
func (r *departures) sent(copy int64) { r.busy[len(r.busy)-1].copy = copy }
