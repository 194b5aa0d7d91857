package dataset

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// checkLeaks compares patients, and slides where patients are not known, between every
// two splits, whatever each is grouped by. It is linear in the images.
func checkLeaks(parts []part) []Check {
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

// leaks is what comparing splits found. Pairs of splits are in words.
type leaks struct {
	byPatient, bySlide []string // pairs that were compared
	byBoth             []string // pairs compared by slide where patients are not known
	partly             []string // pairs of which some images could not be, and how many
	not                []string // pairs that could not be, and why
	shared             [2]map[string]bool
	first              [2]string // the first shared patient and slide, in words
	repeated           string    // a slide's name that different patients have
	alike              string    // patients that may be one
}

// knowing counts the images of a split by what is known of them.
type knowing struct{ patient, slide, both, neither int }

func (p part) known() knowing {
	var k knowing
	for _, im := range p.images {
		switch {
		case im.Patient != "" && im.Slide != "":
			k.both++
		case im.Patient != "":
			k.patient++
		case im.Slide != "":
			k.slide++
		default:
			k.neither++
		}
	}
	return k
}

func (k knowing) patients() bool { return k.patient+k.both > 0 }
func (k knowing) slides() bool   { return k.slide+k.both > 0 }

// alone counts the images without a patient that cannot be compared with all of another
// split: two images are compared by patient, or by slide where one has no patient.
func (k knowing) alone(other knowing) int {
	if other.patient > 0 {
		return k.neither + k.slide
	}
	return k.neither
}

// knows is what a split knows, in words.
func (p part) knows() string {
	switch k := p.known(); {
	case k.patients():
		return p.name() + " knows patients"
	case k.slides():
		return p.name() + " knows slides alone"
	}
	return p.name() + " knows neither patients nor slides"
}

func (l *leaks) compare(a, b part) {
	pair := a.name() + " and " + b.name()
	ak, bk := a.known(), b.known()
	patients, slides := ak.patients() && bk.patients(), ak.slides() && bk.slides()
	switch alone := ak.alone(bk) + bk.alone(ak); {
	case !patients && !slides:
		l.not = append(l.not, a.knows()+", "+b.knows())
	case alone > 0:
		l.partly = append(l.partly, fmt.Sprintf("%d of %s of %s", alone, count(len(a.images)+len(b.images), "image", "images"), pair))
	case !patients:
		l.bySlide = append(l.bySlide, pair)
	case ak.slide+bk.slide > 0:
		l.byBoth = append(l.byBoth, pair)
	default:
		l.byPatient = append(l.byPatient, pair)
	}
	if patients {
		l.patients(a, b)
		l.lookAlike(a, b)
	}
	if slides {
		l.slides(a, b)
	}
}

// patients finds patients of both splits.
func (l *leaks) patients(a, b part) {
	in := map[string]*Image{}
	for i := range a.images {
		im := &a.images[i]
		if _, ok := in[im.Patient]; !ok && im.Patient != "" {
			in[im.Patient] = im
		}
	}
	for i := range b.images {
		im := &b.images[i]
		if other, ok := in[im.Patient]; ok {
			l.leak(0, "Patient", im.Patient, other, im)
		}
	}
}

// onSlide is the images of one slide's name in a split, as far as one of another split is
// compared with them.
type onSlide struct {
	first, unknown *Image // the first, and the first without a patient
	patient        string // of the first that has one
	several        bool   // whether another has another
}

func (s *onSlide) add(im *Image) {
	if s.first == nil {
		s.first = im
	}
	switch {
	case im.Patient == "":
		if s.unknown == nil {
			s.unknown = im
		}
	case s.patient == "":
		s.patient = im.Patient
	case s.patient != im.Patient:
		s.several = true
	}
}

// slides finds slides of both splits. Where both images have patients, and different
// ones, their slides only have one name.
func (l *leaks) slides(a, b part) {
	in := map[string]*onSlide{}
	for i := range a.images {
		im := &a.images[i]
		if im.Slide == "" {
			continue
		}
		if in[im.Slide] == nil {
			in[im.Slide] = &onSlide{}
		}
		in[im.Slide].add(im)
	}
	for i := range b.images {
		im := &b.images[i]
		others := in[im.Slide]
		switch {
		case others == nil:
			continue
		case im.Patient == "":
			l.leak(1, "Slide", im.Slide, others.first, im)
			continue
		case others.unknown != nil:
			l.leak(1, "Slide", im.Slide, others.unknown, im)
		}
		if others.several || others.patient != "" && others.patient != im.Patient {
			l.repeated = im.Slide
		}
	}
}

func (l *leaks) leak(kind int, what, key string, a, b *Image) {
	if l.shared[kind] == nil {
		l.shared[kind] = map[string]bool{}
		l.first[kind] = fmt.Sprintf("%s %s is both in %s (%s) and in %s (%s)", what, Show(key), a.Split, a.shown(), b.Split, b.shown())
	}
	l.shared[kind][key] = true
}

// lookAlike finds patients of two splits whose names differ in case, spaces or zeros
// alone, as spreadsheets make them do.
func (l *leaks) lookAlike(a, b part) {
	in := map[string]string{} // the first of each bare name
	exact := map[string]bool{"": true}
	for _, im := range a.images {
		if exact[im.Patient] {
			continue
		}
		exact[im.Patient] = true
		if bare := bareName(im.Patient); bare != "" && in[bare] == "" {
			in[bare] = im.Patient
		}
	}
	for _, im := range b.images {
		if exact[im.Patient] || l.alike != "" {
			continue
		}
		exact[im.Patient] = true // once is enough
		if other := in[bareName(im.Patient)]; other != "" {
			l.alike = fmt.Sprintf("Patients %q of %s and %q of %s may be one: their names differ in case, spaces or zeros alone.", other, a.name(), im.Patient, b.name())
		}
	}
}

// bareName is a patient's name without what spreadsheets change: of zeros alone it is one
// zero. It is empty for what has no name, like a space.
func bareName(name string) string {
	name = strings.TrimSuffix(strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(name))), ""), ".0")
	if bare := strings.TrimLeft(name, "0"); bare != "" || name == "" {
		return bare
	}
	return "0"
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
	if len(l.byBoth) > 0 && len(l.shared[0])+len(l.shared[1]) == 0 {
		all = append(all, Check{"leaks", OK, fmt.Sprintf("No patient is in two splits, nor a slide where patients are not known: compared were %s.", strings.Join(l.byBoth, ", ")), ""})
	}
	if len(l.partly) > 0 {
		all = append(all, Check{"leaks", Warn, fmt.Sprintf("What one patient has in two splits could not be compared for all images: no patient, nor a slide that tells enough, is known of %s.", strings.Join(l.partly, ", ")), ""})
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
