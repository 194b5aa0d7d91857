package draft

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// roles are what tables call their columns, in lower case, the likeliest first.
var roles = map[string][]string{
	"path":    {"path", "file", "filename", "file_name", "filepath", "image", "image_path", "img", "name", "datei", "pfad", "bild"},
	"label":   {"label", "class", "classname", "class_name", "target", "diagnosis", "category", "y", "klasse", "diagnose"},
	"patient": {"patient", "patient_id", "patientid", "case", "case_id", "subject", "subject_id", "pid", "patientin"},
	"slide":   {"slide", "slide_id", "slideid", "wsi", "slide_name", "scan"},
	"split":   {"split", "set", "fold", "subset", "partition"},
}

// columnOf is where a header has a role; -1 for nowhere.
func columnOf(header []string, role string) int {
	for _, name := range roles[role] {
		if i := slices.IndexFunc(header, func(h string) bool {
			return strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(h), " ", "_"), name)
		}); i >= 0 {
			return i
		}
	}
	return -1
}

// table is a CSV file of labelled images.
func table(path string) (*Labelled, error) {
	header, rows, err := dataset.PeekTable(path)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for role := range roles {
		at[role] = columnOf(header, role)
	}
	if at["path"] < 0 {
		at["path"] = pathColumn(header, rows)
	}
	if at["path"] < 0 || at["label"] < 0 {
		return nil, fault.New(fault.ErrData, "table %s: among its columns %q none is clearly the path of an image and another its label", dataset.Show(path), header).
			WithHint("name them path and label")
	}
	l := &Labelled{Place: path, Train: []string{path}, Labels: map[string]int{}, layout: "a table"}
	cell := func(row []string, role string) string {
		if i := at[role]; i >= 0 && i < len(row) {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	name := func(role string) string {
		if at[role] < 0 || strings.EqualFold(header[at[role]], role) {
			return ""
		}
		return header[at[role]]
	}
	l.Columns = &Columns{name("path"), name("label"), name("patient"), name("slide")}
	groups := map[string]bool{}
	for i, row := range rows {
		file, label := cell(row, "path"), cell(row, "label")
		if file == "" || label == "" {
			continue
		}
		l.Labels[dataset.NFC(label)]++
		if at["split"] >= 0 {
			l.part(path, cell(row, "split"), file, label, cell(row, "patient"), cell(row, "slide"))
		}
		base := filepath.Base(filepath.ToSlash(file))
		im := patch{strings.TrimSuffix(base, filepath.Ext(base)), dataset.NFC(label), cmp.Or(cell(row, "patient"), cell(row, "slide"))}
		l.all = append(l.all, im)
		if im.group != "" {
			groups[im.group], l.columns = true, true
		}
		if i%max(1, len(rows)/looked) == 0 {
			if !filepath.IsAbs(file) {
				file = filepath.Join(filepath.Dir(path), filepath.FromSlash(file))
			}
			l.sample = append(l.sample, file)
		}
	}
	if len(l.Labels) < 2 {
		return nil, fault.New(fault.ErrData, "table %s has %d labels in its column %q, want two at least", dataset.Show(path), len(l.Labels), header[at["label"]])
	}
	l.splits(header[max(at["split"], 0)])
	if l.Groups = len(groups); l.columns {
		l.Grouping = Guess{Why: "a column of the table says which images belong together", Sure: Certain}
	}
	return l, nil
}

// pathColumn is the column whose first cells are names of images.
func pathColumn(header []string, rows [][]string) int {
	for i := range header {
		images := 0
		for _, row := range rows[:min(len(rows), 20)] {
			if i < len(row) && dataset.IsImageName(strings.TrimSpace(row[i])) {
				images++
			}
		}
		if images > 0 && images == min(len(rows), 20) {
			return i
		}
	}
	return -1
}

// part keeps a row for a table of its split.
func (l *Labelled) part(table, split, file, label, patient, slide string) {
	part := splitOf(split)
	if part == "" {
		part = "?"
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(table), filepath.FromSlash(file))
	}
	if l.parts == nil {
		l.parts = map[string][][]string{}
	}
	l.parts[part] = append(l.parts[part], []string{file, label, patient, slide})
}

// splits uses a column of splits, if it is one.
func (l *Labelled) splits(column string) {
	if l.parts == nil {
		return
	}
	if len(l.parts["?"]) > 0 || len(l.parts["train"]) == 0 {
		l.parts = nil
		return
	}
	l.layout = fmt.Sprintf("a table, cut by its column %s", column)
}
