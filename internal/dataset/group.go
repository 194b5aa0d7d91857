package dataset

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"g2c/internal/fault"
)

// Grouping is what the images of a labelled set were grouped by.
type Grouping string

// The groupings, the strongest first.
const (
	ByPatient Grouping = "patient"
	BySlide   Grouping = "slide" // patients unknown: slides stand in
	ByImage   Grouping = "image" // neither known: every image is its own group
	Mixed     Grouping = "mixed" // the parts are grouped by different things
	Ungrouped Grouping = ""      // an unlabelled set
)

// grouper finds the group of an image in its file name.
type grouper struct {
	pattern        *regexp.Regexp
	patient, slide int // submatches; -1 where absent
}

// newGrouper compiles data.labelled.group.pattern; nil for an empty one.
func newGrouper(pattern string) (*grouper, error) {
	if pattern == "" {
		return nil, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fault.New(fault.ErrSpec, "data.labelled.group.pattern: %w", err)
	}
	g := &grouper{re, re.SubexpIndex("patient"), re.SubexpIndex("slide")}
	if g.patient < 0 && g.slide < 0 {
		return nil, fault.New(fault.ErrSpec, "data.labelled.group.pattern %q names neither (?P<patient>…) nor (?P<slide>…)", pattern)
	}
	return g, nil
}

// grouping is what the pattern groups by: patients where it knows them.
func (g *grouper) grouping() Grouping {
	if g.patient >= 0 {
		return ByPatient
	}
	return BySlide
}

// group matches the base name of f without its extension.
func (g *grouper) group(f file) (string, error) {
	base := path.Base(f.image.Name)
	base = strings.TrimSuffix(base, path.Ext(base))
	m := g.pattern.FindStringSubmatch(base)
	if m == nil {
		return "", fault.New(fault.ErrData, "image %s: its name %q does not match data.labelled.group.pattern %q", f.path, base, g.pattern).
			WithHint("the pattern is matched on the base name without extension")
	}
	at := g.patient
	if at < 0 {
		at = g.slide
	}
	if m[at] == "" {
		return "", fault.New(fault.ErrData, "image %s: data.labelled.group.pattern %q finds an empty %s in %q", f.path, g.pattern, g.grouping(), base)
	}
	return m[at], nil
}

// assignGroups sets the group of every file of one source: by the pattern where
// there is one, else by the table's columns, else each image on its own.
func assignGroups(files []file, rows []row, g *grouper) (Grouping, error) {
	by := ByImage
	switch {
	case g != nil:
		by = g.grouping()
	case len(rows) > 0 && rows[0].patient != "":
		by = ByPatient
	case len(rows) > 0 && rows[0].slide != "":
		by = BySlide
	}
	for i := range files {
		group := files[i].image.Name
		switch {
		case g != nil:
			var err error
			if group, err = g.group(files[i]); err != nil {
				return by, err
			}
		case by == ByPatient:
			group = rows[i].patient
		case by == BySlide:
			group = rows[i].slide
		}
		files[i].image.Group = group
	}
	return by, nil
}

// combine is the grouping of a set whose sources are grouped as given, with what
// its reader must know.
func combine(sources []Grouping, r *Report) {
	slices.Sort(sources)
	sources = slices.Compact(sources)
	r.Grouping = Mixed
	if len(sources) == 1 {
		r.Grouping = sources[0]
	}
	switch r.Grouping {
	case BySlide:
		r.warn("patients are not known, so slides stand in for them: two slides of one patient may lie on both sides of a split")
	case ByImage:
		r.warn("neither patients nor slides are known, so every image is its own group: images of one patient may lie on both sides of a split")
	case Mixed:
		r.warn("the parts are grouped by different things (patients, slides, images), so nothing shows that no patient lies on both sides of a split")
	}
}
