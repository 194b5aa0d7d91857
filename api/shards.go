package api

import (
	"math/bits"
	"slices"

	"g2c/internal/fault"
)

// Shards is a run of a batch's logical shards: From, and those up to To, which it does
// not hold.
type Shards struct{ From, To int }

// Len is the number of shards.
func (s Shards) Len() int { return s.To - s.From }

// Subtrees cuts a run into the largest nodes of the tree over all shards that lie in it:
// each is a power of two long and starts at a multiple of its length.
//
//	[3,8) of 8:   3 | 4 5 6 7        [1,7) of 8:   1 | 2 3 | 4 5 | 6
//
// A sum over the run is known once these are: nothing longer is a node, and whoever has
// the rest of the tree needs nothing shorter.
func (s Shards) Subtrees() []Shards {
	var out []Shards
	for s.Len() > 0 {
		n := s.first()
		out = append(out, Shards{s.From, s.From + n})
		s.From += n
	}
	return out
}

// first is the length of the first subtree.
func (s Shards) first() int {
	n := 1 << (bits.Len(uint(s.Len())) - 1)
	if aligned := s.From & -s.From; aligned > 0 {
		n = min(n, aligned)
	}
	return n
}

func (s Shards) subtrees() (n int) {
	for s.Len() > 0 {
		s.From += s.first()
		n++
	}
	return n
}

// Useful is the largest number of slots, at most max, of which none could be left out
// without a longer share for another: a step takes as long as the longest share, so of
// 8 shards 8, 4, 3, 2 and 1 slots are worth having, but 5, 6 and 7 are as slow as 4. It
// is 0 if there are no slots, or no shards.
func Useful(max, shards int) int {
	if max <= 0 || shards <= 0 {
		return 0
	}
	return perSlot(shards, perSlot(shards, min(max, shards)))
}

// perSlot is the quotient rounded up: the longest share of so many slots, and the fewest
// slots whose shares are at most so long.
func perSlot(shards, n int) int { return (shards + n - 1) / n }

// ShareShards gives each slot of a gang its shards. Parts are the slots of each runner,
// in the gang's order; the answer has a list for each. Shares tile all shards, in order.
// The longest has ⌈shards/slots⌉, and among such shares those are taken that have the
// fewest subtrees in all, since a device runs the training program once a subtree and
// sends one sum each; of several, the one whose first shares are longest. So it is a
// function of its arguments, whoever calls it.
//
//	3 slots of 8:  0 1 2 | 3 4 5 | 6 7        3 slots of 4:  0 1 | 2 | 3
func ShareShards(parts []int, shards int) ([][]Shards, error) {
	slots := 0
	for i, n := range parts {
		if n < 1 {
			return nil, fault.New(fault.ErrSpec, "part %d of a gang has %d slots, want at least one", i, n)
		}
		slots += n
	}
	switch {
	case shards < 1 || shards&(shards-1) != 0:
		return nil, fault.New(fault.ErrSpec, "%d shards are no power of two", shards)
	case slots < 1:
		return nil, fault.New(fault.ErrSpec, "a gang without slots has no shares")
	case slots > shards:
		return nil, fault.New(fault.ErrSpec, "%d slots for %d shards: a slot trains at least one", slots, shards).
			WithHint("use %d slots at most", shards)
	}
	all := shareAmong(slots, shards)
	out := make([][]Shards, len(parts))
	for i, n := range parts {
		out[i], all = slices.Clip(all[:n]), all[n:]
	}
	return out, nil
}

// shareAmong finds the shares from the last slot to the first. With longest shares of L,
// slot i starts between shards−(slots−i)·L and i·L: a window of slots·L−shards+1 places.
func shareAmong(slots, shards int) []Shards {
	longest := perSlot(shards, slots)
	window := slots*longest - shards + 1
	start := func(slot int) int { return shards - (slots-slot)*longest }
	const none = 1 << 30
	// fewest is the number of subtrees of slot i and those behind it, if it starts at
	// start(i)+w; length the share that gives it.
	length := make([][]int16, slots)
	fewest, behind := make([]int, window), make([]int, window)
	for w := range behind {
		behind[w] = none
	}
	behind[0] = 0 // the end of all shards
	for i := slots - 1; i >= 0; i-- {
		length[i] = make([]int16, window)
		for w := range fewest {
			fewest[w] = none
			from := start(i) + w
			for n := longest; n >= 1 && from >= 0; n-- {
				next := from + n - start(i+1)
				if next < 0 || next >= window || behind[next] == none {
					continue
				}
				if total := behind[next] + (Shards{from, from + n}).subtrees(); total < fewest[w] {
					fewest[w], length[i][w] = total, int16(n)
				}
			}
		}
		fewest, behind = behind, fewest
	}
	out, from := make([]Shards, slots), 0
	for i := range out {
		to := from + int(length[i][from-start(i)])
		out[i], from = Shards{from, to}, to
	}
	return out
}
