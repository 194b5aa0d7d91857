package dataset

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// checkLeaks compares patients, and slides where patients are not known, between every
// two splits, whatever each is grouped by.
func checkLeaks(images []Image) []Check {
	parts := bySplit(images)
	if len(parts) == 1 && parts[0].split == NoSplit {
		return []Check{{"leaks", OK, "There are no splits, so there is nothing to compare.", ""}}
	}
	if len(parts) < 2 {
		return []Check{{"leaks", OK, "There is one split alone, so there is nothing to compare.", ""}}
	}
	var l leaks
	for i := range parts {
		for _, b := range parts[i+1:] {
			l.compare(parts[i], b)
		}
	}
	return l.checks()
}

// leaks is what comparing splits found.
type leaks struct {
	byPatient, bySlide []string // pairs that were compared
	not                []string // pairs that could not be, and why
	shared             [2]map[string]bool
	first              [2]string // the first shared patient and slide, in words
	repeated           string    // a slide's name that different patients have
	alike              string    // patients that may be one
}

// known tells whether any image has a patient, and whether any has a slide.
func (p part) known() (patients, slides bool) {
	for _, im := range p.images {
		patients = patients || im.Patient != ""
		slides = slides || im.Slide != ""
	}
	return patients, slides
}

// knows is what a split knows, in words.
func (p part) knows() string {
	switch patients, slides := p.known(); {
	case patients:
		return p.name() + " knows patients"
	case slides:
		return p.name() + " knows slides alone"
	}
	return p.name() + " knows neither patients nor slides"
}

func (l *leaks) compare(a, b part) {
	pair := a.name() + " and " + b.name()
	ap, as := a.known()
	bp, bs := b.known()
	switch {
	case ap && bp:
		l.byPatient = append(l.byPatient, pair)
		l.patients(a, b)
		l.lookAlike(a, b)
	case as && bs:
		l.bySlide = append(l.bySlide, pair)
	default:
		l.not = append(l.not, a.knows()+", "+b.knows())
	}
	if as && bs {
		l.slides(a, b)
	}
}

// patients finds patients of both splits.
func (l *leaks) patients(a, b part) {
	in := map[string]Image{}
	for _, im := range a.images {
		if _, ok := in[im.Patient]; !ok && im.Patient != "" {
			in[im.Patient] = im
		}
	}
	for _, im := range b.images {
		if other, ok := in[im.Patient]; ok {
			l.leak(0, "Patient "+Show(im.Patient), im.Patient, other, im)
		}
	}
}

// slides finds slides of both splits. Where both images have patients, and different
// ones, their slides only have one name.
func (l *leaks) slides(a, b part) {
	in := map[string][]Image{} // an image of each patient, by slide
	for _, im := range a.images {
		same := func(other Image) bool { return other.Patient == im.Patient }
		if im.Slide != "" && !slices.ContainsFunc(in[im.Slide], same) {
			in[im.Slide] = append(in[im.Slide], im)
		}
	}
	for _, im := range b.images {
		for _, other := range in[im.Slide] {
			switch {
			case im.Patient == "" || other.Patient == "":
				l.leak(1, "Slide "+Show(im.Slide), im.Slide, other, im)
			case im.Patient != other.Patient:
				l.repeated = im.Slide
			}
		}
	}
}

func (l *leaks) leak(kind int, what, key string, a, b Image) {
	if l.shared[kind] == nil {
		l.shared[kind] = map[string]bool{}
		l.first[kind] = fmt.Sprintf("%s is both in %s (%s) and in %s (%s)", what, a.Split, a.shown(), b.Split, b.shown())
	}
	l.shared[kind][key] = true
}

// lookAlike finds patients of two splits whose names differ in case, spaces or zeros
// alone, as spreadsheets make them do.
func (l *leaks) lookAlike(a, b part) {
	in := map[string]string{}
	exact := map[string]bool{}
	for _, im := range a.images {
		exact[im.Patient] = true
		if _, ok := in[bareName(im.Patient)]; !ok && im.Patient != "" {
			in[bareName(im.Patient)] = im.Patient
		}
	}
	for _, im := range b.images {
		if other, ok := in[bareName(im.Patient)]; ok && !exact[im.Patient] && l.alike == "" {
			l.alike = fmt.Sprintf("Patients %q of %s and %q of %s may be one: their names differ in case, spaces or zeros alone.", other, a.name(), im.Patient, b.name())
		}
	}
}

// bareName is a patient's name without what spreadsheets change.
func bareName(name string) string {
	name = strings.TrimSuffix(strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(name))), ""), ".0")
	return strings.TrimLeft(name, "0")
}

func (l *leaks) checks() []Check {
	var all []Check
	for kind, what := range [2]string{"patient", "slide"} {
		if n := len(l.shared[kind]); n > 0 {
			all = append(all, Check{
				"leaks", Error,
				fmt.Sprintf("%s; %s.", l.first[kind], count(n, what+" is in two splits", what+"s are in two splits")),
				fmt.Sprintf("images of one %s must lie on one side of a split; `g2c data split` can make such a split", what),
			})
		}
	}
	if len(l.byPatient) > 0 && len(l.shared[0]) == 0 {
		all = append(all, Check{"leaks", OK, fmt.Sprintf("No patient is in two splits: compared were %s.", strings.Join(l.byPatient, ", ")), ""})
	}
	if len(l.bySlide) > 0 && len(l.shared[1]) == 0 {
		all = append(all, Check{"leaks", OK, fmt.Sprintf("No slide is in two splits: compared were %s.", strings.Join(l.bySlide, ", ")), ""})
	}
	if len(l.not) > 0 {
		all = append(all, Check{"leaks", Warn, fmt.Sprintf("What one patient has in two splits could not be compared: %s.", strings.Join(l.not, "; ")), ""})
	}
	if l.alike != "" {
		all = append(all, Check{"leaks", Warn, l.alike, ""})
	}
	if l.repeated != "" {
		all = append(all, Check{"leaks", Note, fmt.Sprintf("Slides of different patients have one name, as %s: they count as different slides.", Show(l.repeated)), ""})
	}
	return all
}
