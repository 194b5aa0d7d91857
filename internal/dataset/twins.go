package dataset

import (
	"crypto/sha256"
	"fmt"
)

// checkPixels finds images of equal pixels: in two splits and under two labels they are
// refused unless allowed; copies beside each other are only counted.
func checkPixels(s *Set, allow bool) []Check {
	var splits, labels twins
	equal := s.equal()
	for _, group := range equal {
		splits.add(s, group, func(im Image) string { return string(im.Split) })
		labels.add(s, group, func(im Image) string { return im.Label })
	}
	return []Check{
		splits.check("pixels", "in another split", "No image has the pixels of an image in another split.", allow),
		labels.check("labels", "under another label", "No image has the pixels of an image under another label.", allow),
		checkCopies(s, equal),
	}
}

// checkCopies counts copies beside each other among groups of equal images: within one
// split, under one label.
func checkCopies(s *Set, equal [][]int) Check {
	copies, example := 0, ""
	for _, group := range equal {
		first := map[[2]string]int{}
		for _, i := range group {
			key := [2]string{string(s.split(i)), s.images[s.place(i)].Label}
			j, ok := first[key]
			if !ok {
				first[key] = i
				continue
			}
			if copies == 0 {
				example = fmt.Sprintf("%s and %s", s.images[s.place(j)].shown(), s.images[s.place(i)].shown())
			}
			copies++
		}
	}
	if copies == 0 {
		return Check{"copies", OK, "No image is a duplicate of another in its class and split.", ""}
	}
	return Check{"copies", Note, fmt.Sprintf("%s in their class and split, the first: %s.", count(copies, "image is a duplicate of another", "images are duplicates of others"), example), ""}
}

// equal is the groups of images with equal pixels, two or more in each, in the order of
// the set.
func (s *Set) equal() [][]int {
	at := map[[sha256.Size]byte]int{} // the first image
	group := map[int]int{}            // by that, a place in all
	var all [][]int
	for i := range s.Len() {
		h := s.sums[s.place(i)].hash
		first, ok := at[h]
		if !ok {
			at[h] = i
			continue
		}
		g, ok := group[first]
		if !ok {
			g = len(all)
			group[first] = g
			all = append(all, []int{first})
		}
		all[g] = append(all[g], i)
	}
	return all
}

// twins counts images of equal pixels that differ in something.
type twins struct {
	n       int
	example string
}

// add counts a group of equal images if they do not all have the same key.
func (t *twins) add(s *Set, group []int, key func(Image) string) {
	a := s.Image(group[0])
	for _, i := range group {
		b := s.Image(i)
		if key(b) == key(a) {
			continue
		}
		if t.n == 0 {
			t.example = fmt.Sprintf("%s and %s", a.placed(), b.placed())
		}
		t.n += len(group)
		return
	}
}

// placed is an image with its split and label, for people.
func (im Image) placed() string {
	where := ""
	if im.Split != NoSplit {
		where = string(im.Split) + ", "
	}
	return fmt.Sprintf("%s (%slabel %s)", im.shown(), where, Show(im.Label))
}

func (t *twins) check(name, where, none string, allow bool) Check {
	if t.n == 0 {
		return Check{name, OK, none, ""}
	}
	text := fmt.Sprintf("%d images have the pixels of an image %s, the first: %s", t.n, where, t.example)
	if allow {
		return Check{name, Warn, text + "; data.labelled.allowDuplicates lets them pass.", ""}
	}
	return Check{name, Error, text + ".", "remove one of each, or set data.labelled.allowDuplicates: true"}
}
