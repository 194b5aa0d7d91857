package spec

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// A name ends up in paths, URLs and --only: no slash, no equals sign, no space.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+&-]{0,63}$`)

const nameHint = "a name is up to 64 letters, digits, _ + & - and dots, and begins with a letter or digit; stains have no dots"

// checkWord applies the rule of a text field to its value.
func checkWord(at Pos, path, s, rule string) error {
	switch kind, arg, _ := strings.Cut(rule, "="); kind {
	case "name", "stain":
		if !nameForm.MatchString(s) || (kind == "stain" && strings.Contains(s, ".")) {
			return at.fault("%s: %q is not a name", path, shorten(s)).WithHint("%s", nameHint)
		}
	case "one":
		choices := strings.Split(arg, "|")
		for _, c := range choices {
			if s == c {
				return nil
			}
		}
		return at.fault("%s: want %s, got %q", path, strings.Join(choices, " or "), shorten(s)).
			WithHint("%s", suggest(s, choices))
	case "text":
		if s == "" {
			return at.fault("%s is empty", path)
		}
	}
	const limit = 512 // as a task's text fields have
	if len(s) > limit || strings.ContainsFunc(s, unicode.IsControl) {
		return at.fault("%s: want at most %d bytes of printable text", path, limit)
	}
	return nil
}

// checkNumber applies the rules of a number field: min, max (inclusive), above,
// below (exclusive).
func checkNumber(at Pos, path string, v float64, rules string) error {
	if rules == "" {
		return nil
	}
	for _, rule := range strings.Split(rules, ",") {
		kind, arg, _ := strings.Cut(rule, "=")
		bound, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			panic("spec: rule tag " + rule)
		}
		ok, words := true, ""
		switch kind {
		case "min":
			ok, words = v >= bound, "at least "
		case "max":
			ok, words = v <= bound, "at most "
		case "above":
			ok, words = v > bound, "more than "
		case "below":
			ok, words = v < bound, "less than "
		}
		if !ok {
			return at.fault("%s: want %s%s, got %s", path, words, arg, strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	return nil
}
