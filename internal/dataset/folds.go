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

// dealer deals groups to folds.
type dealer struct {
	classes []string
	totals  []int64          // images of each class
	groups  map[string][]int // images of each class, by group
	size    map[string]int   // images, by group
	folds   [][]int64        // images of each class, by fold
}

func newDealer(images []*Image, k int) *dealer {
	totals := map[string]int64{}
	for _, im := range images {
		totals[im.Label]++
	}
	d := &dealer{classes: sortedKeys(totals), groups: map[string][]int{}, size: map[string]int{}}
	place := map[string]int{}
	for i, class := range d.classes {
		place[class] = i
		d.totals = append(d.totals, totals[class])
	}
	for _, im := range images {
		if d.groups[im.Group] == nil {
			d.groups[im.Group] = make([]int, len(d.classes))
		}
		d.groups[im.Group][place[im.Label]]++
		d.size[im.Group]++
	}
	for range k {
		d.folds = append(d.folds, make([]int64, len(d.classes)))
	}
	return d
}

// deal puts a group where it disturbs least, and returns the fold.
func (d *dealer) deal(group []int) int {
	best, least := 0, 0.0
	for f := range d.folds {
		if cost := d.cost(f, group); f == 0 || cost < least {
			best, least = f, cost
		}
	}
	for c, n := range group {
		d.folds[best][c] += int64(n)
	}
	return best
}

// cost is how much the sum of squares grows if a fold takes a group.
func (d *dealer) cost(fold int, group []int) float64 {
	k := int64(len(d.folds))
	cost := 0.0
	for c, n := range group {
		before := k*d.folds[fold][c] - d.totals[c]
		after := before + k*int64(n)
		total := float64(d.totals[c])
		cost += float64(float64(after-before) / total * (float64(after+before) / total))
	}
	return cost
}

// check refuses folds that lack a class.
func (d *dealer) check(seed uint32) error {
	for c, class := range d.classes {
		with := 0
		for _, g := range d.groups {
			if g[c] > 0 {
				with++
			}
		}
		for f := range d.folds {
			if d.folds[f][c] > 0 {
				continue
			}
			e := fault.New(fault.ErrData, "data.labelled.folds is %d: class %s, which %s, has no image in fold %d with seed %d",
				len(d.folds), Show(class), count(with, "group has", "groups have"), f+1, seed)
			if with < 2 {
				return e.WithHint("a class in one group cannot be tested apart from training: leave folds out, or the class")
			}
			return e.WithHint("take fewer folds, at most %d, or another data.seed", min(with, len(d.folds)-1))
		}
	}
	return nil
}
