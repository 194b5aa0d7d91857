package spec

import (
	"reflect"
	"strings"

	"g2c/internal/field"
)

// suggestField says what an unknown field was probably meant to be: a sibling
// spelt nearly so, a field of that name elsewhere, or else what there is.
func suggestField(t reflect.Type, path, key string) string {
	siblings := fieldNames(t)
	if path == "" {
		siblings = append(siblings, "arms", "sweep")
	}
	if near := nearest(key, siblings); near != "" {
		return "did you mean " + join(path, near) + "?"
	}
	var elsewhere []string
	for _, p := range fieldPaths() {
		if p == key || strings.HasSuffix(p, "."+key) {
			elsewhere = append(elsewhere, p)
		}
	}
	if len(elsewhere) > 0 {
		return "did you mean " + strings.Join(elsewhere, " or ") + "?"
	}
	return "fields here: " + strings.Join(siblings, ", ")
}

// suggest says which of the choices a word was probably meant to be.
func suggest(word string, choices []string) string {
	if near := nearest(word, choices); near != "" {
		return "did you mean " + near + "?"
	}
	return "choose one: " + strings.Join(choices, ", ")
}

// nearest is the choice with the fewest edits from the word, if few enough; the
// first on a tie.
func nearest(word string, choices []string) string {
	best, fewest := "", 1+max(1, min(len(word)/3, 3))
	if len(word) > 64 {
		return ""
	}
	for _, c := range choices {
		if d := edits(strings.ToLower(word), strings.ToLower(c)); d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

// edits is the optimal string alignment distance: insertions, deletions,
// replacements and swaps of neighbours.
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// fieldNames are the names of a struct's fields, in order.
func fieldNames(t reflect.Type) []string {
	var names []string
	for _, f := range field.Of(t) {
		names = append(names, f.Name)
	}
	return names
}
