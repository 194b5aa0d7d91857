package draft

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// Sure is how sure a guess is.
type Sure string

// How sure a guess is.
const (
	Certain Sure = "certain"
	Likely  Sure = "likely"
	Unsure  Sure = "not sure"
)

// Guess is a value, why it was chosen, and how sure that is.
type Guess struct {
	Value string `json:"value"`
	Why   string `json:"why"`
	Sure  Sure   `json:"sure"`
}

// Finding is what was made of folders and tables.
type Finding struct {
	Stains   map[string][]string `json:"stains"`   // folders by stain
	Source   Guess               `json:"source"`   // the stain of the labelled images
	Labelled *Labelled           `json:"labelled"` // nil for none
	Others   []*Labelled         `json:"others"`   // labelled sets that were left out
	Side     int                 `json:"side"`     // the usual side of the images, in pixels
	Notes    []string            `json:"notes"`    // what else was seen
}

// Labelled is a set of labelled images.
type Labelled struct {
	Place      string         `json:"place"` // where it was found
	Train      []string       `json:"train"`
	Validation []string       `json:"validation"`
	Test       []string       `json:"test"`
	Columns    *Columns       `json:"columns"` // of tables; nil for folders
	Labels     map[string]int `json:"labels"`  // images of each, of train and test
	Positive   []string       `json:"positive"`
	Negative   []string       `json:"negative"`
	Sides      Guess          `json:"sides"`
	Grouping   Guess          `json:"grouping"` // a pattern; empty for none, or where a column says it
	Groups     int            `json:"groups"`

	layout  string
	all     []patch
	sample  []string // paths of images
	columns bool     // has a column of groups
	// parts are rows of path, label, patient and slide by split, of what is taken as tables
	// of the draft's own; nil where it is read as it lies there.
	parts map[string][][]string
}

// patch is what is known of a labelled image by its names.
type patch struct{ stem, label, group string }

// Columns are those of a table.
type Columns struct{ Path, Label, Patient, Slide string }

// Look makes a guess at folders and tables.
func Look(ctx context.Context, places ...string) (*Finding, error) {
	f := &Finding{Stains: map[string][]string{}}
	var sets []*Labelled
	for _, place := range places {
		info, err := os.Stat(place)
		switch {
		case err != nil:
			return nil, fault.New(fault.ErrNotFound, "there is no folder or table %s", dataset.Show(place))
		case info.IsDir():
			below, err := dataset.Peek(ctx, place)
			if err != nil {
				return nil, err
			}
			sets = append(sets, f.folder(below)...)
		case dataset.IsTable(place):
			l, err := table(place)
			if err != nil {
				return nil, err
			}
			sets = append(sets, l)
		default:
			return nil, fault.New(fault.ErrData, "%s is neither a folder nor a CSV table", dataset.Show(place))
		}
	}
	if len(sets) == 0 && len(f.Stains) == 0 {
		return nil, fault.New(fault.ErrData, "nothing here looks like labelled images or like stains").
			WithHint("labelled images lie in a folder for each class, stains in a folder for each stain, or a CSV table names paths and labels")
	}
	slices.SortStableFunc(sets, func(a, b *Labelled) int { return b.images() - a.images() })
	if len(sets) > 0 {
		f.Labelled, f.Others = sets[0], sets[1:]
		f.Labelled.judge()
	}
	return f, f.pixels(ctx)
}

func (l *Labelled) images() int {
	n := 0
	for _, k := range l.Labels {
		n += k
	}
	return n
}

// folder finds sets in a folder, and notes stains.
func (f *Finding) folder(d *dataset.Folder) []*Labelled {
	var kids []*dataset.Folder
	for _, k := range d.Folders {
		if k.Count() > 0 {
			kids = append(kids, k)
		}
	}
	switch {
	case len(kids) == 0:
		f.alone(d)
		return nil
	case f.stains(kids):
		return nil
	}
	for _, layout := range []func(*dataset.Folder, []*dataset.Folder) *Labelled{splitFolders, classFolders, patientFolders} {
		if l := layout(d, kids); l != nil {
			return []*Labelled{l}
		}
	}
	var all []*Labelled
	for _, k := range kids {
		all = append(all, f.folder(k)...)
	}
	return all
}

// alone is a folder of images and nothing else: a stain, if its name says so.
func (f *Finding) alone(d *dataset.Folder) {
	if len(d.Images) == 0 {
		return
	}
	if s, _ := stainOf(d.Name()); s != "" {
		f.Stains[s] = append(f.Stains[s], d.Path)
		return
	}
	f.Notes = append(f.Notes, fmt.Sprintf("%s: %d images without a class or a known stain in the name; left out", dataset.Show(d.Path), len(d.Images)))
}

// stains takes folders that are one for each stain: two names at least are known, or all.
func (f *Finding) stains(kids []*dataset.Folder) bool {
	known := map[string]int{}
	for _, k := range kids {
		if s, _ := stainOf(k.Name()); s != "" {
			known[s]++
		}
	}
	if len(known) < 2 && len(known) < len(kids) {
		return false
	}
	for _, k := range kids {
		s := Stain(k.Name())
		f.Stains[s] = append(f.Stains[s], k.Path)
	}
	return true
}

// plain are folders of images alone.
func plain(kids []*dataset.Folder) bool {
	return !slices.ContainsFunc(kids, func(k *dataset.Folder) bool { return len(k.Images) == 0 || k.Count() > len(k.Images) })
}

// classFolders is a folder for each class.
func classFolders(d *dataset.Folder, kids []*dataset.Folder) *Labelled {
	if len(kids) < 2 || !plain(kids) {
		return nil
	}
	l := &Labelled{Place: d.Path, Train: []string{d.Path}, Labels: map[string]int{}, layout: "a folder for each class"}
	l.take(kids, "")
	return l
}

// take counts classes, of images of one group if that is known.
func (l *Labelled) take(kids []*dataset.Folder, group string) {
	for _, k := range kids {
		label := dataset.NFC(k.Name())
		l.Labels[label] += len(k.Images)
		for i, name := range k.Images {
			l.all = append(l.all, patch{strings.TrimSuffix(name, filepath.Ext(name)), label, group})
			if i%max(1, len(k.Images)/4) == 0 {
				l.sample = append(l.sample, filepath.Join(k.Path, name))
			}
		}
	}
}

// splitFolders are folders such as train and test, with the same classes in each.
func splitFolders(d *dataset.Folder, kids []*dataset.Folder) *Labelled {
	l := &Labelled{Place: d.Path, Labels: map[string]int{}, layout: "folders of a split, with a folder for each class in each"}
	for _, k := range kids {
		part := splitOf(k.Name())
		if part == "" || len(k.Folders) < 2 || !plain(k.Folders) {
			return nil
		}
		to := map[string]*[]string{"train": &l.Train, "validation": &l.Validation, "test": &l.Test}[part]
		*to = append(*to, k.Path)
		l.take(k.Folders, "")
	}
	if len(l.Train) == 0 {
		return nil
	}
	return l
}

// patientFolders is a folder for each patient, with the same classes below them.
func patientFolders(d *dataset.Folder, kids []*dataset.Folder) *Labelled {
	l := &Labelled{Place: d.Path, Labels: map[string]int{}, Groups: len(kids), layout: "a folder for each patient, with a folder for each class in it"}
	var rows [][]string
	times := map[string]int{}
	for _, k := range kids {
		if len(k.Images) > 0 || !plain(k.Folders) {
			return nil
		}
		for _, class := range k.Folders {
			times[class.Name()]++
			for _, name := range class.Images {
				rows = append(rows, []string{filepath.Join(class.Path, name), class.Name(), k.Name(), ""})
			}
		}
		l.take(k.Folders, k.Name())
	}
	if len(times) < 2 || len(kids) < 2 || slices.Max(slices.Collect(maps.Values(times))) < 2 {
		return nil
	}
	l.parts, l.columns = map[string][][]string{"train": rows}, true
	l.Grouping = Guess{Why: "the folder that holds a patient's classes is taken for the patient", Sure: Likely}
	return l
}

// String is the labels, with how many images have each.
func (l *Labelled) String() string {
	var all []string
	for _, label := range slices.Sorted(maps.Keys(l.Labels)) {
		all = append(all, fmt.Sprintf("%d %s", l.Labels[label], dataset.Show(label)))
	}
	return strings.Join(all, ", ")
}

// Grouped says in how many groups the images are, and by what.
func (l *Labelled) Grouped() string {
	switch {
	case l.Groups == 0:
		return "nothing"
	case l.Grouping.Value == "":
		return fmt.Sprintf("%d patients or slides", l.Groups)
	}
	return fmt.Sprintf("%d groups by %s", l.Groups, l.Grouping.Value)
}

// Divide has some of the labels be the positive ones, and all others the negative ones.
func (l *Labelled) Divide(positive []string) {
	l.Positive, l.Negative = positive, nil
	for _, label := range slices.Sorted(maps.Keys(l.Labels)) {
		if !slices.Contains(positive, label) {
			l.Negative = append(l.Negative, label)
		}
	}
	l.Sides = Guess{strings.Join(positive, ", "), "you said so", Certain}
}

// judge guesses what the labels and the names of files mean.
func (l *Labelled) judge() {
	labels := slices.Sorted(maps.Keys(l.Labels))
	sure := false
	l.Positive, l.Negative, sure = sides(labels)
	l.Sides = Guess{Value: strings.Join(l.Positive, ", "), Why: "the other labels' names say that something is not there", Sure: Likely}
	if !sure {
		l.Sides.Why, l.Sides.Sure = "no label says which side it is; the last one by its name was taken", Unsure
	}
	if l.columns {
		return
	}
	var stems []string
	for _, im := range l.all {
		stems = append(stems, im.stem)
	}
	p, n := groupingOf(stems)
	l.Grouping, l.Groups = Guess{Value: p, Why: fmt.Sprintf("it fits all %d names, and finds %d groups", len(stems), n), Sure: Likely}, n
	if p == "" {
		l.Grouping = Guess{Why: "no part of the names says which images belong together: each is taken for a patient of its own", Sure: Unsure}
		return
	}
	re := regexp.MustCompile(p)
	for i := range l.all {
		l.all[i].group = re.FindStringSubmatch(l.all[i].stem)[1]
	}
}

// fewest is the number of groups, or of images where nothing groups them, of the side that
// has the fewest: what a split has to go round with.
func (l *Labelled) fewest() int {
	of := map[bool]map[string]bool{true: {}, false: {}}
	for i, im := range l.all {
		group := im.group
		if group == "" {
			group = strconv.Itoa(i)
		}
		of[slices.Contains(l.Positive, im.label)][group] = true
	}
	return min(len(of[true]), len(of[false]))
}
