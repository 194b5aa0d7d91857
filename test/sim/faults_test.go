package sim

import (
	"slices"
	"time"

	"g2c/coordinator/command"
)

// fault is a way for things to go wrong.
type fault struct {
	name   string
	weight int // how often it happens, beside the others
	befall func(w *world, n *node)
}

// nFaults is how many there are.
const nFaults = 15

// faults are all that may befall a worker. What
// lasts is ended by heal at the latest.
var faults = [nFaults]fault{
	{"a process that dies", 3, func(_ *world, n *node) { n.process.exit() }},
	{"a host that goes down", 1, hostDown},
	{"a network that parts", 3, func(w *world, n *node) { w.cut(n, up, down) }},
	{"a network that is gone for long", 2, func(w *world, n *node) { w.cutFor(n, w.between(9*time.Minute, 16*time.Minute), up, down) }},
	{"two workers that do not reach each other", 2, partTwo},
	{"a member that another takes for dead", 2, slander},
	{"a worker that is not heard", 1, func(w *world, n *node) { w.cut(n, up) }},
	{"a worker that hears nothing", 1, func(w *world, n *node) { w.cut(n, down) }},
	{"a connection that breaks", 2, breakLink},
	{"a slow network", 1, slowNetwork},
	{"a process that is stopped", 2, stopProcess},
	{"a process that is replaced", 1, replaceProcess},
	{"a slow host", 2, slowHost},
	{"a worker taken out of service", 3, outOfService},
	{"a process that is asked to end", 2, func(_ *world, n *node) { n.process.handle(n.process.drain) }},
}

// faults has things go wrong until the world heals. Leaders change and clocks jump
// every few minutes, however many workers there are.
func (w *world) faults() {
	w.faulty = true
	total := 0
	for _, f := range faults {
		total += f.weight
	}
	w.every(w.cfg.calm/time.Duration(w.cfg.workers), func() {
		n, at := w.nodes[w.rand.IntN(len(w.nodes))], w.rand.IntN(total)
		for i, f := range faults {
			if at -= f.weight; at < 0 {
				if n.process != nil && n.process.alive {
					w.stats.faults[i]++
					f.befall(w, n)
				}
				return
			}
		}
	})
	w.every(4*time.Minute, w.depose)
	w.every(5*time.Minute, func() { w.leader.offset += w.between(-10*time.Minute, 10*time.Minute) })
}

// every does something at random times, so far apart on average, while faults last.
func (w *world) every(d time.Duration, do func()) {
	w.after(w.between(time.Millisecond, 2*d), func() {
		if w.faulty {
			do()
			w.every(d, do)
		}
	})
}

// hostDown ends all processes of a host, which boots anew.
func hostDown(w *world, n *node) {
	n.host.boots++
	for _, o := range w.nodes {
		if o.host == n.host && o.process != nil {
			o.process.exit()
		}
	}
}

// cut has nothing pass between a worker and coordinators, in some directions, for a while.
// If that is both, other workers may be no better off.
func (w *world) cut(n *node, ways ...direction) {
	w.cutFor(n, w.between(2*time.Second, 2*time.Minute), ways...)
}

func (w *world) cutFor(n *node, d time.Duration, ways ...direction) {
	for _, way := range ways {
		n.cut[way] = true
	}
	n.apart = n.apart || len(ways) == 2 && !w.chance(3)
	w.lookAt(n)
	w.after(d, func() {
		n.cut, n.apart = [2]bool{}, false
		w.lookAt(n)
	})
}

// someMember is a run in a gang with others, the first from a worker on; nil if there is none.
func (w *world) someMember(from *node) *run {
	at := slices.Index(w.nodes, from)
	for i := range w.nodes {
		p := w.nodes[(at+i)%len(w.nodes)].process
		if p == nil {
			continue
		}
		for _, r := range p.runs {
			if len(r.Gang) > 1 {
				return r
			}
		}
	}
	return nil
}

// other is another member of a run's gang.
func (r *run) other() *node {
	w := r.process.w
	for {
		if n := w.byID[r.Gang[w.rand.IntN(len(r.Gang))].Worker]; n != r.process.node {
			return n
		}
	}
}

// partTwo has a member of a gang and another not reach each other: they suspect each other.
func partTwo(w *world, n *node) {
	r := w.someMember(n)
	if r == nil {
		return
	}
	n = r.process.node
	n.parted = r.other()
	w.lookAt(n)
	w.after(w.between(2*time.Second, 2*time.Minute), func() {
		n.parted = nil
		w.lookAt(n)
	})
}

// slander has a member of a gang take another for dead that lives, now or by the time that
// anybody hears of it.
func slander(w *world, n *node) {
	r := w.someMember(n)
	if r == nil {
		return
	}
	generation, accused := r.Generation, r.other().id
	r.process.after(w.between(0, 30*time.Second), func() {
		if !r.over {
			r.suspect(generation, accused)
		}
	})
}

func breakLink(_ *world, n *node) {
	if s := n.process.link; s != nil {
		s.lose()
	}
}

// slowNetwork lets everything arrive late, and often nothing in the end.
func slowNetwork(w *world, n *node) {
	n.lag = w.between(100*time.Millisecond, 15*time.Second)
	w.after(w.between(10*time.Second, 3*time.Minute), func() {
		if n.lag = 0; w.mishap(2) {
			w.cut(n, up, down)
		}
	})
}

// stopProcess is SIGSTOP, or a host that sleeps, and later SIGCONT.
func stopProcess(w *world, n *node) {
	p := n.process
	p.stop()
	d := w.between(time.Second, 2*time.Minute)
	if w.chance(8) {
		d = w.between(9*time.Minute, 14*time.Minute)
	}
	w.after(d, p.goOn)
}

// replaceProcess has somebody take a process for dead that is cut off, and start
// another of its name on another host.
func replaceProcess(w *world, n *node) {
	p := n.process
	p.stop()
	w.after(w.between(time.Second, time.Minute), p.goOn)
	w.boot(n)
}

func slowHost(w *world, n *node) {
	w.setSlow(n, int64(2+w.rand.IntN(4)))
	w.after(w.between(time.Minute, 10*time.Minute), func() { w.setSlow(n, 1) })
}

// setSlow changes how fast a worker's tasks work.
func (w *world) setSlow(n *node, slow int64) {
	n.slow = slow
	w.lookAt(n)
}

// outOfService is somebody who takes a worker out of service for a while.
func outOfService(w *world, n *node) {
	mode := []command.Mode{command.Cordoned, command.Draining, command.Maintenance}[w.rand.IntN(3)]
	w.setMode(n, command.SetMode{Worker: n.id, Mode: mode, From: w.clock(), Until: w.clock() + 300_000})
	if mode != command.Maintenance {
		w.after(w.between(time.Minute, 10*time.Minute), func() { w.reopen(n) })
	}
}

func (w *world) reopen(n *node) { w.setMode(n, command.SetMode{Worker: n.id, Mode: command.Ready}) }

func (w *world) setMode(n *node, c command.SetMode) {
	if w.state.Worker(n.id) != nil {
		w.ask(c, whatever)
	}
}

// heal ends all faults: what is still to do must now come to its end.
func (w *world) heal() {
	w.faulty = false
	for _, n := range w.nodes {
		n.wire = wire{}
		w.setSlow(n, 1)
		for _, p := range append([]*process{}, n.processes...) {
			p.goOn()
		}
		w.revive(n)
		w.reopen(n)
	}
}
