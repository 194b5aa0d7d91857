package spec

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"g2c/internal/field"
)

// form is one of two ways to write a spec.
type form int

const (
	// whole has everything filled in.
	whole form = iota
	// hashed leaves out fields that are as they were before these were there, and fills
	// in the names of columns that older programs filled in: a new field leaves the
	// hashes of old specs alone.
	hashed
)

// Field is a field of a spec with its value.
type Field struct {
	Path  string // finetune.freezeEpochs
	Value string // in one line of YAML, normalised: 2e-4 and 0.0002 are equal
	Key   string // the keys it enters: of P, F and E; empty for none
	Of    *field.Field
}

// Fields lists every field of a spec in the order of the reference, map entries
// sorted. Fields that are off (data.synthetic, an empty map, no text) are left out.
func Fields(s *Spec) []Field { return fieldsIn(s, whole) }

func fieldsIn(s *Spec, as form) []Field {
	var out []Field
	w := walker{as: as, keys: taskKeys(), visit: func(f Field) { out = append(out, f) }}
	w.structure(reflect.ValueOf(s).Elem(), "", "")
	return out
}

// walker visits the fields of a spec that have a value.
type walker struct {
	as    form
	keys  map[field.Place]string
	visit func(Field)
}

func (w *walker) structure(v reflect.Value, path, key string) {
	for _, f := range field.Of(v.Type()) {
		x := v.FieldByIndex(f.Index)
		if w.as == hashed && f.AsBefore(x) {
			continue
		}
		w.value(x, join(path, f.Name), keyOf(&f, w.keys, key), &f)
	}
}

func (w *walker) value(v reflect.Value, path, key string, f *field.Field) {
	if own, ok := v.Addr().Interface().(value); ok {
		if p, isPaths := own.(*Paths); !isPaths || len(*p) > 0 {
			w.visit(Field{path, flow(own.encode()), key, f})
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		w.structure(v, path, key)
	case reflect.Pointer:
		if !v.IsNil() {
			w.value(v.Elem(), path, key, f)
		}
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			item := reflect.New(v.Type().Elem()).Elem()
			item.Set(v.MapIndex(k))
			w.value(item, join(path, k.String()), key, f)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			w.visit(Field{path, flow(encode(v, f, w.as)), key, f})
			return
		}
		for i := range v.Len() {
			w.value(v.Index(i), path+"["+strconv.Itoa(i)+"]", key, f)
		}
	default:
		if n := encode(v, f, w.as); n.text != "" {
			w.visit(Field{path, flow(n), key, f})
		}
	}
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// encode turns the value of a field back into a node that decodes to it.
// Empty text, maps, lists and what is off are left out of mappings.
func encode(v reflect.Value, f *field.Field, as form) *node {
	if own, ok := v.Addr().Interface().(value); ok {
		return own.encode()
	}
	switch v.Kind() {
	case reflect.Struct:
		return encodeStruct(v, as)
	case reflect.Pointer:
		return encode(v.Elem(), f, as)
	case reflect.Map:
		out := &node{kind: mappingNode}
		for _, k := range sortedKeys(v) {
			item := reflect.New(v.Type().Elem()).Elem()
			item.Set(v.MapIndex(k))
			out.put(k.String(), Pos{}, encode(item, f, as))
		}
		return out
	case reflect.Slice:
		out := &node{kind: listNode}
		for i := range v.Len() {
			out.items = append(out.items, encode(v.Index(i), f, as))
		}
		return out
	case reflect.String:
		if unwritten := f.Tag.Get("unwritten"); v.Len() == 0 && as == hashed {
			return textNode(unwritten)
		}
		return textNode(v.String())
	case reflect.Float64:
		return plainNode(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case reflect.Bool:
		return plainNode(strconv.FormatBool(v.Bool()))
	case reflect.Uint32:
		return plainNode(strconv.FormatUint(v.Uint(), 10))
	}
	if f.Word != "" && v.Int() == f.Means {
		return textNode(f.Word)
	}
	return plainNode(strconv.FormatInt(v.Int(), 10))
}

func encodeStruct(v reflect.Value, as form) *node {
	out := &node{kind: mappingNode}
	for _, f := range field.Of(v.Type()) {
		x := v.FieldByIndex(f.Index)
		if as == hashed && f.AsBefore(x) || x.Kind() == reflect.Pointer && x.IsNil() {
			continue
		}
		if n := encode(x, &f, as); !n.empty() {
			out.put(f.Name, Pos{}, n)
		}
	}
	return out
}

// empty says whether a node holds nothing.
func (n *node) empty() bool {
	return n.text == "" && len(n.items) == 0 && len(n.entries) == 0
}

func textNode(s string) *node  { return &node{text: s, quoted: true} }
func plainNode(s string) *node { return &node{text: s} }

func textsNode(list []string) *node {
	out := &node{kind: listNode}
	for _, s := range list {
		out.items = append(out.items, textNode(s))
	}
	return out
}
