package spec

import (
	"errors"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"g2c/internal/field"
)

// decodeInto fills a struct from a mapping, strictly; fields that the mapping
// does not name keep their values.
func decodeInto(into any, n *node, path string) error {
	return decode(reflect.ValueOf(into).Elem(), n, path, &field.Field{})
}

// decode fills a value that belongs to a field f.
func decode(v reflect.Value, n *node, path string, f *field.Field) error {
	if n.kind == nullNode {
		return n.pos.fault("%s has no value", path).WithHint("give it one, or leave the field out for its default")
	}
	if own, ok := v.Addr().Interface().(value); ok {
		return own.decode(n, path)
	}
	switch v.Kind() {
	case reflect.Struct:
		return decodeStruct(v, n, path)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			setDefaults(v.Elem())
		}
		return decode(v.Elem(), n, path, f)
	case reflect.Map:
		return decodeMap(v, n, path, f)
	case reflect.Slice:
		return decodeSlice(v, n, path, f)
	}
	return decodeScalar(v, n, path, f)
}

func decodeStruct(v reflect.Value, n *node, path string) error {
	if n.kind != mappingNode {
		return n.pos.fault("%s: want a mapping, got %s", name(path), n.describe()).
			WithHint("its fields: %s", strings.Join(fieldNames(v.Type()), ", "))
	}
	for _, e := range n.entries {
		f := field.Find(v.Type(), e.key)
		if f == nil {
			return e.pos.fault("%s: no such field", shorten(join(path, e.key))).WithHint("%s", suggestField(v.Type(), path, e.key))
		}
		if err := decode(v.FieldByIndex(f.Index), e.value, join(path, e.key), f); err != nil {
			return err
		}
	}
	return nil
}

// dotted says whether the names of a map's entries may have dots.
func dotted(f *field.Field) bool {
	_, ok := f.Tag.Lookup("dots")
	return ok
}

func decodeMap(v reflect.Value, n *node, path string, f *field.Field) error {
	if n.kind != mappingNode {
		return n.pos.fault("%s: want a mapping, got %s", path, n.describe())
	}
	v.SetZero()
	if len(n.entries) > 0 {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, e := range n.entries {
		if !nameForm.MatchString(e.key) || (!dotted(f) && strings.Contains(e.key, ".")) {
			return e.pos.fault("%s: %q is not a name", path, shorten(e.key)).WithHint("%s", nameHint)
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if err := decode(item, e.value, join(path, e.key), f); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(e.key), item)
	}
	return nil
}

func decodeSlice(v reflect.Value, n *node, path string, f *field.Field) error {
	if n.kind != listNode {
		return n.pos.fault("%s: want a list, got %s", path, n.describe())
	}
	v.SetZero()
	if len(n.items) > 0 {
		v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	}
	for i, item := range n.items {
		if err := decode(v.Index(i), item, path+"["+strconv.Itoa(i)+"]", f); err != nil {
			return err
		}
	}
	return nil
}

func decodeScalar(v reflect.Value, n *node, path string, f *field.Field) error {
	switch v.Kind() {
	case reflect.String:
		s, err := n.str(path)
		if err != nil {
			return err
		}
		if f.Rules.Text() == "label" { // names of folders and cells of tables come in either form
			s = norm.NFC.String(s)
		}
		v.SetString(s)
		return checkString(n.pos, path, s, f.Rules)
	case reflect.Bool:
		if n.kind != scalarNode || n.quoted || (n.text != "true" && n.text != "false") {
			return n.pos.fault("%s: want true or false, got %s", path, n.describe())
		}
		v.SetBool(n.text == "true")
	case reflect.Uint32:
		i, err := n.integer()
		if err != nil || i < 0 || i > math.MaxUint32 {
			return n.pos.fault("%s: want a whole number from 0 to %d, got %s", path, uint32(math.MaxUint32), n.describe())
		}
		v.SetUint(uint64(i))
	case reflect.Int:
		return decodeInteger(v, n, path, f)
	case reflect.Float64:
		x, err := n.float()
		if err != nil {
			return n.pos.fault("%s: want a finite number, got %s", path, n.describe())
		}
		v.SetFloat(x)
		return checkNumber(n.pos, path, x, f.Rules)
	}
	return nil
}

// decodeInteger reads a whole number, or the word that stands for one.
func decodeInteger(v reflect.Value, n *node, path string, f *field.Field) error {
	if f.Word != "" && n.kind == scalarNode && n.text == f.Word {
		v.SetInt(f.Means)
		return nil
	}
	i, err := n.integer()
	switch {
	case err != nil && f.Word != "":
		return n.pos.fault("%s: want a whole number or `%s`, got %s", path, f.Word, n.describe())
	case err != nil:
		return n.pos.fault("%s: want a whole number, got %s", path, n.describe())
	}
	v.SetInt(i)
	return checkNumber(n.pos, path, float64(i), f.Rules)
}

// setDefaults sets every field of a struct that has a default.
func setDefaults(v reflect.Value) {
	for _, f := range field.Of(v.Type()) {
		x := v.FieldByIndex(f.Index)
		_, own := x.Addr().Interface().(value)
		switch {
		case f.Default != "":
			n, err := read("default of "+f.Name, []byte(f.Default))
			if err == nil {
				err = decode(x, n, f.Name, &f)
			}
			if err != nil {
				panic("spec: " + err.Error())
			}
		case x.Kind() == reflect.Struct && !own:
			setDefaults(x)
		}
	}
}

var (
	errForm     = errors.New("not a number")
	integerForm = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	floatForm   = regexp.MustCompile(`^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	// otherForm is what plain text must not look like, for it reads as
	// something else: numbers in YAML's other forms, truth values, null.
	otherForm = regexp.MustCompile(`^([-+]?(0[xX][0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))|\.(nan|NaN|NAN)|true|True|TRUE|false|False|FALSE|null|Null|NULL|~)$`)
)

func (n *node) integer() (int64, error) {
	if n.kind != scalarNode || n.quoted || !integerForm.MatchString(n.text) {
		return 0, errForm
	}
	return strconv.ParseInt(n.text, 10, 64)
}

// float reads a finite number. Zero has no sign.
func (n *node) float() (float64, error) {
	if n.kind != scalarNode || n.quoted || !floatForm.MatchString(n.text) {
		return 0, errForm
	}
	f, err := strconv.ParseFloat(n.text, 64)
	if f == 0 {
		f = 0
	}
	return f, err
}

// str reads text; what looks like a number or a truth value must be quoted, so
// that nobody's label `1` or `no` changes its meaning.
func (n *node) str(path string) (string, error) {
	if n.kind != scalarNode {
		return "", n.pos.fault("%s: want text, got %s", path, n.describe())
	}
	if !n.quoted && looksOther(n.text) {
		return "", n.pos.fault("%s: want text, got %s", path, n.text).WithHint("if it is text, put it in quotes: %q", n.text)
	}
	return n.text, nil
}

func looksOther(s string) bool { return floatForm.MatchString(s) || otherForm.MatchString(s) }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// name is a path for a message, where the root has none.
func name(path string) string {
	if path == "" {
		return "the spec"
	}
	return path
}
