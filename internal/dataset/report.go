package dataset

import (
	"cmp"
	"fmt"
	"slices"
)

// Report says what loading found and did, for people.
type Report struct {
	Images   int         `json:"images"`   // in the set
	Ignored  int         `json:"ignored"`  // files that are no images by their extension
	Skipped  []Skipped   `json:"skipped"`  // files that did not decode, with SkipBad
	Sizes    []SizeCount `json:"sizes"`    // of the files, in pixels, the most frequent first
	Cropped  int         `json:"cropped"`  // images that were not square
	Shrunk   int         `json:"shrunk"`   // images larger than the side
	Enlarged int         `json:"enlarged"` // images smaller than the side
	Grey     int         `json:"grey"`     // images of one channel
	Alpha    int         `json:"alpha"`    // images with transparent pixels, laid on white
	Deep     int         `json:"deep"`     // images of 16 bits a channel
	Cached   int         `json:"cached"`   // images taken from the cache
	Rebuilt  int         `json:"rebuilt"`  // cache entries that were damaged and written anew
	Grouping Grouping    `json:"grouping"` // how images of labelled sets were grouped
	Verdict  Verdict     `json:"-"`        // on what was found: shown by itself

	places map[[2]int]int // of sizes in Sizes, while images are counted: each may have its own
}

// Skipped is a file left out, and why.
type Skipped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// SizeCount counts the files of one size in pixels.
type SizeCount struct {
	W int `json:"width"`
	H int `json:"height"`
	N int `json:"images"`
}

// count takes one decoded image into the report.
func (r *Report) count(im fitted, side int) {
	r.Images++
	i, ok := r.places[[2]int{im.w, im.h}]
	if !ok {
		if r.places == nil {
			r.places = map[[2]int]int{}
		}
		i = len(r.Sizes)
		r.places[[2]int{im.w, im.h}] = i
		r.Sizes = append(r.Sizes, SizeCount{W: im.w, H: im.h})
	}
	r.Sizes[i].N++
	add := func(n *int, is bool) {
		if is {
			*n++
		}
	}
	add(&r.Cropped, im.w != im.h)
	add(&r.Shrunk, min(im.w, im.h) > side)
	add(&r.Enlarged, min(im.w, im.h) < side)
	add(&r.Grey, im.kind&Grey != 0)
	add(&r.Alpha, im.kind&Alpha != 0)
	add(&r.Deep, im.kind&Deep != 0)
}

func (r *Report) sortSizes() {
	r.places = nil // they are other ones
	slices.SortFunc(r.Sizes, func(a, b SizeCount) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.W, b.W), cmp.Compare(a.H, b.H))
	})
}

// Notes are what reading did to images, as sentences. What was found of groups, splits,
// names and files is in the verdict.
func (r *Report) Notes() []string {
	var notes []string
	enlarged := "images were enlarged: they hold less detail than the networks see"
	if r.Grouping == Ungrouped { // and cropped again, in training
		enlarged = "images were enlarged to the side from which patches are cut at random"
	}
	for _, n := range []struct {
		n    int
		text string
	}{
		{r.Cropped, "images were cropped to their centre square"},
		{r.Shrunk, "images were shrunk"},
		{r.Enlarged, enlarged},
		{r.Grey, "images are grey and were given three equal channels"},
		{r.Alpha, "images have transparent pixels, laid on white"},
		{r.Deep, "images have 16 bits a channel, rounded to 8"},
		{r.Rebuilt, "cache entries were damaged and written anew"},
	} {
		if n.n > 0 {
			notes = append(notes, fmt.Sprintf("%d %s", n.n, n.text))
		}
	}
	return notes
}
