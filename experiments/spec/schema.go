package spec

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"regexp"
	"strings"

	"g2c/internal/field"
)

// schema is a JSON Schema, or a part of one.
type schema = map[string]any

// place is where a field stands in a document.
type place int

const (
	asFile place = iota // the file itself
	asArm               // an arm, where dotted names are paths
	asAxis              // the sweep: the same, and each value is a list of values
)

// localText is what begins a path that needs no shell.
const localText = `^([^~$]|~($|[/\\]))`

// Schema is the JSON Schema (draft 2020-12) of a spec, for editors and other programs.
// What it refuses is no spec; what it accepts may still be an impossible one.
func Schema() []byte {
	root := reflect.TypeFor[Spec]()
	w := &schemas{defs: schema{}}
	out := w.section(root, asFile, "")
	properties := out["properties"].(schema)
	stains := schema{"type": "array", "items": schema{"type": "string", "pattern": stainText}, "uniqueItems": true}
	arm := w.section(root, asArm, "")
	arm["required"] = []string{"name"}
	arm["properties"].(schema)["name"] = schema{"type": "string", "pattern": nameText, "description": besides[0].Doc}
	arm["properties"].(schema)["stains"] = stains
	properties["arms"] = schema{"type": "array", "minItems": 1, "items": arm, "description": "what is compared"}
	axes := w.section(root, asAxis, "")
	for short, long := range shorthand {
		axes["properties"].(schema)[short] = axes["properties"].(schema)[long]
	}
	axes["properties"].(schema)["stains"] = schema{"type": "array", "minItems": 1, "items": stains}
	axes["description"] = besides[len(besides)-1].Doc
	properties["sweep"] = axes
	w.defs["point"] = w.point(root)
	out["required"] = []string{"apiVersion", "kind", "metadata", "data"}
	out["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	out["title"] = "Experiment of g2c"
	out["$defs"] = w.defs
	return render(out)
}

// point is an arm at some points of the sweep, in a comparison.
func (w *schemas) point(root reflect.Type) schema {
	arm := w.section(root, asArm, "")
	properties := arm["properties"].(schema)
	for short, long := range selectorWords {
		properties[short] = properties[long]
	}
	properties["arm"] = schema{"type": "string", "pattern": nameText}
	properties["stains"] = schema{"type": "array", "items": schema{"type": "string"}}
	arm["required"] = []string{"arm"}
	return arm
}

func render(s schema) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(s); err != nil {
		panic("spec: schema: " + err.Error()) // maps, lists, text and numbers always encode
	}
	return b.Bytes()
}

// schemas makes the schemas of sections and fields, each once: they refer to each other
// by path.
type schemas struct{ defs schema }

// prefixes tell the definitions of one path apart, by where it stands.
var prefixes = [...]string{asFile: "", asArm: "arm:", asAxis: "sweep:"}

// define names a schema, and refers to it.
func (w *schemas) define(name string, s schema) schema {
	if w.defs == nil {
		return s
	}
	w.defs[name] = s
	return schema{"$ref": "#/$defs/" + name}
}

// resolve is what a schema refers to.
func (w *schemas) resolve(s schema) schema {
	if ref, ok := s["$ref"].(string); ok {
		return w.defs[strings.TrimPrefix(ref, "#/$defs/")].(schema)
	}
	return s
}

// section is the schema of a struct.
func (w *schemas) section(t reflect.Type, at place, path string) schema {
	properties, patterns := schema{}, schema{}
	for _, f := range field.Of(t) {
		if at != asFile && holdsForAll(&f) {
			continue
		}
		s := w.field(f.Type, &f, at, join(path, f.Name))
		properties[f.Name] = s
		if at != asFile {
			w.addDotted(properties, patterns, f.Name, s)
		}
	}
	out := schema{"type": "object", "additionalProperties": false, "properties": properties}
	if len(patterns) > 0 {
		out["patternProperties"] = patterns
	}
	return out
}

// addDotted adds what lies below a section under its dotted names.
func (w *schemas) addDotted(properties, patterns schema, name string, section schema) {
	choices := []any{section}
	if list, ok := w.resolve(section)["anyOf"].([]any); ok {
		choices = list
	}
	for _, choice := range choices {
		s := w.resolve(choice.(schema))
		below, _ := s["properties"].(schema)
		for key, inner := range below {
			properties[name+"."+key] = inner
		}
		below, _ = s["patternProperties"].(schema)
		for key, inner := range below {
			patterns["^"+regexp.QuoteMeta(name+".")+strings.TrimPrefix(key, "^")] = inner
		}
	}
}

// field is the schema of a field; in the sweep, of a list of its values.
func (w *schemas) field(t reflect.Type, f *field.Field, at place, path string) schema {
	s, isSection := w.value(t, f, at, path)
	if !isSection && at != asFile {
		s = schema{"$ref": "#/$defs/" + path} // as in the file
	} else {
		if f.Doc != "" {
			s["description"] = describeField(f)
		}
		if v, ok := defaultJSON(t, f); ok {
			s["default"] = v
		}
		s = w.define(prefixes[at]+path, s)
	}
	if at != asAxis {
		return s
	}
	if !isSection {
		return schema{"type": "array", "minItems": 1, "items": s}
	}
	return schema{"anyOf": []any{s, schema{"type": "array", "minItems": 1, "items": schema{"$ref": "#/$defs/arm:" + path}}}}
}

func describeField(f *field.Field) string {
	if f.Unit == "" {
		return f.Doc
	}
	return f.Doc + " (" + f.Unit + ")"
}

// value is the schema of a value, and whether paths go on below it.
func (w *schemas) value(t reflect.Type, f *field.Field, at place, path string) (s schema, isSection bool) {
	if own, ok := reflect.New(t).Interface().(value); ok {
		return own.schema(), false
	}
	switch t.Kind() {
	case reflect.Pointer:
		return w.value(t.Elem(), f, at, path)
	case reflect.Struct:
		return w.section(t, at, path), true
	case reflect.Map:
		form := stainText
		if dotted(f) {
			form = nameText
		}
		item := w.field(t.Elem(), &field.Field{Rules: f.Rules}, at, join(path, f.Tag.Get("names")))
		return schema{"type": "object", "additionalProperties": false, "patternProperties": schema{form: item}}, true
	case reflect.Slice:
		item, _ := w.value(t.Elem(), f, asFile, path)
		s := schema{"type": "array", "items": item}
		if t.Elem().Kind() == reflect.String { // labels of a class: one at least, each once
			s["minItems"], s["uniqueItems"] = 1, true
		}
		return s, false
	case reflect.Bool:
		return schema{"type": "boolean"}, false
	case reflect.Uint32:
		return schema{"type": "integer", "minimum": 0, "maximum": uint32(math.MaxUint32)}, false
	case reflect.Int, reflect.Float64:
		return numberSchema(t, f), false
	}
	return textSchema(f), false
}

func numberSchema(t reflect.Type, f *field.Field) schema {
	s := schema{"type": "number"}
	if t.Kind() == reflect.Int {
		s["type"] = "integer"
	}
	for _, r := range f.Rules.List {
		switch r.Kind {
		case "min":
			s["minimum"] = r.N
		case "max":
			s["maximum"] = r.N
		case "above":
			s["exclusiveMinimum"] = r.N
		case "below":
			s["exclusiveMaximum"] = r.N
		case "multiple":
			s["multipleOf"] = r.N
		case "power":
			var powers []int
			for n := 1; n <= 4096; n *= 2 {
				powers = append(powers, n)
			}
			s["enum"] = powers
		}
	}
	if f.Word != "" {
		return schema{"anyOf": []any{schema{"const": f.Word}, s}}
	}
	return s
}

func textSchema(f *field.Field) schema {
	s := schema{"type": "string"}
	if choices := f.Rules.Choices(); choices != nil {
		s["enum"] = choices
		return s
	}
	switch f.Rules.Text() {
	case "name":
		s["pattern"] = nameText
	case "stain":
		s["pattern"] = stainText
	case "text", "label":
		s["minLength"], s["maxLength"] = 1, maxTextBytes
	}
	return s
}

// defaultJSON is the default of a field as JSON has it.
func defaultJSON(t reflect.Type, f *field.Field) (any, bool) {
	if f.Default == "" {
		return nil, false
	}
	switch t.Kind() {
	case reflect.Bool:
		return f.Default == "true", true
	case reflect.Int, reflect.Uint32, reflect.Float64:
		if f.Default == f.Word {
			return f.Word, true
		}
		return number(f.Default), true
	}
	n, err := read("default of "+f.Name, []byte(f.Default))
	if err != nil {
		panic("spec: " + err.Error())
	}
	return n.json(), true
}

// json is a node as encoding/json has it, for the schema and for `g2c spec show`.
func (n *node) json() any {
	switch n.kind {
	case mappingNode:
		out := map[string]any{}
		for _, e := range n.entries {
			out[e.key] = e.value.json()
		}
		return out
	case listNode:
		out := []any{}
		for _, item := range n.items {
			out = append(out, item.json())
		}
		return out
	case nullNode:
		return nil
	}
	switch {
	case n.quoted:
		return n.text
	case n.text == "true" || n.text == "false":
		return n.text == "true"
	case integerForm.MatchString(n.text) || floatForm.MatchString(n.text):
		return json.Number(n.text)
	}
	return n.text
}
