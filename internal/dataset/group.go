package dataset

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
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

// Sources of groups, for Labelled.By.
const (
	FromPattern = "pattern"
	FromColumn  = "column"
)

// group is what must stay on one side of a split with the image.
func (im Image) group() string { return cmp.Or(im.Patient, im.Slide, im.Name) }

// grouping is what that group is.
func (im Image) grouping() Grouping {
	switch {
	case im.Patient != "":
		return ByPatient
	case im.Slide != "":
		return BySlide
	}
	return ByImage
}

// groupingOf is what images are grouped by.
func groupingOf(images []Image) Grouping {
	by := Ungrouped
	for _, im := range images {
		switch g := im.grouping(); {
		case by == Ungrouped:
			by = g
		case by != g:
			return Mixed
		}
	}
	return by
}

// grouper finds the patient and the slide of an image in its file name.
type grouper struct {
	pattern        *regexp.Regexp
	patient, slide int // submatches; -1 where absent
}

// newGrouper compiles data.labelled.group.pattern; nil for an empty one.
func newGrouper(pattern string) (*grouper, error) {
	if pattern == "" {
		return nil, nil
	}
	re, err := regexp.Compile(NFC(pattern))
	if err != nil {
		return nil, fault.New(fault.ErrSpec, "data.labelled.group.pattern: %w", err)
	}
	g := &grouper{re, re.SubexpIndex("patient"), re.SubexpIndex("slide")}
	if g.patient < 0 && g.slide < 0 {
		return nil, fault.New(fault.ErrSpec, "data.labelled.group.pattern %q names neither (?P<patient>…) nor (?P<slide>…)", pattern)
	}
	return g, nil
}

// groups matches the base name of f without its extension. The one that f is grouped
// by may not be empty.
func (g *grouper) groups(f file) (patient, slide string, err error) {
	base := path.Base(f.image.Name)
	base = strings.TrimSuffix(base, path.Ext(base))
	m := g.pattern.FindStringSubmatch(base)
	if m == nil {
		return "", "", fault.New(fault.ErrData, "image %s: its name %q does not match data.labelled.group.pattern %q", Show(f.path), base, g.pattern).
			WithHint("the pattern is matched on the base name without extension")
	}
	if g.patient >= 0 {
		patient = NFC(m[g.patient])
	}
	if g.slide >= 0 {
		slide = NFC(m[g.slide])
	}
	what, value := ByPatient, patient
	if g.patient < 0 {
		what, value = BySlide, slide
	}
	if value == "" {
		return "", "", fault.New(fault.ErrData, "image %s: data.labelled.group.pattern %q finds an empty %s in %q", Show(f.path), g.pattern, what, base)
	}
	return patient, slide, nil
}

// groupSources says where the patients and slides of a table's images come from.
type groupSources struct {
	patientColumn, slideColumn   bool // the table has them
	patientPattern, slidePattern bool // the pattern finds them
}

// settle decides between pattern and columns. They conflict where both give the same,
// or the pattern gives slides where a column has patients: then by must say which wins.
// It tells whether they did.
func (g *groupSources) settle(table, by string) (settled bool, err error) {
	conflict := ""
	switch {
	case g.patientPattern && g.patientColumn:
		conflict = "patients by data.labelled.group.pattern and by a column"
	case g.slidePattern && !g.patientPattern && g.patientColumn:
		conflict = "slides by data.labelled.group.pattern and patients by a column"
	case g.slidePattern && g.slideColumn:
		conflict = "slides by data.labelled.group.pattern and by a column"
	}
	if conflict == "" {
		return false, nil
	}
	switch by {
	case FromPattern:
		// A slide of the pattern's goes with no patient of the column's.
		g.patientColumn = g.patientColumn && !g.patientPattern && !g.slidePattern
		g.slideColumn = g.slideColumn && !g.slidePattern
	case FromColumn:
		g.patientPattern = g.patientPattern && !g.patientColumn
		g.slidePattern = g.slidePattern && !g.slideColumn && !g.patientColumn
	default:
		return false, fault.New(fault.ErrData, "table %s has %s: which one says what belongs together?", Show(table), conflict).
			WithHint("set data.labelled.group.by to pattern or to column")
	}
	return true, nil
}

// assignGroups sets patient and slide of every file of one source: by the pattern, the
// table's columns, or both. It tells whether by had to decide.
func assignGroups(where string, files []file, rows []row, g *grouper, by string) (settled bool, err error) {
	use := groupSources{
		patientColumn: len(rows) > 0 && rows[0].patient != "", slideColumn: len(rows) > 0 && rows[0].slide != "",
		patientPattern: g != nil && g.patient >= 0, slidePattern: g != nil && g.slide >= 0,
	}
	if settled, err = use.settle(where, by); err != nil {
		return settled, err
	}
	for i := range files {
		im := &files[i].image
		if use.patientPattern || use.slidePattern {
			patient, slide, err := g.groups(files[i])
			if err != nil {
				return settled, err
			}
			if use.patientPattern {
				im.Patient = patient
			}
			if use.slidePattern {
				im.Slide = slide
			}
		}
		if use.patientColumn {
			im.Patient = rows[i].patient
		}
		if use.slideColumn {
			im.Slide = rows[i].slide
		}
	}
	return settled, nil
}

// checkGrouping says what the images of each split are grouped by.
func checkGrouping(parts []part) Check {
	kinds := map[Grouping]bool{}
	var counts, mixed []string
	for _, p := range parts {
		n := map[Grouping]int{}
		groups := map[string]bool{}
		for _, im := range p.images {
			n[im.grouping()]++
			groups[im.Group] = true
		}
		var by []string
		for _, g := range []Grouping{ByPatient, BySlide, ByImage} {
			if n[g] > 0 {
				kinds[g] = true
				by = append(by, fmt.Sprintf("%s (%s)", g, count(n[g], "image", "images")))
			}
		}
		counts = append(counts, fmt.Sprintf("%d in %s", len(groups), p.name()))
		mixed = append(mixed, p.name()+" by "+strings.Join(by, " and "))
	}
	c := Check{Name: "groups", State: Warn}
	switch {
	case len(kinds) > 1:
		c.Text = fmt.Sprintf("Images are grouped by different things: %s.", strings.Join(mixed, ", "))
	case kinds[ByPatient]:
		c.State, c.Text = OK, fmt.Sprintf("Images are grouped by patient: %s.", strings.Join(counts, ", "))
	case kinds[BySlide]:
		c.Text = fmt.Sprintf("Patients are not known, so slides stand in for them (%s): two slides of one patient may lie on both sides of a split.", strings.Join(counts, ", "))
	default:
		c.Text = fmt.Sprintf("Neither patients nor slides are known, so every image is its own group (%s): images of one patient may lie on both sides of a split.", strings.Join(counts, ", "))
	}
	return c
}

// part is the images of one split.
type part struct {
	split  Split
	images []Image
}

// name is the split's, for people.
func (p part) name() string {
	if p.split == NoSplit {
		return "all"
	}
	return string(p.split)
}

// bySplit is the images of each split that has any, in the order of reports.
func bySplit(images []Image) []part {
	var parts []part
	for _, split := range append([]Split{NoSplit}, Splits...) {
		p := part{split: split}
		for _, im := range images {
			if im.Split == split {
				p.images = append(p.images, im)
			}
		}
		if len(p.images) > 0 {
			parts = append(parts, p)
		}
	}
	return parts
}
