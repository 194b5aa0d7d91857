package scheduler

import (
	"cmp"
	"slices"
	"strings"

	"g2c/coordinator/state"
)

// claimant is a project that runs in a pool, or waits for something of it.
type claimant struct {
	name   string
	weight int
	turns  int64
	used   int
}

// portion is a claimant's share before it is rounded.
type portion struct {
	claimant
	floor, rest int64
}

// compare is the order in which shares are rounded up.
func (a portion) compare(b portion) int {
	if a.floor > 0 && b.floor > 0 {
		return cmp.Or(cmp.Compare(b.rest, a.rest), cmp.Compare(b.above(), a.above()), strings.Compare(a.name, b.name))
	}
	if a.floor > 0 || b.floor > 0 {
		return cmp.Compare(a.floor, b.floor)
	}
	return cmp.Or(cmp.Compare(a.turns, b.turns), cmp.Compare(b.rest, a.rest), strings.Compare(a.name, b.name))
}

// above is 1 for who has more than the part rounded down.
func (a portion) above() int {
	if int64(a.used) > a.floor {
		return 1
	}
	return 0
}

// entitlement is what a project may count on in a pool.
type entitlement struct {
	slots int
	whole bool // without rounding it has a slot at least
}

// divide gives each project its share of so many slots: by weight, the largest
// remainders rounded up. Who is left with nothing comes first, and has a turn in
// place of a share: rounded up are those who have had the fewest. At a tie others
// keep what they have, so that nobody has to stop for the sake of a remainder.
func divide(slots int, among []claimant) map[string]entitlement {
	var weights int64
	for _, c := range among {
		weights += int64(c.weight)
	}
	var parts []portion
	left := int64(slots)
	for _, c := range among {
		all := int64(slots) * int64(c.weight)
		parts = append(parts, portion{c, all / weights, all % weights})
		left -= all / weights
	}
	slices.SortFunc(parts, portion.compare)
	out := make(map[string]entitlement, len(parts))
	for _, p := range parts {
		e := entitlement{int(p.floor), p.floor > 0}
		if left > 0 && p.rest > 0 {
			e.slots++
			left--
		}
		out[p.name] = e
	}
	return out
}

// claimants are the projects that share a pool.
func claimants(s *state.Snapshot, x *index, turns map[bidder]int64, pool *pool) []claimant {
	var out []claimant
	add := func(name string) {
		out = append(out, claimant{
			name: name, weight: s.Project(name).Weight, used: x.in(name, pool), turns: turns[bidder{name, pool.request.class}],
		})
	}
	for name, p := range x.projects {
		if x.in(name, pool) > 0 || p.waitsIn(pool) {
			add(name)
		}
	}
	for name := range x.accounts {
		if x.in(name, pool) > 0 && x.projects[name] == nil {
			add(name)
		}
	}
	return out
}

// waitsIn says whether a project has something to place that could use what is in
// a pool.
func (p *project) waitsIn(pool *pool) bool {
	for _, q := range p.queues {
		if q.pool.meets(pool) {
			return true
		}
	}
	return false
}

// share is what a project may count on in a pool. A pass works it out once for
// each: it does not depend on what the pass does.
func (p *pass) share(name string, pool *pool) entitlement {
	known := p.shares[pool]
	if known == nil {
		known = divide(pool.capacity(), claimants(p.s, p.index, p.turns, pool))
		p.shares[pool] = known
	}
	return known[name]
}
