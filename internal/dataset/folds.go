package dataset

import (
	"slices"

	"g2c/internal/fault"
	"g2c/internal/philox"
)

// foldGroups deals whole groups of images to folds 1 to k, stratified by class, and
// returns the fold of each group.
//
// The groups come in the order of philox.Shuffle(seed, Folds, 0) of their sorted names,
// the largest first. Each goes to the fold where the sum over the classes of
// (k n/N - 1)^2 grows least, the lowest of equals: n is the fold's images of a class
// with the group, N all of it. Every class must be in every fold.
func foldGroups(images []*Image, k int, seed uint32) (map[string]int, error) {
	if k < 2 {
		return nil, fault.New(fault.ErrSpec, "data.labelled.folds is %d, and must be at least 2", k)
	}
	d := newDealer(images, k)
	names := sortedKeys(d.groups)
	var order []string
	for _, i := range philox.Shuffle(seed, philox.Folds, 0, len(names)) {
		order = append(order, names[i])
	}
	slices.SortStableFunc(order, func(a, b string) int { return d.size[b] - d.size[a] })
	folds := map[string]int{}
	for _, name := range order {
		folds[name] = d.deal(d.groups[name]) + 1
	}
	return folds, d.check(seed)
}

// dealer deals groups to folds. It lists of a group the classes that it has: classes and
// groups may both be as many as images.
type dealer struct {
	classes []string
	totals  []int64               // images of each class
	groups  map[string][]classSum // in the order of classes
	size    map[string]int        // images, by group
	folds   [][]int64             // images of each class, by fold
}

// classSum is the images of a class, which is a place in classes.
type classSum struct {
	class int
	n     int64
}

func newDealer(images []*Image, k int) *dealer {
	totals := map[string]int64{}
	for _, im := range images {
		totals[im.Label]++
	}
	d := &dealer{classes: sortedKeys(totals), groups: map[string][]classSum{}, size: map[string]int{}}
	place := map[string]int{}
	for i, class := range d.classes {
		place[class] = i
		d.totals = append(d.totals, totals[class])
	}
	in := map[string]map[int]int64{}
	for _, im := range images {
		if in[im.Group] == nil {
			in[im.Group] = map[int]int64{}
		}
		in[im.Group][place[im.Label]]++
		d.size[im.Group]++
	}
	for name, sums := range in {
		for class, n := range sums {
			d.groups[name] = append(d.groups[name], classSum{class, n})
		}
		slices.SortFunc(d.groups[name], func(a, b classSum) int { return a.class - b.class })
	}
	for range k {
		d.folds = append(d.folds, make([]int64, len(d.classes)))
	}
	return d
}

// deal puts a group where it disturbs least, and returns the fold.
func (d *dealer) deal(group []classSum) int {
	best, least := 0, 0.0
	for f := range d.folds {
		if cost := d.cost(f, group); f == 0 || cost < least {
			best, least = f, cost
		}
	}
	for _, g := range group {
		d.folds[best][g.class] += g.n
	}
	return best
}

// cost is how much the sum of squares grows if a fold takes a group.
func (d *dealer) cost(fold int, group []classSum) float64 {
	k := int64(len(d.folds))
	cost := 0.0
	for _, g := range group {
		before := k*d.folds[fold][g.class] - d.totals[g.class]
		after := before + k*g.n
		total := float64(d.totals[g.class])
		cost += float64(float64(after-before) / total * (float64(after+before) / total))
	}
	return cost
}

// check refuses folds that lack a class.
func (d *dealer) check(seed uint32) error {
	with := make([]int, len(d.classes)) // groups that have each
	for _, group := range d.groups {
		for _, g := range group {
			with[g.class]++
		}
	}
	for c, class := range d.classes {
		for f := range d.folds {
			if d.folds[f][c] > 0 {
				continue
			}
			e := fault.New(fault.ErrData, "data.labelled.folds is %d: class %s, which %s, has no image in fold %d with seed %d",
				len(d.folds), Show(class), count(with[c], "group has", "groups have"), f+1, seed)
			if with[c] < 2 {
				return e.WithHint("a class in one group cannot be tested apart from training: leave folds out, or the class")
			}
			return e.WithHint("take fewer folds, at most %d, or another data.seed", min(with[c], len(d.folds)-1))
		}
	}
	return nil
}
