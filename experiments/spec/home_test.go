package spec

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"g2c/internal/fault"
	"g2c/internal/field"
)

const athome = `
apiVersion: g2c/v1
kind: Experiment
metadata: {name: t, labels: {note: ~/not-a-path}}
data:
  source: PAS
  unlabelled: {HE: ~/he, PAS: [~/pas/*.png, b]}
  labelled: {train: ~/train, test: [~/t1, ./~/t2], validation: ~/val}
generators: {HE: ~/model}
store: ~/runs
tasks: [{name: t, positive: [a], negative: [b]}]
arms:
- {name: A, stains: [], data.labelled.train: ~/other}
- {name: B, stains: [HE], data: {labelled: {train: [~/third]}}}
sweep: {data.labelled.test: [~/x, [~/y]]}
`

func TestHomeIsPutIntoEveryPath(t *testing.T) {
	f, err := ParseHome("/home/ada", "s.yaml", []byte(athome))
	if err != nil {
		t.Fatal(err)
	}
	spelled, err := Parse("s.yaml", []byte(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(athome, "~/", "/home/ada/"), ".//home/ada/", "./~/"), "/home/ada/not", "~/not")))
	if err != nil {
		t.Fatal(err)
	}
	if string(f.Canonical()) != string(spelled.Canonical()) || f.Hash() != spelled.Hash() {
		t.Errorf("with a home:\n%s\nspelled out:\n%s", f.Canonical(), spelled.Canonical())
	}
	if got := f.Variants[0].Spec.Data.Labelled.Train[0]; got != "/home/ada/other" {
		t.Errorf("arm A trains on %s", got)
	}
	if _, err := Parse("s.yaml", []byte(athome)); !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "no home directory") {
		t.Errorf("without a home: %v", err)
	}
}

// TestPathFieldsAreAll holds the list of path fields to the table of fields.
func TestPathFieldsAreAll(t *testing.T) {
	var check func(typ reflect.Type, path string)
	check = func(typ reflect.Type, path string) {
		switch typ {
		case reflect.TypeFor[Paths](), reflect.TypeFor[Validation]():
			if !pathFields.MatchString(path) {
				t.Errorf("%s holds paths, and ~/ is not put into it", path)
			}
			return
		}
		switch typ.Kind() {
		case reflect.Struct:
			for _, f := range field.Of(typ) {
				check(typ.FieldByIndex(f.Index).Type, join(path, f.Name))
			}
		case reflect.Map, reflect.Pointer:
			if typ.Kind() == reflect.Map {
				path += ".X"
			}
			check(typ.Elem(), path)
		}
	}
	check(reflect.TypeFor[Spec](), "")
}

func TestFilesThatAreNoSpec(t *testing.T) {
	wide := "\xff\xfe"
	for _, u := range utf16.Encode([]rune("apiVersion: g2c/v1\n")) {
		wide += string([]byte{byte(u), byte(u >> 8)})
	}
	for name, c := range map[string]struct{ text, says string }{
		"UTF-16":        {wide, "UTF-16"},
		"unmarked":      {wide[2:], "UTF-16"},
		"a picture":     {"\x89PNG\r\n\x1a\n\x00\x00", "it is a PNG image, not a spec"},
		"a slide":       {"II*\x00\x08\x00\x00\x00", "it is a TIFF image, not a spec"},
		"a web page":    {"<!DOCTYPE html><html>", "it is a web page, not a spec"},
		"an LFS folder": {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"},
	} {
		if _, err := Parse("s.yaml", []byte(c.text)); !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
