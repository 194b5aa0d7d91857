package dataset

import (
	"math"
	"slices"

	"g2c/internal/fault"
	"g2c/internal/philox"
)

// Part is a split to be cut out of images, and its share of each class.
type Part struct {
	Split    Split
	Fraction float64 // above 0, below 1
}

// SplitGroups cuts parts out of images in place: whole groups, stratified by
// class. The images' Split becomes that of the first part that takes their group;
// the others keep theirs.
//
// For part k the groups that are left are visited in the order of
// philox.Shuffle(seed, Split, k) of their sorted names. A group is taken if no
// class then exceeds ceil(fraction x its images), counted before the first part;
// one that would is passed over. Every class must be in each part and in what is
// left, else the error names it.
func SplitGroups(images []*Image, parts []Part, seed uint32) error {
	totals := map[string]int{}
	groups := map[string][]*Image{}
	for _, im := range images {
		totals[im.Label]++
		groups[im.Group] = append(groups[im.Group], im)
	}
	names := sortedKeys(groups)
	classes := sortedKeys(totals)
	for k, part := range parts {
		if !(part.Fraction > 0 && part.Fraction < 1) {
			return fault.New(fault.ErrSpec, "the fraction of %s is %v, and must lie between 0 and 1", part.Split, part.Fraction)
		}
		limit := map[string]int{}
		for class, n := range totals {
			// A product that is whole but for rounding stays whole.
			limit[class] = int(math.Ceil(float64(part.Fraction*float64(n)) - 1e-9))
		}
		var left []string
		taken := map[string]int{}
		for _, i := range philox.Shuffle(seed, philox.Split, uint32(k), len(names)) {
			group := groups[names[i]]
			if !fits(group, taken, limit) {
				left = append(left, names[i])
				continue
			}
			for _, im := range group {
				im.Split = part.Split
				taken[im.Label]++
			}
		}
		slices.Sort(left)
		names = left
		for _, class := range classes {
			if taken[class] == 0 {
				return noClass(class, part, "has no image in it", seed)
			}
		}
	}
	rest := map[string]int{}
	for _, name := range names {
		for _, im := range groups[name] {
			rest[im.Label]++
		}
	}
	for _, class := range classes {
		if rest[class] == 0 {
			return noClass(class, parts[len(parts)-1], "has no image left beside it", seed)
		}
	}
	return nil
}

// fits tells whether a group may be taken without any class exceeding its limit.
func fits(group []*Image, taken, limit map[string]int) bool {
	more := map[string]int{}
	for _, im := range group {
		more[im.Label]++
		if taken[im.Label]+more[im.Label] > limit[im.Label] {
			return false
		}
	}
	return true
}

func noClass(class string, part Part, what string, seed uint32) error {
	return fault.New(fault.ErrData, "splitting off %v for %s by group with seed %d: class %s %s", part.Fraction, part.Split, seed, Show(class), what).
		WithHint("its groups are too few or too large: change the fraction or the seed, or give the split yourself")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
