package allreduce

// looks is how often in a deadline peers are looked at, and told that this process lives.
const looks = 4

// watch ends the exchange if a peer is silent for the deadline, until the exchange ends.
// A peer whose frame waits for this process is not: its next one lies behind it.
func (g *Group[T]) watch() {
	for {
		select {
		case <-g.ended:
			return
		case <-g.conf.Clock.After(g.conf.Deadline / looks):
			g.look()
		}
	}
}

func (g *Group[T]) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.peers {
		if p == nil || p.left || p.parted {
			continue
		}
		if p.queue.len() == 0 && !p.busy {
			p.say(Alive)
		}
		p.still++
		if p.frames != p.watched || p.holding {
			p.still = 0
		}
		p.watched = p.frames
		if p.still == looks {
			g.failed(p.error(ErrSilent))
		}
	}
}
