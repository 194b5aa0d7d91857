package draft

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"g2c/experiments/spec"
	"g2c/internal/dataset"
)

// File is something to be written.
type File struct {
	Name string
	Data []byte
}

// Sizes of what is written: a CPU trains it in minutes to hours. The paper's are in a comment.
const (
	size      = 64
	fraction  = 0.15
	manyFolds = 5
	wanted    = 16 // images of a batch
	enough    = 12 // groups of a side, for a part of validation beside folds or a test set
)

// Spec is the experiment of a finding, under a name, to be written to a folder; behind it
// are the tables that it reads, if it takes some of its own.
func (f *Finding) Spec(dir, name string) ([]File, error) {
	w := &writer{f: f, dir: dir, name: name}
	w.head()
	if err := w.data(); err != nil {
		return nil, err
	}
	w.rest()
	text := []byte(w.b.String())
	if _, err := spec.Parse(name+".yaml", text); err != nil {
		return nil, fmt.Errorf("what was made of these data is no spec: %w", err)
	}
	return append([]File{{filepath.Join(dir, name+".yaml"), text}}, w.tables...), nil
}

type writer struct {
	f         *Finding
	dir, name string
	b         strings.Builder
	tables    []File
}

func (w *writer) p(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// note is a comment that says why a guess was made.
func (w *writer) note(indent string, g Guess) {
	w.p("%s# %s: %s", indent, g.Sure, strings.Join(strings.Fields(g.Why), " "))
}

func (w *writer) head() {
	w.p("# Guessed by `g2c init` from names and a few images: look at each comment that says likely or")
	w.p("# not sure. Paths are relative to the folder in which g2c is called. Every field that is not")
	w.p("# here has its default: `g2c spec show %s.yaml` prints them all.", w.name)
	w.p("apiVersion: g2c/v1\nkind: Experiment\nmetadata: {name: %s}", w.name)
}

func (w *writer) data() error {
	f := w.f
	w.p("data:")
	w.note("  ", f.Source)
	w.p("  source: %s", f.Source.Value)
	w.p("  # The images are %d pixels wide. At %d a CPU trains this in minutes to hours; the paper has 224.", f.Side, size)
	w.p("  size: %d", size)
	if 4*f.Side < size*3 {
		w.p("  fit: enlarge # they are smaller than that")
	}
	if s := f.folders(); len(s) > 0 {
		w.p("  unlabelled:")
		for _, stain := range slices.Sorted(maps.Keys(s)) {
			w.p("    %s: %s", stain, list(s[stain]))
		}
	}
	if l := f.Labelled; l != nil {
		if err := w.labelled(l); err != nil {
			return err
		}
	}
	for _, o := range f.Others {
		w.p("  # Labelled images were seen in %s too, and left out: %s.", dataset.Show(o.Place), o)
	}
	for _, n := range f.Notes {
		w.p("  # %s", strings.Join(strings.Fields(n), " "))
	}
	return nil
}

// Translated are the stains that are made from the source.
func (f *Finding) Translated() []string {
	all := f.folders()
	delete(all, f.Source.Value)
	return slices.Sorted(maps.Keys(all))
}

// folders are those that generators are trained on, by stain, the source's among them;
// none if there is nothing to translate to, or from.
func (f *Finding) folders() map[string][]string {
	all := maps.Clone(f.Stains)
	if _, ok := all[f.Source.Value]; !ok && f.Labelled != nil && f.Labelled.Columns == nil {
		if f.Labelled.parts == nil {
			all[f.Source.Value] = f.Labelled.Train // patches are patches
		}
	}
	if _, ok := all[f.Source.Value]; !ok || len(all) < 2 {
		return nil
	}
	return all
}

func (w *writer) labelled(l *Labelled) error {
	w.p("  labelled: # %s: %s", l.layout, l)
	train, validation, test, err := w.parts(l)
	if err != nil {
		return err
	}
	w.p("    train: %s", list(train))
	if len(test) > 0 {
		w.p("    test: %s", list(test))
	} else {
		folds := min(manyFolds, max(l.fewest(), 2))
		w.p("    folds: %d # there is no test set: each image is tested once, by a model that has not seen it", folds)
	}
	switch {
	case len(validation) > 0:
		w.p("    validation: %s", list(validation))
	case !w.spares():
		w.p("    validation: none # too few patients or slides of each side to spare some")
	default:
		w.p("    validation: {fraction: %v, by: group}", fraction)
	}
	w.note("    ", l.Grouping)
	if l.Grouping.Value != "" {
		w.p("    group: {pattern: %s}", text(l.Grouping.Value))
	} else if !l.columns {
		w.p("    # group: {pattern: '^(?P<patient>[^_]+)_'} # if images of one patient or slide are in here more than once, say so")
	}
	if c := l.Columns; c != nil && *c != (Columns{}) && l.parts == nil {
		var of []string
		for _, x := range [][2]string{{"path", c.Path}, {"label", c.Label}, {"patient", c.Patient}, {"slide", c.Slide}} {
			if x[1] != "" {
				of = append(of, x[0]+": "+text(x[1]))
			}
		}
		w.p("    columns: {%s}", strings.Join(of, ", "))
	}
	return nil
}

// parts are what is trained, chosen and tested on: as it lies there, or tables of the
// draft's own, whose paths are relative to them where they can be.
func (w *writer) parts(l *Labelled) (train, validation, test []string, err error) {
	if l.parts == nil {
		return l.Train, l.Validation, l.Test, nil
	}
	to := map[string]*[]string{"train": &train, "validation": &validation, "test": &test}
	dir, err := filepath.Abs(w.dir)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, part := range slices.Sorted(maps.Keys(l.parts)) {
		var b bytes.Buffer
		c := csv.NewWriter(&b)
		head := []string{"path", "label", "patient", "slide"}
		for len(head) > 2 && !slices.ContainsFunc(l.parts[part], func(row []string) bool { return row[len(head)-1] != "" }) {
			head = head[:len(head)-1]
		}
		rows := [][]string{head}
		for _, row := range l.parts[part] {
			file, err := filepath.Abs(row[0])
			if err != nil {
				return nil, nil, nil, err
			}
			if rel, err := filepath.Rel(dir, file); err == nil {
				file = rel
			}
			rows = append(rows, append([]string{filepath.ToSlash(file)}, row[1:len(head)]...))
		}
		if err := c.WriteAll(rows); err != nil {
			return nil, nil, nil, err
		}
		file := filepath.Join(w.dir, w.name+"-"+part+".csv")
		w.tables = append(w.tables, File{file, b.Bytes()})
		*to[part] = []string{file}
	}
	return train, validation, test, nil
}

func (w *writer) rest() {
	f := w.f
	others := f.Translated()
	if l := f.Labelled; l != nil {
		w.p("tasks:")
		w.note("  ", l.Sides)
		w.p("  - {name: %s, positive: %s, negative: %s}", taskName(l), list(l.Positive), list(l.Negative))
	}
	w.p("# The paper: generator {width: 64, blocks: 6}, classifier {width: 256}, pretrain.epochs 200, finetune.epochs 30.")
	w.p("model: {generator: {width: 16, blocks: 3}, discriminator: {width: 16}, classifier: {width: 64}}")
	if len(others) > 0 {
		w.p("pretrain: {epochs: 12, constantEpochs: 6}")
	}
	if f.Labelled != nil {
		w.p("finetune: {epochs: 10, freezeEpochs: 2, dropEvery: 4, shards: 1%s}", w.batch())
	}
	w.p("arms:")
	if f.Labelled != nil {
		w.p("  - {name: %s_ONLY, stains: [], finetune.augment: true}", f.Source.Value)
	}
	if len(others) > 0 {
		w.p("  - {name: %s_ALL+, stains: [%s]}", f.Source.Value, strings.Join(others, ", "))
	} else {
		w.p("  # With folders of patches of other stains (g2c init DIR STAINS), an arm here would translate to them.")
	}
	w.p("sweep: {seeds: [1, 2, 3]}")
}

// spares says whether there are groups enough of both sides for a validation part.
func (w *writer) spares() bool { return w.f.Labelled.fewest() >= enough }

// batch is a smaller batch for few images.
func (w *writer) batch() string {
	train := int(float64(w.f.Labelled.images()) * (1 - fraction))
	if len(w.f.Labelled.Test) == 0 && len(w.f.Labelled.parts["test"]) == 0 {
		train = train * (manyFolds - 1) / manyFolds
	}
	b := wanted
	for b > 2 && train < 4*b {
		b /= 2
	}
	if b == wanted {
		return ""
	}
	return fmt.Sprintf(", batch: %d", b)
}

func taskName(l *Labelled) string {
	name := nameOf(strings.Join(l.Positive, "-")) + "-vs-" + nameOf(strings.Join(l.Negative, "-"))
	if name = nameOf(name); name == "" || !strings.Contains(name, "vs") {
		return "task"
	}
	return name
}

// list is one text, or several, in YAML.
func list(all []string) string {
	var out []string
	for _, s := range all {
		out = append(out, text(s))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// plainText needs no quotes in YAML, and is no number, truth or null.
var plainText = regexp.MustCompile(`^(\.\.?/)*[A-Za-z_/][A-Za-z0-9_./+-]*$`)

var meaning = []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n", ".inf", ".nan"}

// text is a text in YAML.
func text(s string) string {
	switch {
	case plainText.MatchString(s) && !slices.Contains(meaning, strings.ToLower(s)):
		return s
	case strconv.Quote(s) == `"`+s+`"` || !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return strconv.QuoteToASCII(s)
}
