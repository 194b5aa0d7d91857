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
	out := Summary{Side: s.side, Images: s.Len(), Groups: s.groups(), MeanColour: s.MeanColour(), Fingerprint: s.Fingerprint(), Report: r}
	for _, split := range []Split{NoSplit, Train, Validation, Test} {
		part := s.Split(split)
		for _, class := range append([]string{""}, part.Classes()...) {
			c := part.Select(func(im Image) bool { return im.Label == class })
			if c.Len() > 0 {
				out.Counts = append(out.Counts, Count{split, class, c.Len(), c.groups(), c.MeanColour()})
			}
		}
	}
	return out
}

// groups is the number of different groups.
func (s *Set) groups() int {
	seen := map[string]bool{}
	for _, im := range s.images {
		if im.Group != "" {
			seen[im.Group] = true
		}
	}
	return len(seen)
}

// MeanColour is the mean red, green and blue over all pixels, rounded; zeros for
// an empty set.
func (s *Set) MeanColour() [3]int {
	var sum [3]int
	for _, p := range s.pixels {
		for i := 0; i < len(p); i += 3 {
			sum[0] += int(p[i])
			sum[1] += int(p[i+1])
			sum[2] += int(p[i+2])
		}
	}
	n := s.Len() * s.side * s.side
	if n == 0 {
		return sum
	}
	for c := range sum {
		sum[c] = (sum[c] + n/2) / n
	}
	return sum
}
