package dataset

// Summary is what `g2c data inspect` shows of a set.
type Summary struct {
	Side        int     `json:"side"`
	Images      int     `json:"images"`
	Groups      int     `json:"groups"`
	MeanColour  [3]int  `json:"meanColour"` // RGB, rounded
	Fingerprint string  `json:"fingerprint"`
	Counts      []Count `json:"counts"` // by split, then class
	Report      *Report `json:"report,omitempty"`
}

// Count is the images and groups of one class in one split.
type Count struct {
	Split      Split  `json:"split,omitempty"`
	Class      string `json:"class,omitempty"`
	Images     int    `json:"images"`
	Groups     int    `json:"groups"`
	MeanColour [3]int `json:"meanColour"`
}

// Summarise counts a set; r may be nil.
func Summarise(s *Set, r *Report) Summary {
	out := Summary{Side: s.side, Images: s.Len(), Groups: s.groups(), Fingerprint: s.Fingerprint(), Report: r}
	var all [3]int // every image is of one split and class
	for _, c := range s.byClass() {
		part := s.at(c.images)
		sum := part.Colours()
		for i := range all {
			all[i] += sum[i]
		}
		out.Counts = append(out.Counts, Count{c.split, c.class, part.Len(), part.groups(), part.mean(sum)})
	}
	out.MeanColour = s.mean(all)
	return out
}

// classImages is the places of the images of one class in one split.
type classImages struct {
	split  Split
	class  string
	images []int
}

// byClass is the images of each split and class that has any, in the order of reports.
func (s *Set) byClass() []classImages {
	in := map[Split]map[string][]int{}
	for i := range s.Len() {
		split, label := s.split(i), s.images[s.place(i)].Label
		if in[split] == nil {
			in[split] = map[string][]int{}
		}
		in[split][label] = append(in[split][label], i)
	}
	var all []classImages
	for _, split := range append([]Split{NoSplit}, Splits...) {
		for _, class := range sortedKeys(in[split]) {
			all = append(all, classImages{split, class, in[split][class]})
		}
	}
	return all
}

// groups is the number of different groups. An image that is its own group is one in its
// split: in another split another image may have its name.
func (s *Set) groups() int {
	type group struct {
		split Split // of an image that is its own
		name  string
	}
	seen := map[group]bool{}
	for i := range s.Len() {
		switch im := &s.images[s.place(i)]; im.Group {
		case "":
		case im.Name:
			seen[group{s.split(i), im.Name}] = true
		default:
			seen[group{NoSplit, im.Group}] = true
		}
	}
	return len(seen)
}

// MeanColour is the mean red, green and blue over all pixels, rounded; zeros for
// an empty set.
func (s *Set) MeanColour() [3]int { return s.mean(s.Colours()) }

// Colours is the sums of red, green and blue over all pixels.
func (s *Set) Colours() (sum [3]int) {
	for i := range s.Len() {
		for c, v := range s.sums[s.place(i)].colour {
			sum[c] += int(v)
		}
	}
	return sum
}

// mean is sums over all pixels by how many there are.
func (s *Set) mean(sum [3]int) [3]int {
	n := s.Len() * s.side * s.side
	if n == 0 {
		return sum
	}
	for c := range sum {
		sum[c] = (sum[c] + n/2) / n
	}
	return sum
}
