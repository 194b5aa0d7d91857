package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Canonical is the spec in normal form: one YAML text, whatever the order of
// keys, layout, comments and forms of numbers in the original, with every
// default filled in. Parse reads it back to the same experiment. Columns that are not
// written stay so: a written one must be there.
func (f *File) Canonical() []byte { return f.write(whole) }

// JSON is Canonical for programs: the same spec, which Parse reads too.
func (f *File) JSON() any { return f.node(whole).json() }

// Hash is a SHA-256 in hex: equal for specs that mean the same. What it is of leaves out
// fields that are as they were before these were there, so that it stays as it was.
func (f *File) Hash() string {
	sum := sha256.Sum256(f.write(hashed))
	return hex.EncodeToString(sum[:])
}

func (f *File) write(as form) []byte {
	var b strings.Builder
	writeBlock(&b, f.node(as), 0)
	return []byte(b.String())
}

func (f *File) node(as form) *node {
	root := encodeStruct(reflect.ValueOf(&f.Spec).Elem(), as)
	if f.arms != nil {
		arms := &node{kind: listNode}
		for _, a := range f.arms {
			arms.items = append(arms.items, a.normal[as])
		}
		root.put("arms", Pos{}, arms)
	}
	if len(f.axes) > 0 {
		sweep := &node{kind: mappingNode}
		for _, a := range f.axes {
			sweep.put(a.path, Pos{}, a.normal[as])
		}
		root.put("sweep", Pos{}, sweep)
	}
	return root
}

// DumpDefaults is the default of every field, as YAML, for documents.
func DumpDefaults() string {
	s := Default()
	var b strings.Builder
	writeBlock(&b, encodeStruct(reflect.ValueOf(&s).Elem(), whole), 0)
	return b.String()
}

// writeBlock writes a mapping in block style: mappings and lists of mappings a
// level deeper, all else in one line.
func writeBlock(b *strings.Builder, n *node, indent int) {
	for _, e := range n.entries {
		b.WriteString(strings.Repeat(" ", indent) + scalar(textNode(e.key)) + ":")
		switch v := e.value; {
		case v.kind == mappingNode && len(v.entries) > 0:
			b.WriteString("\n")
			writeBlock(b, v, indent+2)
		case v.kind == listNode && len(v.items) > 0 && v.items[0].kind == mappingNode:
			b.WriteString("\n")
			for _, item := range v.items {
				var inner strings.Builder
				writeBlock(&inner, item, indent+4)
				b.WriteString(strings.Repeat(" ", indent+2) + "- " + strings.TrimLeft(inner.String(), " "))
			}
		default:
			b.WriteString(" " + flow(v) + "\n")
		}
	}
}

// flow writes a node in one line.
func flow(n *node) string {
	var parts []string
	switch n.kind {
	case mappingNode:
		for _, e := range n.entries {
			parts = append(parts, scalar(textNode(e.key))+": "+flow(e.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case listNode:
		for _, item := range n.items {
			parts = append(parts, flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return scalar(n)
}

// plainForm is text that needs no quotes anywhere.
var plainForm = regexp.MustCompile(`^[A-Za-z_./][A-Za-z0-9_./+&-]*( [A-Za-z0-9_./+&-]+)*$`)

func scalar(n *node) string {
	switch {
	case !n.quoted || (plainForm.MatchString(n.text) && !looksOther(n.text)):
		return n.text
	case !strings.ContainsFunc(n.text, func(r rune) bool { return r < ' ' || r > '~' }):
		return "'" + strings.ReplaceAll(n.text, "'", "''") + "'"
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(n.text); err != nil {
		panic("spec: text that JSON cannot hold") // strings always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// normalise writes the arm in normal form: name, sorted stains, and every field
// that it sets, by path, with the values that these have in the arm's spec s.
//
// A field that is left out of what is hashed, because it is as it was before it was there,
// is written as {} where the base has another value: there the arm says something.
func (a *arm) normalise(base, s *Spec, as form) *node {
	out := &node{kind: mappingNode}
	out.put("name", Pos{}, textNode(a.name))
	if a.stains != nil {
		out.put("stains", Pos{}, textsNode(*a.stains))
	}
	paths, all, fields := a.edits.leafPaths(), fieldsIn(s, whole), fieldsIn(s, as)
	values := map[string]string{}
	for _, path := range paths {
		values[path] = "{}" // emptied, unless fields follow
		for _, f := range all {
			if related(f.Path, path) {
				delete(values, path)
			}
		}
	}
	set := func(f Field) bool {
		return slices.ContainsFunc(paths, func(path string) bool { return related(f.Path, path) })
	}
	for _, f := range fieldsIn(base, as) {
		if set(f) && slices.ContainsFunc(all, func(own Field) bool { return own.Path == f.Path }) {
			values[f.Path] = "{}"
		}
	}
	for _, f := range fields {
		if set(f) {
			values[f.Path] = f.Value
		}
	}
	for _, path := range slices.Sorted(maps.Keys(values)) {
		out.put(path, Pos{}, plainNode(values[path]))
	}
	return out
}

// related says whether one path is the other, or lies below it.
func related(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}
