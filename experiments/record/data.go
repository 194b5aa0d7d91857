package record

import (
	"fmt"
	"slices"

	"g2c/internal/dataset"
)

// Data is a set of images as the plan found it.
type Data struct {
	Name    string          `json:"name"`
	Fold    int             `json:"fold,omitempty"` // whose splits these are; 0 for none
	Summary dataset.Summary `json:"summary"`
	Verdict dataset.Verdict `json:"verdict"`
}

// Found is what a check found in a set.
type Found struct {
	Set string
	dataset.Check
}

// Findings are what was checked of the data and what was found, set by set: the verdict,
// and what became of images as they were read. What all folds of a set share comes once.
func Findings(all []Data) []Found {
	var out []Found
	for _, d := range all {
		for _, c := range d.checks() {
			f := Found{d.Name, c}
			if d.Fold > 0 && !shared(all, f) {
				f.Set += fmt.Sprintf(", fold %d", d.Fold)
			}
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

func (d *Data) checks() []dataset.Check {
	out := slices.Clone(d.Verdict.Checks)
	if d.Summary.Report == nil {
		return out
	}
	for _, n := range d.Summary.Report.Notes() {
		out = append(out, dataset.Check{Name: "images", State: dataset.Note, Text: n})
	}
	return out
}

// shared says whether every fold of a set found the same.
func shared(all []Data, f Found) bool {
	for _, d := range all {
		if d.Name == f.Set && !slices.Contains(d.checks(), f.Check) {
			return false
		}
	}
	return true
}
