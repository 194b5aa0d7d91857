package dataset

import (
	"fmt"
	"slices"
	"strings"

	"g2c/internal/fault"
)

// State is how a check ended.
type State string

// The states, the best first.
const (
	OK    State = "ok"
	Note  State = "note"  // something to know
	Warn  State = "warn"  // something that may make results too good
	Error State = "error" // the data are refused
)

// Check is one thing that was looked at, and what was found, as a sentence.
type Check struct {
	Name  string `json:"name"` // groups, classes, leaks, pixels, labels, copies, sources, names, tables, files, unlabelled, take
	State State  `json:"state"`
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"` // what to do, of an error
}

// Tally counts the images of one class in one split.
type Tally struct {
	Split    Split  `json:"split,omitempty"`
	Class    string `json:"class,omitempty"`
	Images   int    `json:"images"`
	Groups   int    `json:"groups"`
	Patients int    `json:"patients"` // different ones, as far as known
	Slides   int    `json:"slides"`
}

// Verdict says what was checked of a set's data and what was found: the same in
// `g2c data inspect`, in a plan and in a report.
type Verdict struct {
	Counts []Tally `json:"counts"`
	Checks []Check `json:"checks"`
}

// Worst is the worst state of a check.
func (v Verdict) Worst() State {
	states := []State{OK, Note, Warn, Error}
	worst := 0
	for _, c := range v.Checks {
		worst = max(worst, slices.Index(states, c.State))
	}
	return states[worst]
}

// Lines are the checks, a line each, for people.
func (v Verdict) Lines() []string {
	var lines []string
	for _, c := range v.Checks {
		line := fmt.Sprintf("%-5s %s: %s", c.State, c.Name, c.Text)
		if c.Hint != "" {
			line += " (" + c.Hint + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// Text is the lines as one text.
func (v Verdict) Text() string { return strings.Join(v.Lines(), "\n") }

// Remarks are what was found that is not as it should be, a sentence each.
func (v Verdict) Remarks() []string {
	var all []string
	for _, c := range v.Checks {
		if c.State != OK {
			all = append(all, c.Text)
		}
	}
	return all
}

// Err is the first error among the checks, with how many more there are; nil if the
// data may be used.
func (v Verdict) Err() error {
	var first *Check
	more := 0
	for i := range v.Checks {
		switch {
		case v.Checks[i].State != Error:
		case first == nil:
			first = &v.Checks[i]
		default:
			more++
		}
	}
	if first == nil {
		return nil
	}
	text := strings.TrimSuffix(first.Text, ".")
	text = strings.ToLower(text[:1]) + text[1:] // checks begin with a word of ours, or a number
	if more > 0 {
		text += fmt.Sprintf("; and %s, which `g2c data inspect` lists", count(more, "more fault", "more faults"))
	}
	return fault.New(fault.ErrData, "%s", text).WithHint("%s", first.Hint)
}

// Seen adds which test images of a labelled set are among the unlabelled patches of a
// stain: the generators have seen them. Pixels are compared as they lie in the files,
// whatever side the sets have.
func (v *Verdict) Seen(stain string, labelled, unlabelled *Set) {
	n, known, example := among(labelled.Split(Test), unlabelled)
	c := Check{Name: "unlabelled", State: OK}
	switch {
	case !known:
		return
	case n == 0:
		c.Text = fmt.Sprintf("No test image is among the unlabelled patches of %s.", Show(stain))
	default:
		c.State = Warn
		c.Text = fmt.Sprintf("%s among the unlabelled patches of %s, e.g. %s: the generators have seen them.", count(n, "test image is", "test images are"), Show(stain), example)
	}
	v.Checks = append(v.Checks, c)
}

// Paired adds whether patches of one stain are patches of another too: translation is
// learnt from patches of different tissue.
func (v *Verdict) Paired(stain, other string, patches, others *Set) {
	n, _, example := among(patches, others)
	if n > 0 {
		text := fmt.Sprintf("Of %[2]s %[1]s among the patches of %[3]s too, e.g. %[4]s: is one folder named for both stains?",
			count(n, "patch is", "patches are"), Show(stain), Show(other), example)
		v.Checks = append(v.Checks, Check{"unlabelled", Warn, text, ""})
	}
}

// among counts the images of a set whose files hold the pixels of an image of another,
// with an example. It is not known for images that came from no file.
func among(s, other *Set) (n int, known bool, example string) {
	at := map[[32]byte]int{}
	for i := range other.Len() {
		origin := other.images[other.place(i)].origin
		if _, ok := at[origin]; !ok && origin != ([32]byte{}) {
			at[origin] = i
		}
	}
	for i := range s.Len() {
		im := &s.images[s.place(i)]
		if im.origin == ([32]byte{}) || len(at) == 0 {
			continue
		}
		known = true
		if j, ok := at[im.origin]; ok {
			if n == 0 {
				example = fmt.Sprintf("%s is %s", im.shown(), other.images[other.place(j)].shown())
			}
			n++
		}
	}
	return n, known, example
}

// shown is an image as messages name it: by the file that can be opened, where there
// is one.
func (im Image) shown() string {
	if im.File != "" {
		return Show(im.File)
	}
	return Show(im.Name)
}

// tally counts images by split and class.
func tally(parts []part) []Tally {
	var all []Tally
	for _, p := range parts {
		classes := map[string][]Image{}
		for _, im := range p.images {
			classes[im.Label] = append(classes[im.Label], im)
		}
		for _, class := range sortedKeys(classes) {
			t := Tally{Split: p.split, Class: class, Images: len(classes[class])}
			for _, x := range []struct {
				n  *int
				of func(Image) string
			}{
				{&t.Groups, func(im Image) string { return im.Group }},
				{&t.Patients, func(im Image) string { return im.Patient }},
				{&t.Slides, func(im Image) string { return im.Slide }},
			} {
				different := map[string]bool{}
				for _, im := range classes[class] {
					if v := x.of(im); v != "" {
						different[v] = true
					}
				}
				*x.n = len(different)
			}
			all = append(all, t)
		}
	}
	return all
}

// Judge is the verdict on a set that was not read from files.
func Judge(s *Set) Verdict {
	v := Verdict{}
	v.judge(s.all(), s, false)
	return v
}

// judge adds what the images of a labelled set show: groups, classes and leaks, and
// what their pixels show where they are known.
func (v *Verdict) judge(images []Image, pixels *Set, allow bool) {
	parts := bySplit(images)
	v.Counts = tally(parts)
	v.Checks = append(v.Checks, checkGrouping(parts))
	v.Checks = append(v.Checks, checkClasses(parts)...)
	v.Checks = append(v.Checks, checkLeaks(parts)...)
	if pixels != nil {
		v.Checks = append(v.Checks, checkPixels(pixels, allow)...)
	}
}

// checkFiles says which files were passed over.
func checkFiles(r *Report) Check {
	var parts []string
	if r.Ignored > 0 {
		parts = append(parts, count(r.Ignored, "file is no image and was ignored", "files are no images and were ignored"))
	}
	if len(r.Skipped) > 0 {
		parts = append(parts, count(len(r.Skipped), "image cannot be used and was skipped", "images cannot be used and were skipped")+", the first "+Show(r.Skipped[0].Path))
	}
	if len(r.Unread) > 0 {
		parts = append(parts, unreadText(r.Unread))
	}
	if n := len(r.Loops); n > 0 {
		parts = append(parts, count(n, "linked folder was not followed, since it was read already or holds its link", "linked folders were not followed, since they were read already or hold their links")+", the first "+Show(r.Loops[0]))
	}
	state := Note
	if r.Dim > 0 {
		parts = append(parts, count(r.Dim, "image uses only the lower of its 16 bits a channel, and is almost black", "images use only the lower of their 16 bits a channel, and are almost black"))
		state = Warn
	}
	if len(parts) == 0 {
		return Check{"files", OK, fmt.Sprintf("No file was passed over: %s.", count(r.Images, "image", "images")), ""}
	}
	return Check{"files", state, strings.Join(parts, "; ") + ".", ""}
}

// checkClasses refuses splits of which one lacks a class that another has.
func checkClasses(parts []part) []Check {
	has := make([]map[string]bool, len(parts))
	all := map[string]bool{}
	for i, p := range parts {
		has[i] = map[string]bool{}
		for _, im := range p.images {
			has[i][im.Label], all[im.Label] = true, true
		}
	}
	classes := sortedKeys(all)
	var bad []Check
	for i, p := range parts {
		var missing []string
		for _, class := range classes {
			if !has[i][class] {
				missing = append(missing, class)
			}
		}
		if len(missing) > 0 {
			what := "Class %s has no image in %s, which has only %s."
			if len(missing) > 1 {
				what = "Classes %s have no image in %s, which has only %s."
			}
			bad = append(bad, Check{
				"classes", Error, fmt.Sprintf(what, listed(missing), p.name(), listed(sortedKeys(has[i]))), "every class needs images in every split",
			})
		}
	}
	if len(bad) > 0 {
		return bad
	}
	return []Check{{"classes", OK, fmt.Sprintf("Every split has images of %s.", listed(classes)), ""}}
}

// maxListed is how many names a sentence lists: where a column of patients was taken for
// the labels there are thousands.
const maxListed = 12

// listed is names as a sentence may hold them.
func listed(names []string) string {
	if len(names) <= maxListed {
		return Show(strings.Join(names, ", "))
	}
	return fmt.Sprintf("%s and %d more", Show(strings.Join(names[:maxListed], ", ")), len(names)-maxListed)
}
