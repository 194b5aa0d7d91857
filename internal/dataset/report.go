package dataset

import (
	"cmp"
	"slices"

	"g2c/internal/shard"
)

// Report says what loading found and did, for people.
type Report struct {
	Images   int            `json:"images"`           // in the set
	Ignored  int            `json:"ignored"`          // files that are no images by their extension
	Skipped  []Skipped      `json:"skipped"`          // files that do not decode or are too small, with SkipBad
	Unread   map[string]int `json:"unread,omitempty"` // images of kinds that are not read, by extension
	Loops    []string       `json:"loops,omitempty"`  // linked folders that hold their link, or were read already
	Sizes    []SizeCount    `json:"sizes"`            // of the files, in pixels, the most frequent first
	Cropped  int            `json:"cropped"`          // images that were not square
	Shrunk   int            `json:"shrunk"`           // images larger than the side
	Enlarged int            `json:"enlarged"`         // images smaller than the side
	Grey     int            `json:"grey"`             // images of one channel
	Alpha    int            `json:"alpha"`            // images with transparent pixels, laid on white
	Deep     int            `json:"deep"`             // images of 16 bits a channel
	Dim      int            `json:"dim"`              // of those, images that use the lower bits alone
	Turned   int            `json:"turned"`           // images turned or mirrored, as their orientation says
	Extra    int            `json:"extra"`            // images with channels that were left out
	Animated int            `json:"animated"`         // animations, read as their default picture
	Mended   int            `json:"mended"`           // files with damage beside their pixels
	Cached   int            `json:"cached"`           // images taken from the cache
	Opened   int            `json:"opened"`           // files that were opened: the others are what they were when they were read
	Grouping Grouping       `json:"grouping"`         // how images of labelled sets were grouped
	Verdict  Verdict        `json:"-"`                // on what was found: shown by itself

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
func (r *Report) count(e *shard.Entry, side int) {
	w, h, kind := int(e.Width), int(e.Height), Kind(e.Kind)
	r.Images++
	if r.places == nil {
		r.places = map[[2]int]int{}
		for i, s := range r.Sizes { // counted before
			r.places[[2]int{s.W, s.H}] = i
		}
	}
	i, ok := r.places[[2]int{w, h}]
	if !ok {
		i = len(r.Sizes)
		r.places[[2]int{w, h}] = i
		r.Sizes = append(r.Sizes, SizeCount{W: w, H: h})
	}
	r.Sizes[i].N++
	r.add(&r.Cropped, w != h)
	r.add(&r.Shrunk, min(w, h) > side)
	r.add(&r.Enlarged, min(w, h) < side)
	r.add(&r.Grey, kind&Grey != 0)
	r.add(&r.Alpha, kind&Alpha != 0)
	r.add(&r.Deep, kind&Deep != 0)
	r.add(&r.Dim, kind&Dim != 0)
	r.add(&r.Turned, kind&Turned != 0)
	r.add(&r.Extra, kind&Extra != 0)
	r.add(&r.Animated, kind&Animated != 0)
	r.add(&r.Mended, kind&Mended != 0)
}

// add counts what is so.
func (r *Report) add(n *int, is bool) {
	if is {
		*n++
	}
}

// addUnread takes over counts of images of kinds that are not read.
func (r *Report) addUnread(unread map[string]int) {
	for ext, n := range unread {
		if r.Unread == nil {
			r.Unread = map[string]int{}
		}
		r.Unread[ext] += n
	}
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
	enlarged := "enlarged: there is less detail than the networks see"
	if r.Grouping == Ungrouped { // and cropped again, in training
		enlarged = "enlarged to the side from which patches are cut at random"
	}
	for _, n := range []struct {
		n            int
		one, several string
		text         string
	}{
		{r.Cropped, "image was", "images were", "cropped to the centre square"},
		{r.Shrunk, "image was", "images were", "shrunk"},
		{r.Enlarged, "image was", "images were", enlarged},
		{r.Grey, "image is", "images are", "grey: one channel, copied to three"},
		{r.Alpha, "image has", "images have", "transparent pixels, laid on white"},
		{r.Deep, "image has", "images have", "16 bits a channel, rounded to 8"},
		{r.Turned, "image was", "images were", "turned or mirrored, as the orientation tag says"},
		{r.Extra, "image has", "images have", "channels beside the colours, which were left out"},
		{r.Animated, "image is", "images are", "animated, read as the default picture"},
		{r.Mended, "file is", "files are", "damaged beside the pixels, which are whole"},
	} {
		if n.n > 0 {
			notes = append(notes, count(n.n, n.one, n.several)+" "+n.text)
		}
	}
	return notes
}
