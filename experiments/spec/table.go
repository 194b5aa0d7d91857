package spec

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"g2c/internal/field"
)

// Row is a row of the table of fields: one that a spec can write.
type Row struct {
	Path    string // with a word in capitals where a name stands, and [] after a list
	Kind    string // its type
	Limits  string // its range or its choices
	Unit    string
	Default string
	Key     string // the keys it enters: of P, F and E; empty for none
	Doc     string
}

// Table lists every field of a spec, in order.
func Table() []Row { return tableOf(reflect.TypeFor[Spec](), taskKeys()) }

func tableOf(t reflect.Type, keys map[field.Place]string) []Row {
	var rows []Row
	addRows(t, "", "", keys, func(r Row) { rows = append(rows, r) })
	return rows
}

func addRows(t reflect.Type, path, section string, keys map[field.Place]string, add func(Row)) {
	for _, f := range field.Of(t) {
		key, at, inner := keyOf(&f, keys, section), join(path, f.Name), f.Type
		switch inner.Kind() {
		case reflect.Pointer:
			inner = inner.Elem()
		case reflect.Map:
			at, inner = join(at, f.Tag.Get("names")), inner.Elem()
		case reflect.Slice:
			if inner.Elem().Kind() == reflect.Struct {
				at, inner = at+"[]", inner.Elem()
			}
		}
		if _, own := reflect.New(inner).Interface().(value); inner.Kind() == reflect.Struct && !own {
			addRows(inner, at, key, keys, add)
			continue
		}
		kind, limits := describeType(inner, &f)
		standard := f.Default
		if standard == "" {
			standard = f.Tag.Get("unwritten")
		}
		add(Row{Path: at, Kind: kind, Limits: limits, Unit: f.Unit, Default: standard, Key: key, Doc: f.Doc})
	}
}

// describeType is the type and the range of a field, for readers.
func describeType(t reflect.Type, f *field.Field) (kind, limits string) {
	if own, ok := reflect.New(t).Interface().(value); ok {
		return own.words()
	}
	if choices := f.Rules.Choices(); choices != nil {
		return "text", "`" + strings.Join(choices, "`, `") + "`"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false", ""
	case reflect.Uint32:
		return "whole number", "0 to 4294967295"
	case reflect.Int:
		kind = "whole number"
		if f.Word != "" {
			kind += ", or `" + f.Word + "`"
		}
		return kind, rangeOf(f.Rules)
	case reflect.Float64:
		return "number", rangeOf(f.Rules)
	case reflect.Slice:
		return "list of labels", ""
	}
	switch f.Rules.Text() {
	case "name", "stain":
		return "name", ""
	case "pattern":
		return "regular expression", ""
	}
	return "text", ""
}

// rangeOf is the range of a number, for readers.
func rangeOf(r field.Rules) string {
	var low, high, rest string
	for _, rule := range r.List {
		switch rule.Kind {
		case "min":
			low = "at least " + rule.Arg
		case "max":
			high = " to " + rule.Arg
		case "above":
			low = "above " + rule.Arg
		case "below":
			high = ", below " + rule.Arg
		default:
			rest = ", " + rule.String()
		}
	}
	if strings.HasPrefix(high, " to ") {
		low = strings.TrimPrefix(low, "at least ")
	}
	return low + high + rest
}

// fieldPaths are the paths of all fields with fixed names, for suggestions.
var fieldPaths = sync.OnceValue(func() []string {
	var paths []string
	for _, r := range Table() {
		path, _, isList := strings.Cut(r.Path, "[]")
		for _, name := range []string{".STAIN", ".NAME"} {
			path = strings.TrimSuffix(path, name)
		}
		if !isList || !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
})

// besides are the rows of what makes variants of a spec, and is no field of one.
var besides = []Row{
	{Path: "arms[].name", Kind: "name", Doc: "of the arm, in reports and in the names of its tasks"},
	{Path: "arms[].stains", Kind: "list of names", Key: "F", Doc: "stains to generate and to look at beside the source; `[]` is the source alone. Left out where the sweep gives them"},
	{Path: "arms[].PATH", Kind: "as the field", Doc: "any field above that is not the whole experiment's, for this arm alone"},
	{Path: "sweep.PATH", Kind: "list", Doc: "values of a field: every arm at every point; `stains`, `blocks` and `seeds` are short for arms, `model.generator.blocks` and `seed`"},
}

// Reference is the table for documents, in Markdown.
func Reference() string { return referenceOf(append(Table(), besides...)) }

func referenceOf(rows []Row) string {
	var b strings.Builder
	b.WriteString("| field | type | range | unit | default | keys | meaning |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		standard := r.Default
		if standard != "" {
			standard = "`" + standard + "`"
		}
		keys := strings.Join(strings.Split(r.Key, ""), " ")
		cells := []string{"`" + r.Path + "`", r.Kind, r.Limits, r.Unit, standard, cmp.Or(keys, "–"), r.Doc}
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "|", "\\|")
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// number is a limit of the schema, as JSON writes it.
func number(arg string) float64 {
	n, err := strconv.ParseFloat(arg, 64)
	if err != nil {
		panic("spec: rule " + arg)
	}
	return n
}
