package draft

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// stains are what the field calls them, in lower case, by the names of the paper.
var stains = map[string][]string{
	"HE":     {"he", "h&e", "hande", "hne", "h_e", "haematoxylin", "hematoxylin", "eosin"},
	"PAS":    {"pas", "schiff"},
	"MASSON": {"masson", "mas", "tri", "trichrome", "trichrom", "mt"},
	"PASM":   {"pasm", "sil", "silver", "jones", "jms", "methenamine"},
}

// stainOf is the stain that a name speaks of; whole says that it says nothing else.
func stainOf(name string) (stain string, whole bool) {
	lower := strings.ToLower(name)
	words := strings.FieldsFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '&' })
	for _, s := range []string{"PASM", "PAS", "MASSON", "HE"} {
		if slices.Contains(stains[s], lower) {
			return s, true
		}
		if slices.ContainsFunc(words, func(w string) bool { return slices.Contains(stains[s], w) }) && stain == "" {
			stain = s
		}
	}
	return stain, false
}

// splits are what folders and cells call the parts of a data set.
var splits = map[string]string{
	"train": "train", "training": "train", "tr": "train",
	"val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
	"test": "test", "testing": "test", "holdout": "test", "hold-out": "test",
}

func splitOf(name string) string { return splits[strings.ToLower(strings.TrimSpace(name))] }

// lacks is how names of a class begin that lacks what is looked for.
var lacks = regexp.MustCompile(`(?i)^(0|no|non|not|neg|negative|normal|benign|healthy|control|without|background|other)([^\pL].*)?$|^(?i:non?|not|neg)[-_ ]?\pL+$`)

// sides are the labels with and without what is looked for. sure says that names told.
func sides(labels []string) (positive, negative []string, sure bool) {
	for _, l := range labels {
		if lacks.MatchString(l) {
			negative = append(negative, l)
		} else {
			positive = append(positive, l)
		}
	}
	if len(positive) > 0 && len(negative) > 0 {
		return positive, negative, true
	}
	last := len(labels) - 1
	return labels[last:], labels[:last], false
}

// groupings are how the names of patches tell where they were cut, the most telling first.
var groupings = []string{
	`^(?P<patient>TCGA-\w{2}-\w{4})\W.*$`,
	`^(?P<patient>(?i:patient|case|subject|pt)[-_]?\w*?\d+)(?:\D.*)?$`,
	`^(?P<patient>[^_]+)_idx\d+_x\d+_y\d+_class\d+$`,
	`^(?P<slide>.+?)[-_](?i:[xyrc]\d+[-_]?[xyrc]\d+)$`,
	`^(?P<slide>.+?)[-_](?i:tile|patch|crop|roi|img|im)[-_]?\d+$`,
	`^(?P<slide>.+)-\d+$`,
	`^(?P<slide>.+)_\d+$`,
	`^(?P<slide>.+) \(\d+\)$`,
}

// fewest is how many images a group has on average, at least: finer names than that are
// numbers of images.
const fewest = 2

// groupingOf is the first pattern that every stem matches and that puts them into several
// groups, and how many; empty for none.
func groupingOf(stems []string) (pattern string, groups int) {
	for _, p := range groupings {
		re := regexp.MustCompile(p)
		found := map[string]bool{}
		for _, s := range stems {
			m := re.FindStringSubmatch(s)
			if m == nil || m[1] == "" {
				found = nil
				break
			}
			found[m[1]] = true
		}
		if len(found) > 1 && len(stems) >= fewest*len(found) {
			return p, len(found)
		}
	}
	return "", 0
}

// Name is a name for an experiment on a place.
func Name(place string) string {
	base := filepath.Base(filepath.Clean(place))
	if name := nameOf(strings.TrimSuffix(base, filepath.Ext(base))); name != "" {
		return name
	}
	return "experiment"
}

// Stain is a stain's name as the paper has it, if it is one of its.
func Stain(name string) string {
	if s, _ := stainOf(name); s != "" {
		return s
	}
	return strings.ToUpper(nameOf(name))
}

// nameOf makes a name of a spec out of any text.
func nameOf(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String()[:min(b.Len(), 40)], "-")
}
