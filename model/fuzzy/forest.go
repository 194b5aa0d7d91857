package fuzzy

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"g2c/internal/philox"
)

// The forest's shape.
const (
	Trees = 100
	tried = 8 // features at a node: the root of Bins
)

// node is a node of a tree: a feature below or at the threshold goes left. A leaf has no
// feature, and the share of the positive class among its images.
type node struct {
	feature     int32 // -1 of a leaf
	left, right int32
	threshold   float32
	positive    float32
}

// Forest is a grown random forest.
type Forest struct{ trees [][]node }

// sample is an image to learn from.
type sample struct {
	x        [Bins]float32
	positive bool
}

// Grow grows a forest on images' features and whether each is positive. Each tree sees as
// many images as there are, drawn with replacement, and at each node the eight features of
// the first that can divide it, in a drawn order; nodes are divided until they are pure, by
// the least Gini impurity, ties to the first. Trees grow beside each other, to the same bits
// as one after the other.
// Source: Breiman 2001; sklearn.ensemble.RandomForestClassifier's defaults.
func Grow(ctx context.Context, features [][Bins]float32, positive []bool, seed uint32) (*Forest, error) {
	samples := make([]sample, len(features))
	for i, x := range features {
		samples[i] = sample{x, positive[i]}
	}
	f := &Forest{trees: make([][]node, Trees)}
	var wait sync.WaitGroup
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), Trees) {
		wait.Go(func() {
			for t := range next {
				g := &grower{samples: samples, seed: seed, tree: uint32(t)}
				g.plant()
				f.trees[t] = g.nodes
			}
		})
	}
	for t := range f.trees {
		if ctx.Err() != nil {
			break
		}
		next <- t
	}
	close(next)
	wait.Wait()
	return f, ctx.Err()
}

// Positive is the probability of the positive class: the mean of the trees' leaves.
func (f *Forest) Positive(x [Bins]float32) float32 {
	sum := 0.0
	for _, tree := range f.trees {
		at := int32(0)
		for tree[at].feature >= 0 {
			if x[tree[at].feature] <= tree[at].threshold {
				at = tree[at].left
			} else {
				at = tree[at].right
			}
		}
		sum += float64(tree[at].positive)
	}
	return float32(sum / float64(len(f.trees)))
}

// grower grows one tree.
type grower struct {
	samples []sample
	seed    uint32
	tree    uint32
	nodes   []node
	sorted  []int32
}

func (g *grower) words(at, draw, kind uint32) [4]uint32 {
	return philox.Words(g.seed, philox.Forest, [4]uint32{g.tree, at, draw, kind})
}

func (g *grower) plant() {
	drawn := make([]int32, len(g.samples))
	for i := range drawn {
		drawn[i] = int32(philox.Below(g.words(0, uint32(i), 0)[0], len(g.samples)))
	}
	g.sorted = make([]int32, len(drawn))
	g.grow(drawn)
}

// grow makes the node of some images, and those below it.
func (g *grower) grow(images []int32) int32 {
	positive := 0
	for _, i := range images {
		if g.samples[i].positive {
			positive++
		}
	}
	at := int32(len(g.nodes))
	g.nodes = append(g.nodes, node{feature: -1, positive: float32(float64(positive) / float64(len(images)))})
	if positive == 0 || positive == len(images) {
		return at
	}
	feature, threshold, ok := g.divide(uint32(at), images, positive)
	if !ok {
		return at
	}
	lower := func(i int32) bool { return g.samples[i].x[feature] <= threshold }
	var left, right []int32
	for _, i := range images {
		if lower(i) {
			left = append(left, i)
		} else {
			right = append(right, i)
		}
	}
	l, r := g.grow(left), g.grow(right)
	g.nodes[at].feature, g.nodes[at].threshold, g.nodes[at].left, g.nodes[at].right = int32(feature), threshold, l, r
	return at
}

// divide finds the best division of a node.
func (g *grower) divide(at uint32, images []int32, positive int) (feature int, threshold float32, ok bool) {
	var order [Bins]int
	for i := range order {
		order[i] = i
	}
	best, looked := 0.0, 0
	for i := 0; i < Bins && looked < tried; i++ {
		j := i + philox.Below(g.words(at, uint32(i), 1)[0], Bins-i)
		order[i], order[j] = order[j], order[i]
		gain, t, divides := g.best(images, positive, order[i])
		if !divides {
			continue
		}
		looked++
		if !ok || gain > best {
			best, feature, threshold, ok = gain, order[i], t, true
		}
	}
	return feature, threshold, ok
}

// best is the best threshold of a feature: that which leaves the least impurity, which is
// that of the largest sum, over both sides, of the squares of the classes' counts over all.
func (g *grower) best(images []int32, positive, feature int) (gain float64, threshold float32, ok bool) {
	sorted := g.sorted[:len(images)]
	copy(sorted, images)
	value := func(i int32) float32 { return g.samples[i].x[feature] }
	slices.SortFunc(sorted, func(a, b int32) int {
		if d := cmp.Compare(value(a), value(b)); d != 0 {
			return d
		}
		return cmp.Compare(a, b)
	})
	n, below := len(sorted), 0
	purity := func(positive, of int) float64 {
		return float64(positive*positive+(of-positive)*(of-positive)) / float64(of)
	}
	for i := 1; i < n; i++ {
		if g.samples[sorted[i-1]].positive {
			below++
		}
		low, high := value(sorted[i-1]), value(sorted[i])
		if low == high {
			continue
		}
		if v := purity(below, i) + purity(positive-below, n-i); !ok || v > gain {
			gain, threshold, ok = v, between(low, high), true
		}
	}
	return gain, threshold, ok
}

// between is the middle of two numbers, below the higher.
func between(low, high float32) float32 {
	m := float32((float64(low) + float64(high)) / 2)
	if m >= high {
		return low
	}
	return m
}

// Columns is a forest as columns of numbers, one a node of all trees, as files hold it: the
// feature (-1 of a leaf), the threshold, the children's places counted from the root, the
// positive share; and how many nodes each tree has.
type Columns struct {
	Nodes, Feature, Threshold, Left, Right, Positive []float32
}

// Columns lists the forest.
func (f *Forest) Columns() Columns {
	var c Columns
	for _, tree := range f.trees {
		c.Nodes = append(c.Nodes, float32(len(tree)))
		for _, n := range tree {
			c.Feature, c.Threshold = append(c.Feature, float32(n.feature)), append(c.Threshold, n.threshold)
			c.Left, c.Right = append(c.Left, float32(n.left)), append(c.Right, float32(n.right))
			c.Positive = append(c.Positive, n.positive)
		}
	}
	return c
}

// FromColumns is the forest of columns. Children stand behind their parents, so that every
// walk ends.
func FromColumns(c Columns) (*Forest, error) {
	total := len(c.Feature)
	for _, column := range [][]float32{c.Threshold, c.Left, c.Right, c.Positive} {
		if len(column) != total {
			return nil, fmt.Errorf("forest: columns of %d and %d nodes", len(column), total)
		}
	}
	f := &Forest{}
	from := 0
	for t, count := range c.Nodes {
		n := int(count)
		if n < 1 || float32(n) != count || n > total-from {
			return nil, fmt.Errorf("forest: tree %d has %g of %d nodes", t, count, total-from)
		}
		tree := make([]node, n)
		for i := range tree {
			at := from + i
			tree[i] = node{int32(c.Feature[at]), int32(c.Left[at]), int32(c.Right[at]), c.Threshold[at], c.Positive[at]}
			x := tree[i]
			leaf := x.feature == -1
			inner := x.feature >= 0 && x.feature < Bins && int(x.left) > i && int(x.left) < n && int(x.right) > i && int(x.right) < n
			if !leaf && !inner || !(x.positive >= 0 && x.positive <= 1) {
				return nil, fmt.Errorf("forest: node %d of tree %d leads nowhere", i, t)
			}
		}
		f.trees = append(f.trees, tree)
		from += n
	}
	if from != total || len(f.trees) == 0 {
		return nil, fmt.Errorf("forest: %d of %d nodes are in trees", from, total)
	}
	return f, nil
}
