package sweep

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"g2c/api"
	"g2c/experiments/spec"
)

// notes, once items have names, say what of a spec decides nothing here: it may be meant so, and is not lost
// without a word.
func (e *expansion) notes(f *spec.File) []string {
	var out []string
	used := map[string]bool{f.Spec.Data.Source: true}
	for i := range f.Variants {
		for _, stain := range f.Variants[i].Stains {
			used[stain] = true
		}
	}
	for _, stain := range slices.Sorted(maps.Keys(f.Spec.Generators)) {
		if !used[stain] {
			out = append(out, fmt.Sprintf("generators.%s: no arm generates %s", stain, stain))
		}
	}
	for _, stain := range slices.Sorted(maps.Keys(f.Spec.Data.Unlabelled)) {
		if !used[stain] {
			out = append(out, fmt.Sprintf("data.unlabelled.%s: no arm generates %s", stain, stain))
		}
	}
	for _, stain := range slices.Sorted(maps.Keys(f.Spec.Data.Paired)) {
		if !used[stain] {
			out = append(out, fmt.Sprintf("data.paired.%s: no arm generates %s", stain, stain))
		}
	}
	l := &f.Spec.Data.Labelled
	if l.Group.By != "" && l.Group.Pattern == "" {
		out = append(out, "data.labelled.group.by decides between a pattern and a column, and there is no pattern")
	}
	tables := slices.ContainsFunc(slices.Concat(l.Train, l.Test, l.Validation.Paths), func(p string) bool {
		ext := strings.ToLower(path.Ext(p))
		return ext == ".csv" || ext == ".tsv"
	})
	if l.Columns != (api.Columns{}) && !tables {
		out = append(out, "data.labelled.columns: no table is named, and folders have no columns")
	}
	for _, axis := range f.Axes() {
		if e.idle(axis) {
			out = append(out, fmt.Sprintf("sweep: %s decides nothing for the tasks of this spec: its values share every one of them", axis))
		}
	}
	for i, item := range e.differ {
		if !slices.Contains(e.differ[:i], item) {
			out = append(out, fmt.Sprintf("%s is one task for several arms or points, whose gang, checkpoint or watchdog differ: the first's count", item.Name()))
		}
	}
	return out
}

// idle says whether every task serves all values of an axis.
func (e *expansion) idle(axis string) bool {
	all := map[string]bool{}
	served := map[api.Key]map[string]bool{}
	values := map[*spec.Variant]string{}
	for _, r := range e.requests {
		value, ok := values[r.variant]
		if !ok {
			value = spec.ValueAt(&r.variant.Spec, axis)
			values[r.variant] = value
		}
		all[value] = true
		if served[r.item.Key] == nil {
			served[r.item.Key] = map[string]bool{}
		}
		served[r.item.Key][value] = true
	}
	for _, by := range served {
		if len(by) < len(all) {
			return false
		}
	}
	return len(all) > 1
}
