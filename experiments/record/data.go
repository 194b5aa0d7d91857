package record

import (
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
// and what became of images as they were read. What the folds of a set share comes once.
func Findings(all []Data) []Found {
	var out []Found
	add := func(f Found) {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	for _, d := range all {
		for _, c := range d.Verdict.Checks {
			add(Found{d.Name, c})
		}
		if d.Summary.Report == nil {
			continue
		}
		for _, n := range d.Summary.Report.Notes() {
			add(Found{d.Name, dataset.Check{Name: "images", State: dataset.Note, Text: n}})
		}
	}
	return out
}
