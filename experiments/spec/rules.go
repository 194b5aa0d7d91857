package spec

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"g2c/internal/field"
)

// nameText is what a name looks like. A name ends up in paths, URLs and --only: no slash,
// no equals sign, no space. A stain's has no dots either.
const (
	nameText  = `^[A-Za-z0-9][A-Za-z0-9_.+&-]{0,63}$`
	stainText = `^[A-Za-z0-9][A-Za-z0-9_+&-]{0,63}$`
)

var nameForm = regexp.MustCompile(nameText)

const nameHint = "a name is up to 64 letters, digits, _ + & - and dots, and begins with a letter or digit; stains have no dots"

// maxTextBytes is as long as a task's text fields can be.
const maxTextBytes = 512

// checkString holds a text to the rules of its field.
func checkString(at Pos, path, s string, rules field.Rules) error {
	if choices := rules.Choices(); choices != nil {
		if slices.Contains(choices, s) {
			return nil
		}
		return at.fault("%s: want %s, got %q", path, strings.Join(choices, " or "), shorten(s)).
			WithHint("%s", suggest(s, choices))
	}
	return checkWord(at, path, s, rules.Text())
}

// checkWord applies the rule of a kind of text.
func checkWord(at Pos, path, s, kind string) error {
	switch kind {
	case "name", "stain":
		if !nameForm.MatchString(s) || (kind == "stain" && strings.Contains(s, ".")) {
			return at.fault("%s: %q is not a name", path, shorten(s)).WithHint("%s", nameHint)
		}
	case "text", "label":
		if s == "" {
			return at.fault("%s is empty", path)
		}
	}
	if len(s) > maxTextBytes || strings.ContainsFunc(s, unicode.IsControl) {
		return at.fault("%s: want at most %d bytes of printable text", path, maxTextBytes)
	}
	return nil
}

// checkNumber holds a number to the rules of its field.
func checkNumber(at Pos, path string, v float64, rules field.Rules) error {
	broken := rules.Broken(v)
	if broken == nil {
		return nil
	}
	err := at.fault("%s: want %s, got %s", path, broken, strconv.FormatFloat(v, 'g', -1, 64))
	if n := int64(broken.N); broken.Kind == "multiple" {
		low := int64(v) / n * n
		return err.WithHint("%d or %d", low, low+n)
	}
	return err
}
