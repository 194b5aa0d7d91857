package spec

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Field is a field of a spec with its value.
type Field struct {
	Path  string // finetune.freezeEpochs
	Value string // in one line of YAML, normalised: 2e-4 and 0.0002 are equal
	Key   string // the keys it enters: of P, F and E; empty for none
}

// Fields lists every field of a spec in the order of the reference, map entries
// sorted. Fields that are off (data.synthetic, an empty map) are left out.
func Fields(s *Spec) []Field {
	var out []Field
	walk(reflect.ValueOf(s).Elem(), "", "", func(f Field) { out = append(out, f) })
	return out
}

// fieldPaths are the paths of all fields with fixed names, for suggestions.
var fieldPaths = func() []string {
	s := Default()
	s.Data.Synthetic = &Synthetic{}
	paths := []string{"data.unlabelled", "data.paired", "generators", "tasks"}
	for _, f := range Fields(&s) {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	return paths
}()

func walk(v reflect.Value, path, key string, visit func(Field)) {
	if own, ok := v.Addr().Interface().(value); ok {
		if p, isPaths := own.(*Paths); isPaths && len(*p) == 0 {
			return
		}
		visit(Field{path, flow(own.encode()), key})
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			below := key
			if own := f.Tag.Get("key"); own != "" {
				below = strings.Trim(own, "-")
			}
			walk(v.Field(i), join(path, f.Tag.Get("yaml")), below, visit)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), path, key, visit)
		}
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			item := reflect.New(v.Type().Elem()).Elem()
			item.Set(v.MapIndex(k))
			walk(item, join(path, k.String()), key, visit)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			visit(Field{path, flow(encode(v.Addr().Interface())), key})
			return
		}
		for i := range v.Len() {
			walk(v.Index(i), path+"["+strconv.Itoa(i)+"]", key, visit)
		}
	default:
		visit(Field{path, flow(encode(v.Addr().Interface())), key})
	}
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// encode turns a value, given by pointer, back into a node that decodes to it.
// Empty text, maps, lists and what is off are left out of mappings.
func encode(pointer any) *node {
	if own, ok := pointer.(value); ok {
		return own.encode()
	}
	v := reflect.ValueOf(pointer).Elem()
	switch v.Kind() {
	case reflect.Struct:
		return encodeStruct(v)
	case reflect.Pointer:
		return encode(v.Interface())
	case reflect.Map:
		out := &node{kind: mappingNode}
		for _, k := range sortedKeys(v) {
			item := reflect.New(v.Type().Elem())
			item.Elem().Set(v.MapIndex(k))
			out.put(k.String(), Pos{}, encode(item.Interface()))
		}
		return out
	case reflect.Slice:
		out := &node{kind: listNode}
		for i := range v.Len() {
			out.items = append(out.items, encode(v.Index(i).Addr().Interface()))
		}
		return out
	case reflect.String:
		return textNode(v.String())
	case reflect.Float64:
		return plainNode(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case reflect.Bool:
		return plainNode(strconv.FormatBool(v.Bool()))
	case reflect.Uint32:
		return plainNode(strconv.FormatUint(v.Uint(), 10))
	}
	return plainNode(strconv.FormatInt(v.Int(), 10))
}

func encodeStruct(v reflect.Value) *node {
	out := &node{kind: mappingNode}
	for i := range v.NumField() {
		if f := v.Field(i); !empty(f) {
			out.put(v.Type().Field(i).Tag.Get("yaml"), Pos{}, encode(f.Addr().Interface()))
		}
	}
	return out
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return v.IsNil() || (v.Kind() != reflect.Pointer && v.Len() == 0)
	case reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		if _, own := v.Addr().Interface().(value); !own {
			return len(encodeStruct(v).entries) == 0
		}
	}
	return false
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
