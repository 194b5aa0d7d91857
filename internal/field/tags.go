package field

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// The keys that a tag can have: those that are read here, and those of specs alone
// (experiments/spec says what they mean). One that is misspelt would be as good as none.
var keys = []string{
	"yaml", "json", "f", "default", "was", "level", "levels", "rule", "word", "key", "unit", "doc",
	"whole", "names", "dots", "unwritten",
}

// wrong stops the program: tags are a part of it.
func wrong(t reflect.Type, name, format string, a ...any) {
	panic(fmt.Sprintf("field: %s.%s: ", t, name) + fmt.Sprintf(format, a...))
}

// checkTag holds the tag of a field to the keys that there are.
func checkTag(t reflect.Type, s reflect.StructField) {
	var seen []string
	for rest := strings.TrimSpace(string(s.Tag)); rest != ""; rest = strings.TrimSpace(rest) {
		key, after, ok := strings.Cut(rest, ":")
		value, err := strconv.QuotedPrefix(after)
		switch {
		case !ok || err != nil:
			wrong(t, s.Name, "its tag cannot be read from %q on", rest)
		case !slices.Contains(keys, key):
			wrong(t, s.Name, "there is no tag %q", key)
		case slices.Contains(seen, key):
			wrong(t, s.Name, "the tag %q is there twice", key)
		case s.Anonymous && key != "f":
			wrong(t, s.Name, "the tag %q says nothing of an embedded struct", key)
		}
		seen = append(seen, key)
		rest = after[len(value):]
	}
	_, options, more := strings.Cut(s.Tag.Get("json"), ",")
	if more && options != "omitempty" && options != "omitzero" {
		wrong(t, s.Name, "there is no option %q of json", options)
	}
}

// numberOf is the number of a field, 0 for none.
func numberOf(t reflect.Type, s reflect.StructField) (number int, signed bool) {
	tag, ok := s.Tag.Lookup("f")
	if !ok {
		return 0, false
	}
	text, option, more := strings.Cut(tag, ",")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		wrong(t, s.Name, "%q is no number of a field", text)
	}
	signed = option == "signed" && s.Type.Kind() == reflect.Int
	if more && !signed {
		wrong(t, s.Name, "there is no option %q of the number of a %s", option, s.Type)
	}
	if !s.Anonymous && !s.IsExported() {
		wrong(t, s.Name, "it has a number, and cannot be reached")
	}
	return n, signed
}

// checkNames asks that fields have names of their own, in JSON and in specs: of two with
// one name, one would be lost.
func checkNames(t reflect.Type, list []Field) {
	names, stored := map[string]string{}, map[string]string{}
	for _, f := range list {
		if other, ok := names[f.Name]; ok && f.Name != "" {
			wrong(t, f.Go, "its name %q is that of %s", f.Name, other)
		}
		if other, ok := stored[f.Stored]; ok && f.Stored != "" {
			wrong(t, f.Go, "its name %q in JSON is that of %s", f.Stored, other)
		}
		names[f.Name], stored[f.Stored] = f.Go, f.Go
	}
}
