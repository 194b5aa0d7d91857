package dataset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"g2c/internal/fault"
	"g2c/internal/philox"
)

// Take is the set with n of its training images, stratified by class; the other splits
// stay as they are. It shares pixels with s. A larger n takes all that a smaller one
// takes, and more.
//
// The training images of each class come in the order of philox.Shuffle(seed, Take, 0)
// of their place in the set. The one at place j of N has the position (j + 1/2)/N; the n
// least positions are taken, of equals the first class's.
func (s *Set) Take(n int, seed uint32) (*Set, error) {
	classes := map[string][]int{}
	all := 0
	for i := range s.Len() {
		if im := &s.images[s.place(i)]; s.split(i) == Train {
			classes[im.Label] = append(classes[im.Label], i)
			all++
		}
	}
	switch {
	case n < 1:
		return nil, fault.New(fault.ErrSpec, "data.labelled.take is %d, and must be at least 1", n)
	case n > all:
		return nil, fault.New(fault.ErrData, "data.labelled.take is %d, and there are %s", n, count(all, "training image", "training images")).
			WithHint("take fewer, or leave it out")
	}
	type place struct{ image, class, at, of int }
	var places []place
	names := sortedKeys(classes)
	for c, class := range names {
		images := classes[class]
		for j, i := range philox.Shuffle(seed, philox.Take, 0, len(images)) {
			places = append(places, place{images[i], c, 2*j + 1, len(images)})
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.at*b.of, b.at*a.of), cmp.Compare(a.class, b.class))
	})
	first := make([]int, len(names)) // how many must be taken for the class to have one
	taken := map[int]bool{}
	for i, p := range places {
		if first[p.class] == 0 {
			first[p.class] = i + 1
		}
		if i < n {
			taken[p.image] = true
		}
	}
	for c, class := range names {
		if first[c] > n {
			return nil, fault.New(fault.ErrData, "data.labelled.take is %d, which leaves class %s, with %d of %d training images, without any", n, Show(class), len(classes[class]), all).
				WithHint("take at least %d", slices.Max(first))
		}
	}
	sub := s.keep(func(i int) bool { return s.split(i) != Train || taken[i] })
	return sub, nil
}

// Taken adds how many training images are taken of a set of some labels, or why they
// cannot be: once, however many tasks take the same.
func (v *Verdict) Taken(s *Set, labels []string, n int, seed uint32) {
	all := s.Split(Train).Len()
	if all == 0 {
		return // there is nothing to take of test images alone
	}
	of := "training images"
	if len(labels) > 0 {
		of += " of " + Show(strings.Join(labels, ", "))
	}
	c := Check{"take", Note, fmt.Sprintf("Of %d %s %d are taken.", all, of, n), ""}
	if _, err := s.Take(n, seed); err != nil {
		c.State, c.Text = Error, fmt.Sprintf("Of %d %s %d cannot be taken: %s.", all, of, n, err)
	}
	if !slices.Contains(v.Checks, c) {
		v.Checks = append(v.Checks, c)
	}
}
