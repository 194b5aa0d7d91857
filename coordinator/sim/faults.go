package sim

import (
	"g2c/coordinator/command"
)

// faults has things go wrong until the world heals: about one for every worker in
// half an hour, and a new leader every few minutes.
func (w *World) faults() {
	w.every(1800_000/int64(w.cfg.Workers), func() { w.fault(w.workers[w.rand.IntN(len(w.workers))]) })
	w.every(240_000, w.depose)
	w.every(300_000, func() { w.leader.offset += w.between(-600_000, 600_000) }) // a clock jumps
}

// every does something at random times, so far apart on average, while faults last.
func (w *World) every(ms int64, do func()) {
	w.after(w.between(1, 2*ms+1), func() {
		if w.now < w.cfg.Duration {
			do()
			w.every(ms, do)
		}
	})
}

// fault befalls one worker.
func (w *World) fault(v *worker) {
	switch w.rand.IntN(6) {
	case 0, 1:
		w.crash(v)
	case 2, 3:
		v.cut = true
		w.after(w.between(2_000, 120_000), func() { v.cut = false })
	case 4:
		v.slow = w.between(2, 5)
		w.after(w.between(60_000, 600_000), func() { v.slow = 1 })
	case 5:
		w.operate(v)
	}
}

// crash ends a worker's process and all that runs in it. It comes back as another
// incarnation.
func (w *World) crash(v *worker) {
	if !v.up {
		return
	}
	v.up = false
	for len(v.runs) > 0 {
		w.drop(v, v.runs[0])
	}
	v.outbox = nil
	clear(v.left)
	w.after(w.between(5_000, 300_000), func() { w.boot(v) })
}

func (w *World) boot(v *worker) {
	if !v.up {
		v.up = true
		v.incarnation++
	}
}

// operate is somebody who takes a worker out of service for a while.
func (w *World) operate(v *worker) {
	if !w.leader.there || w.state.Worker(v.id) == nil {
		return
	}
	mode := []command.Mode{command.Cordoned, command.Draining, command.Maintenance}[w.rand.IntN(3)]
	w.apply(command.SetMode{Worker: v.id, Mode: mode, From: w.clock(), Until: w.clock() + 300_000})
	if mode != command.Maintenance {
		w.after(w.between(60_000, 600_000), func() { w.reopen(v) })
	}
}

func (w *World) reopen(v *worker) {
	if !w.leader.there {
		w.after(1000, func() { w.reopen(v) })
		return
	}
	w.apply(command.SetMode{Worker: v.id, Mode: command.Ready})
}

// heal ends all faults: what is still to do must now come to its end.
func (w *World) heal() {
	if !w.leader.there {
		w.after(1000, w.heal)
		return
	}
	w.cfg.Faults = false
	for _, v := range w.workers {
		v.cut, v.slow = false, 1
		w.boot(v)
		if w.state.Worker(v.id) != nil {
			w.reopen(v)
		}
	}
}
