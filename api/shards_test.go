package api

import (
	"errors"
	"slices"
	"testing"

	"g2c/internal/fault"
)

// nodes are the nodes of the tree over some shards, by walking down it.
func nodes(s Shards) []Shards {
	out := []Shards{s}
	if s.Len() > 1 {
		middle := (s.From + s.To) / 2
		out = append(out, nodes(Shards{s.From, middle})...)
		out = append(out, nodes(Shards{middle, s.To})...)
	}
	return out
}

// largest are the nodes inside a run that are in no other node inside it, in order.
func largest(tree []Shards, run Shards) []Shards {
	inside := func(n, of Shards) bool { return n.From >= of.From && n.To <= of.To }
	var out []Shards
	for _, n := range tree {
		if inside(n, run) && !slices.ContainsFunc(out, func(o Shards) bool { return inside(n, o) }) {
			out = append(out, n) // nodes come before what lies below them
		}
	}
	slices.SortFunc(out, func(a, b Shards) int { return a.From - b.From })
	return out
}

func TestSubtreesAreTheLargestNodes(t *testing.T) {
	for shards := 1; shards <= 64; shards *= 2 {
		tree := nodes(Shards{0, shards})
		for from := range shards {
			for to := from; to <= shards; to++ {
				if got, want := (Shards{from, to}).Subtrees(), largest(tree, Shards{from, to}); !slices.Equal(got, want) {
					t.Fatalf("[%d,%d) of %d: %v, want %v", from, to, shards, got, want)
				}
			}
		}
	}
}

// Shares tile the shards in order, and the longest is as short as it can be.
func TestSharesTile(t *testing.T) {
	for shards := 1; shards <= 64; shards *= 2 {
		for slots := 1; slots <= shards; slots++ {
			parts, err := ShareShards([]int{slots}, shards)
			if err != nil {
				t.Fatal(err)
			}
			at, longest := 0, 0
			for _, s := range parts[0] {
				if s.From != at || s.Len() < 1 {
					t.Fatalf("%d slots of %d: %v", slots, shards, parts)
				}
				at, longest = s.To, max(longest, s.Len())
			}
			if at != shards || len(parts[0]) != slots || longest != (shards+slots-1)/slots {
				t.Fatalf("%d slots of %d: %v", slots, shards, parts)
			}
		}
	}
}

// everyCut visits all shares of some slots that are at most so long.
func everyCut(from, to, slots, longest int, before []Shards, visit func([]Shards)) {
	if slots == 0 {
		if from == to {
			visit(before)
		}
		return
	}
	for n := min(longest, to-from); n >= 1; n-- { // the longest first
		everyCut(from+n, to, slots-1, longest, append(before, Shards{from, from + n}), visit)
	}
}

// Of all shares with the shortest longest one, those have the fewest subtrees, and come
// first.
func TestSharesHaveTheFewestSubtrees(t *testing.T) {
	for shards := 1; shards <= 16; shards *= 2 {
		for slots := 1; slots <= shards; slots++ {
			var want []Shards
			fewest := 0
			everyCut(0, shards, slots, (shards+slots-1)/slots, nil, func(cut []Shards) {
				n := 0
				for _, s := range cut {
					n += len(s.Subtrees())
				}
				if want == nil || n < fewest {
					want, fewest = slices.Clone(cut), n
				}
			})
			if got, err := ShareShards([]int{slots}, shards); err != nil || !slices.Equal(got[0], want) {
				t.Errorf("%d slots of %d: %v %v, want %v", slots, shards, got, err, want)
			}
		}
	}
}

func TestSharesFollowTheGang(t *testing.T) {
	for _, c := range []struct {
		parts  []int
		shards int
		want   [][]Shards
	}{
		{[]int{1}, 1, [][]Shards{{{0, 1}}}},
		{[]int{3}, 4, [][]Shards{{{0, 2}, {2, 3}, {3, 4}}}},
		{[]int{1, 1, 1}, 8, [][]Shards{{{0, 3}}, {{3, 6}}, {{6, 8}}}},
		{[]int{2, 1}, 8, [][]Shards{{{0, 3}, {3, 6}}, {{6, 8}}}},
		{[]int{1, 4, 3}, 8, [][]Shards{{{0, 1}}, {{1, 2}, {2, 3}, {3, 4}, {4, 5}}, {{5, 6}, {6, 7}, {7, 8}}}},
	} {
		got, err := ShareShards(c.parts, c.shards)
		if err != nil || !slices.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%v slots of %d: %v %v, want %v", c.parts, c.shards, got, err, c.want)
		}
	}
	if _, err := ShareShards([]int{2730}, 4096); err != nil { // the widest window of the most shards
		t.Error(err)
	}
}

func TestSharesThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		parts  []int
		shards int
	}{{nil, 4}, {[]int{3, 2}, 4}, {[]int{1, 0}, 4}, {[]int{-1, 3}, 4}, {[]int{1}, 0}, {[]int{2}, 6}, {[]int{1}, -4}} {
		if got, err := ShareShards(c.parts, c.shards); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("%v slots of %d: %v %v", c.parts, c.shards, got, err)
		}
	}
}

// A number of slots is useful if one fewer would have a longer share.
func TestUseful(t *testing.T) {
	for shards := 1; shards <= 64; shards *= 2 {
		want := 0
		for n := 1; n <= shards+3; n++ {
			ceil := func(n int) int { return (shards + n - 1) / n }
			if n == 1 || ceil(n) < ceil(n-1) {
				want = n
			}
			if got := Useful(n, shards); got != want {
				t.Errorf("at most %d slots of %d shards: %d, want %d", n, shards, got, want)
			}
		}
	}
	for _, c := range [][2]int{{0, 4}, {-1, 4}, {4, 0}} {
		if got := Useful(c[0], c[1]); got != 0 {
			t.Errorf("at most %d slots of %d shards: %d", c[0], c[1], got)
		}
	}
}
