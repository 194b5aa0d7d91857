package metrics

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Image is one judged image that can be told from others.
type Image struct {
	Key string // the same image in every run
	Sample
}

// Pool makes one judgement of each image of several runs (seeds): the mean of its
// probabilities, over the runs that judge it. Runs judge the same images, so
// counting each of their judgements would take one image for several. Images come
// in the order of their keys; runs are added in theirs. An image of two classes or
// groups, or twice in a run, is an error.
func Pool(runs ...[]Image) ([]Image, error) {
	type sum struct {
		Image         // P holds the sum
		times float64 // runs that judge it
		last  int     // run
	}
	by := map[string]*sum{}
	for r, run := range runs {
		for _, im := range run {
			s := by[im.Key]
			switch {
			case s == nil:
				by[im.Key] = &sum{im, 1, r}
				continue
			case s.last == r:
				return nil, fmt.Errorf("pool runs: run %d judges image %q twice", r, im.Key)
			case s.Class != im.Class || s.Group != im.Group:
				return nil, fmt.Errorf("pool runs: image %q is of class %d in group %q, and in run %d of class %d in group %q",
					im.Key, s.Class, s.Group, r, im.Class, im.Group)
			}
			s.P, s.times, s.last = s.P+im.P, s.times+1, r
		}
	}
	out := make([]Image, 0, len(by))
	for _, key := range slices.Sorted(maps.Keys(by)) {
		s := by[key]
		s.P /= s.times
		out = append(out, s.Image)
	}
	return out, nil
}

// Samples are the judgements without the names of the images.
func Samples(images []Image) []Sample {
	out := make([]Sample, len(images))
	for i, im := range images {
		out[i] = im.Sample
	}
	return out
}

// Join pairs what two arms say of the images that both judge, in the order of
// their keys.
func Join(a, b []Image) []Pair {
	of := map[string]Image{}
	for _, im := range a {
		of[im.Key] = im
	}
	second := slices.Clone(b)
	slices.SortStableFunc(second, func(x, y Image) int { return cmp.Compare(x.Key, y.Key) })
	var out []Pair
	for _, im := range second {
		if first, ok := of[im.Key]; ok && first.Class == im.Class {
			out = append(out, Pair{A: first.P, B: im.P, Class: im.Class, Group: im.Group})
		}
	}
	return out
}
