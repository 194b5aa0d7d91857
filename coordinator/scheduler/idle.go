package scheduler

import (
	"slices"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Idle says whether a worker may go, as far as this plan knows: it was lost, or nothing is on
// it, nothing is reserved for anybody there, and nobody waits whom its slots would help. One
// that somebody has cordoned or maintains may not, whatever is on it.
func (p *Plan) Idle(worker string) bool { return p.idle()[worker] }

// idleNow is the workers that may go.
func (p *Plan) idleNow() map[string]bool {
	taken := p.given()
	var wanted []request
	for k, v := range p.verdicts {
		if v.why == tooFew || v.why == tooSmall && p.span {
			wanted = append(wanted, k.request)
		}
	}
	for _, r := range p.Next.reservations {
		if r.worker == "" {
			wanted = append(wanted, r.request)
		}
		taken[r.worker] = true
	}
	out := map[string]bool{}
	for w := range p.snapshot.Workers("") {
		switch {
		case w.Lost:
			out[w.ID] = true
		case len(w.Allocations) > 0 || taken[w.ID]:
		case w.Mode == command.Draining:
			out[w.ID] = true
		case w.Mode == command.Ready:
			helps := slices.ContainsFunc(wanted, func(r request) bool { return r.suits(w) })
			if !helps {
				out[w.ID] = true
			}
		}
	}
	return out
}

// given is the workers of which the plan gives something to a gang.
func (p *Plan) given() map[string]bool {
	out := map[string]bool{}
	for _, c := range p.Commands {
		var parts []command.Part
		switch c := c.(type) {
		case command.Place:
			parts = c.Parts
		case command.Resize:
			parts = c.Parts
		}
		for _, v := range parts {
			out[v.Worker] = true
		}
	}
	return out
}

// suits says whether a worker's slots are what a request asks for.
func (r request) suits(w *state.Worker) bool {
	return w.Class == r.class && (r.device == "" || r.device == w.Device) && w.Memory >= r.memory
}
