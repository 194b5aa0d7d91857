package allreduce

import (
	"fmt"

	"g2c/api"
)

// plan is what one process does with any bucket: pure, and the same whoever computes it.
//
// Sums lie on the binary tree over all shards. A process has some nodes of it, those of
// its members; what it can add of them ends at the largest nodes inside its run of the
// shards, its partials. A bucket is cut in pieces, each finished by one process, the
// piece's owner: it gets the partials of all others, adds up to the root and sends the
// sum to everyone. Of a piece that others own, a process adds up to its partials.
type plan struct {
	self      int
	processes int
	own       tree     // of a piece that this process finishes: its members and the others' partials
	other     tree     // of a piece that another finishes: its members
	partials  []int    // of other: the nodes that go to the owner, in order
	staged    int      // leaves of own that come from others
	remote    [][]leaf // by process: the leaves of own that come from it
}

// tree is a part of the tree over the shards. Its nodes are numbered.
type tree struct{ nodes []node }

// node is one sum.
type node struct {
	run         api.Shards
	parent      int // -1 for none in this tree
	left, right int // -1 for a leaf
	// home is where the node's value lies: the buffer of a member from 0 on, the place
	// of a partial that was received from -1 down. A sum takes the place of one of its
	// terms: of a member's before a received one's, of the left before the right. So
	// the root ends in the first member's buffer.
	home int
}

// leaf is a node whose value is received, or a member's.
type leaf struct {
	run  api.Shards
	home int
	node int
}

// newPlan makes the plan of a process of a gang. A gang has for each process the nodes of
// its members, in order; together they tile the shards.
func newPlan(gang [][]api.Shards, self int) (*plan, error) {
	all, err := checkGang(gang, self)
	if err != nil {
		return nil, err
	}
	p := &plan{self: self, processes: len(gang), remote: make([][]leaf, len(gang))}
	var leaves, members []leaf
	for process, runs := range gang {
		if process == self {
			for k, run := range runs {
				members = append(members, leaf{run: run, home: k})
			}
			leaves = append(leaves, members...)
			continue
		}
		for _, run := range whole(runs).Subtrees() {
			p.staged++
			l := leaf{run: run, home: -p.staged}
			leaves, p.remote[process] = append(leaves, l), append(p.remote[process], l)
		}
	}
	p.own.build(all, leaves)
	for _, run := range whole(gang[self]).Subtrees() {
		p.partials = append(p.partials, p.other.build(run, within(members, run)))
	}
	for _, from := range p.remote {
		for i := range from {
			from[i].node = p.own.find(from[i].run)
		}
	}
	return p, nil
}

// checkGang refuses what is no gang, and gives all its shards.
func checkGang(gang [][]api.Shards, self int) (api.Shards, error) {
	at := 0
	for process, runs := range gang {
		if len(runs) == 0 {
			return api.Shards{}, fmt.Errorf("allreduce: process %d has no member", process)
		}
		for _, r := range runs {
			if n := r.Len(); r.From != at || n < 1 || n&(n-1) != 0 || r.From%n != 0 {
				return api.Shards{}, fmt.Errorf("allreduce: process %d: shards [%d,%d) are no node of the tree behind %d", process, r.From, r.To, at)
			}
			at = r.To
		}
	}
	if at == 0 || at&(at-1) != 0 || at > maxShards {
		return api.Shards{}, fmt.Errorf("allreduce: %d shards, want a power of two up to %d", at, maxShards)
	}
	if self < 0 || self >= len(gang) {
		return api.Shards{}, fmt.Errorf("allreduce: process %d of %d", self, len(gang))
	}
	return api.Shards{To: at}, nil
}

// whole is the run of a process.
func whole(runs []api.Shards) api.Shards {
	return api.Shards{From: runs[0].From, To: runs[len(runs)-1].To}
}

// within are the leaves inside a run.
func within(leaves []leaf, run api.Shards) []leaf {
	for len(leaves) > 0 && leaves[0].run.From < run.From {
		leaves = leaves[1:]
	}
	n := 0
	for n < len(leaves) && leaves[n].run.To <= run.To {
		n++
	}
	return leaves[:n]
}

// build adds the node over a run, which the leaves tile, and what lies below it.
func (t *tree) build(run api.Shards, leaves []leaf) int {
	n := node{run: run, parent: -1, left: -1, right: -1, home: leaves[0].home}
	if len(leaves) > 1 {
		middle := (run.From + run.To) / 2
		n.left = t.build(api.Shards{From: run.From, To: middle}, within(leaves, api.Shards{From: run.From, To: middle}))
		n.right = t.build(api.Shards{From: middle, To: run.To}, within(leaves, api.Shards{From: middle, To: run.To}))
		n.home = t.nodes[n.left].home
		if right := t.nodes[n.right].home; n.home < 0 && right >= 0 {
			n.home = right
		}
	}
	t.nodes = append(t.nodes, n)
	id := len(t.nodes) - 1
	if n.left >= 0 {
		t.nodes[n.left].parent, t.nodes[n.right].parent = id, id
	}
	return id
}

// member is the leaf of a member.
func (t *tree) member(k int) int {
	for i, n := range t.nodes {
		if n.left < 0 && n.home == k {
			return i
		}
	}
	return -1
}

// find is the node over a run.
func (t *tree) find(run api.Shards) int {
	for i, n := range t.nodes {
		if n.run == run {
			return i
		}
	}
	return -1
}

// of is the tree of a piece.
func (p *plan) of(owner int) *tree {
	if owner == p.self {
		return &p.own
	}
	return &p.other
}

// piece is a run of a bucket's elements, and who finishes it.
type piece struct{ owner, from, to int }

func (p piece) len() int { return p.to - p.from }

// pieceAlign is what pieces begin at a multiple of, in elements: no two of them share a
// cache line.
const pieceAlign = 16

// pieces cuts n elements of a bucket: a slice for each process, as long each as
// pieceAlign lets them be, and each slice in pieces of at most so many elements. The
// first slice of bucket b is process b's, so that buckets of few elements are not all
// the same one's. They are put behind those of out.
func pieces(out []piece, bucket, n, processes, most int) []piece {
	units := (n + pieceAlign - 1) / pieceAlign
	most = max(most/pieceAlign, 1)
	for s := range processes {
		from, to := units*s/processes, units*(s+1)/processes
		count := (to - from + most - 1) / most
		for i := range count {
			out = append(out, piece{
				owner: (bucket + s) % processes,
				from:  (from + (to-from)*i/count) * pieceAlign,
				to:    min((from+(to-from)*(i+1)/count)*pieceAlign, n),
			})
		}
	}
	return out
}
