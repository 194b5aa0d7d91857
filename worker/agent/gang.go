package agent

import "sync"

// Gang is what a run is told of its task's gang: the newest assignment. Methods may be
// called from any goroutine.
type Gang struct {
	mu      sync.Mutex
	latest  Assignment
	changed chan struct{} // closed and made anew with every change
}

// NewGang is that of an assignment.
func NewGang(a Assignment) *Gang { return &Gang{latest: a, changed: make(chan struct{})} }

// Latest is the newest assignment, and a channel that is closed when there is another.
// Task and work never change.
func (g *Gang) Latest() (Assignment, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.latest, g.changed
}

// Change has another assignment take the place of the newest.
func (g *Gang) Change(a Assignment) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.latest = a
	close(g.changed)
	g.changed = make(chan struct{})
}
