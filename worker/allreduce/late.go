package allreduce

import "time"

// Lateness is how long a process has stood and waited for others: from when it had given
// all of a round until they had given theirs.
type Lateness struct {
	Rounds int
	Waited []time.Duration // by process, over all of the rounds
}

// Late is that of the rounds since it was asked last. It may be called from any goroutine.
func (g *Group[T]) Late() Lateness {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := Lateness{Rounds: g.rounds, Waited: make([]time.Duration, g.plan.processes)}
	g.rounds = 0
	for _, p := range g.others() {
		l.Waited[p.number], p.late = p.late, 0
	}
	return l
}

// partial counts one of a peer's partials that has come. The lock is held.
func (p *peer[T]) partial() {
	if p.owes--; p.owes == 0 && p.group.taking {
		p.late += p.group.conf.Clock.Now().Sub(p.group.gave)
	}
}
