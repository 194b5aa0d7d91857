package allreduce

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"g2c/api"
)

// gangOf has members of the aligned subtrees of shares, by process.
func gangOf(t *testing.T, parts []int, shards int) [][]api.Shards {
	t.Helper()
	shares, err := api.ShareShards(parts, shards)
	if err != nil {
		t.Fatal(err)
	}
	gang := make([][]api.Shards, len(parts))
	for i, slots := range shares {
		for _, s := range slots {
			gang[i] = append(gang[i], s.Subtrees()...)
		}
	}
	return gang
}

// draw prints the sums of a tree, each with the home of its value.
func (t *tree) draw() string {
	var out []string
	for _, n := range t.nodes {
		if n.left >= 0 {
			l, r := t.nodes[n.left], t.nodes[n.right]
			out = append(out, fmt.Sprintf("[%d,%d)@%d=%d+%d", n.run.From, n.run.To, n.home, l.home, r.home))
		}
	}
	return strings.Join(out, " ")
}

// What each process of three adds, of 8 shards in shares of 3, 3 and 2: received partials
// are -1, -2, … in the order of shards.
func TestPlanOfThreeProcesses(t *testing.T) {
	gang := gangOf(t, []int{1, 1, 1}, 8)
	for self, want := range []struct{ own, other, partials string }{
		{"[2,4)@1=1+-1 [0,4)@0=0+1 [4,8)@-2=-2+-3 [0,8)@0=0+-2", "", "[0,2) [2,3)"},
		{"[2,4)@0=-2+0 [0,4)@0=-1+0 [4,8)@1=1+-3 [0,8)@0=0+1", "", "[3,4) [4,6)"},
		{"[2,4)@-2=-2+-3 [0,4)@-1=-1+-2 [4,8)@0=-4+0 [0,8)@0=-1+0", "", "[6,8)"},
	} {
		p, err := newPlan(gang, self)
		if err != nil {
			t.Fatal(err)
		}
		var partials []string
		for _, id := range p.partials {
			partials = append(partials, fmt.Sprintf("[%d,%d)", p.other.nodes[id].run.From, p.other.nodes[id].run.To))
		}
		if got := p.own.draw(); got != want.own {
			t.Errorf("process %d adds %s, want %s", self, got, want.own)
		}
		if got := p.other.draw(); got != want.other {
			t.Errorf("process %d adds for others %s, want %s", self, got, want.other)
		}
		if got := strings.Join(partials, " "); got != want.partials {
			t.Errorf("process %d sends %s, want %s", self, got, want.partials)
		}
	}
}

// Slots of one process add in memory what lies below its partials: three of 8 shards,
// beside one in another process.
func TestPlanOfSlots(t *testing.T) {
	p, err := newPlan(gangOf(t, []int{3, 1}, 8), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.other.draw(), "[0,4)@0=0+1"; got != want {
		t.Errorf("for another: %s, want %s", got, want)
	}
	if got, want := p.own.draw(), "[0,4)@0=0+1 [4,8)@2=2+-1 [0,8)@0=0+2"; got != want {
		t.Errorf("for itself: %s, want %s", got, want)
	}
}

// play adds up one element by the plan of a process: its members' values, and what comes
// from others.
func play(t *tree, members []float32, received []float32) (homes func(int) *float32) {
	homes = func(home int) *float32 {
		if home >= 0 {
			return &members[home]
		}
		return &received[-home-1]
	}
	for _, n := range t.nodes {
		if n.left >= 0 {
			*homes(n.home) = *homes(t.nodes[n.left].home) + *homes(t.nodes[n.right].home)
		}
	}
	return homes
}

// By any plan, of any gang, each owner ends with the bits of the tree over all shards, in
// the first member's place.
func TestPlansAddTheTree(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		shards := 1 << random.IntN(8)
		left := 1 + random.IntN(shards)
		var parts []int
		for left > 0 {
			n := 1 + random.IntN(left)
			parts, left = append(parts, n), left-n
		}
		gang := gangOf(t, parts, shards)
		values := make([]float32, shards)
		for i := range values {
			values[i] = float32(math.Ldexp(random.Float64()-0.5, random.IntN(30)))
		}
		var sum func(r api.Shards) float32
		sum = func(r api.Shards) float32 {
			if r.Len() == 1 {
				return values[r.From]
			}
			middle := (r.From + r.To) / 2
			return sum(api.Shards{From: r.From, To: middle}) + sum(api.Shards{From: middle, To: r.To})
		}
		owner := random.IntN(len(gang))
		plans := make([]*plan, len(gang))
		for i := range gang {
			var err error
			if plans[i], err = newPlan(gang, i); err != nil {
				t.Fatal(err)
			}
		}
		received := make([]float32, plans[owner].staged)
		ofMembers := func(process int) (v []float32) {
			for _, r := range gang[process] {
				v = append(v, sum(r))
			}
			return v
		}
		for i, p := range plans {
			if i == owner {
				continue
			}
			homes := play(&p.other, ofMembers(i), nil)
			for k, id := range p.partials {
				n, l := p.other.nodes[id], plans[owner].remote[i][k]
				if n.run != l.run || len(p.partials) != len(plans[owner].remote[i]) {
					t.Fatalf("%v: process %d sends %v, process %d wants %v", gang, i, n.run, owner, l.run)
				}
				received[-l.home-1] = *homes(n.home)
			}
		}
		members := ofMembers(owner)
		play(&plans[owner].own, members, received)
		if want := sum(api.Shards{To: shards}); math.Float32bits(members[0]) != math.Float32bits(want) {
			t.Fatalf("%v: process %d ends with %v, want %v", gang, owner, members[0], want)
		}
	}
}

func TestPlansRefuseWhatIsNoGang(t *testing.T) {
	for _, gang := range [][][]api.Shards{
		{}, {{}}, {{{From: 0, To: 4}}, {}}, // nobody
		{{{From: 0, To: 3}}},                     // no node
		{{{From: 0, To: 2}, {From: 3, To: 4}}},   // a gap
		{{{From: 0, To: 2}}, {{From: 0, To: 2}}}, // twice
		{{{From: 0, To: 2}, {From: 2, To: 3}}},   // three shards
		{{{From: 4, To: 8}}},
		{{{From: 0, To: 1 << 16}}},
	} {
		if p, err := newPlan(gang, 0); err == nil {
			t.Errorf("%v: %v", gang, p)
		}
	}
	if _, err := newPlan([][]api.Shards{{{From: 0, To: 1}}}, 1); err == nil {
		t.Error("a process that is not there")
	}
}

// Pieces tile a bucket, none is too long, and every process has as much of it as another,
// but for the grain.
func TestPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		bucket, n, processes, most := random.IntN(40), random.IntN(5000), 1+random.IntN(16), 16+random.IntN(1000)
		all := pieces(nil, bucket, n, processes, most)
		at, shares := 0, make([]int, processes)
		for _, p := range all {
			if p.from != at || p.len() < 1 || p.len() > max(most, pieceAlign) || p.from%pieceAlign != 0 {
				t.Fatalf("%d elements, %d processes, at most %d: %v", n, processes, most, all)
			}
			at = p.to
			shares[p.owner] += p.len()
		}
		if at != n || slices.Max(shares)-slices.Min(shares) > 2*pieceAlign {
			t.Fatalf("%d elements, %d processes: %v", n, processes, shares)
		}
	}
	if a, b := pieces(nil, 0, 1, 4, 99), pieces(nil, 1, 1, 4, 99); a[0].owner == b[0].owner {
		t.Error("small buckets have one owner")
	}
}
