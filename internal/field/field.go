package field

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Field is a field of a struct, or of one embedded in it.
type Field struct {
	Name    string       // in specs
	Stored  string       // in JSON
	Owner   reflect.Type // the struct that declares it, with its name there
	Go      string
	Type    reflect.Type
	Index   []int // for reflect.Value.FieldByIndex
	Number  int   // in the canonical encoding; 0: not in it
	Signed  bool
	Default string
	Was     *string        // nil: never left out
	Level   int            // of the first programs that know it; 0: it has always been there
	Levels  map[string]int // of choices that are younger than the field
	Rules   Rules
	Word    string // empty: none
	Means   int64  // what Word stands for
	Key     string
	Keyed   bool // the tag key is there, if only to say "none"
	Unit    string
	Doc     string
	Tag     reflect.StructTag

	before reflect.Value // what Was says; invalid where that is the zero value
}

var known sync.Map // of []Field by reflect.Type

// Of lists the fields of a struct in the order of their declaration. A mistake in its
// tags is one in the program: it panics.
func Of(t reflect.Type) []Field {
	if list, ok := known.Load(t); ok {
		return list.([]Field)
	}
	list := collect(t, nil, 0)
	checkNames(t, list)
	known.Store(t, list)
	return list
}

var numbered sync.Map

// Numbered lists the fields of a struct that are encoded, by number.
func Numbered(t reflect.Type) []Field {
	if list, ok := numbered.Load(t); ok {
		return list.([]Field)
	}
	list := slices.DeleteFunc(slices.Clone(Of(t)), func(f Field) bool { return f.Number == 0 })
	slices.SortFunc(list, func(a, b Field) int { return cmp.Compare(a.Number, b.Number) })
	for i := 1; i < len(list); i++ {
		if list[i].Number == list[i-1].Number {
			wrong(t, list[i].Go, "its number is that of %s", list[i-1].Go)
		}
	}
	numbered.Store(t, list)
	return list
}

// Find is the field of a name, nil if there is none.
func Find(t reflect.Type, name string) *Field {
	list := Of(t)
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

func collect(t reflect.Type, index []int, offset int) []Field {
	var list []Field
	for i := range t.NumField() {
		s := t.Field(i)
		at := append(slices.Clone(index), i)
		checkTag(t, s)
		n, signed := numberOf(t, s)
		if s.Anonymous {
			list = append(list, collect(s.Type, at, max(n-1, 0)+offset)...)
			continue
		}
		if n > 0 {
			n += offset
		}
		if s.IsExported() {
			list = append(list, describe(t, s, at, n, signed))
		}
	}
	return list
}

func describe(owner reflect.Type, s reflect.StructField, index []int, number int, signed bool) Field {
	stored, _, _ := strings.Cut(s.Tag.Get("json"), ",")
	rules, err := parseRules(s.Tag.Get("rule"))
	if err != nil {
		wrong(owner, s.Name, "%v", err)
	}
	f := Field{
		Name: cmp.Or(s.Tag.Get("yaml"), stored), Stored: stored, Owner: owner, Go: s.Name, Type: s.Type, Index: index,
		Number: number, Signed: signed, Default: s.Tag.Get("default"), Rules: rules,
		Unit: s.Tag.Get("unit"), Doc: s.Tag.Get("doc"), Tag: s.Tag,
	}
	if was, ok := s.Tag.Lookup("was"); ok {
		f.Was = &was
		if was != "" {
			f.before = reflect.New(f.Type).Elem()
			if err := SetText(f.before, was); err != nil {
				wrong(owner, s.Name, "the tag was: %v", err)
			}
		}
	}
	if level, ok := s.Tag.Lookup("level"); ok {
		if f.Level, err = strconv.Atoi(level); err != nil || f.Level < 1 || f.Was == nil {
			wrong(owner, s.Name, "the level %q is none, or nothing says what was before it", level)
		}
	}
	if f.Levels, err = parseLevels(s.Tag.Get("levels"), rules.Choices()); err != nil {
		wrong(owner, s.Name, "%v", err)
	}
	f.Key, f.Keyed = s.Tag.Lookup("key")
	if word, means, ok := strings.Cut(s.Tag.Get("word"), "="); ok {
		n, err := strconv.Atoi(means)
		if err != nil {
			wrong(owner, s.Name, "the word %s stands for no number: %v", word, err)
		}
		f.Word, f.Means = word, int64(n)
	}
	return f
}

// In is the field of a struct.
func (f *Field) In(v reflect.Value) reflect.Value {
	if len(f.Index) == 1 {
		return v.Field(f.Index[0])
	}
	return v.FieldByIndex(f.Index)
}

// LeftOut says whether a value of the field is left out of keys and stored tasks: an
// optional struct that is not there, or what programs did before the field was.
func (f *Field) LeftOut(v reflect.Value) bool {
	if v.Kind() == reflect.Pointer {
		return v.IsNil()
	}
	return f.AsBefore(v)
}

// AsBefore says whether a value is what programs did before the field was there.
func (f *Field) AsBefore(v reflect.Value) bool {
	if f.Was == nil {
		return false
	}
	if !f.before.IsValid() {
		return empty(v)
	}
	return v.Equal(f.before)
}

// empty says whether a value is zero or a list of nothing.
func empty(v reflect.Value) bool { return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 }

// SetBefore sets a value to what programs did before the field was there.
func (f *Field) SetBefore(v reflect.Value) {
	if !f.before.IsValid() {
		v.SetZero()
		return
	}
	v.Set(f.before)
}

// SetText sets a scalar from the text of a tag.
func SetText(v reflect.Value, text string) (err error) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case reflect.Int:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
	case reflect.Uint32:
		var n uint64
		n, err = strconv.ParseUint(text, 10, 32)
		v.SetUint(n)
	case reflect.Float64:
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		v.SetFloat(x)
	default:
		err = fmt.Errorf("a %s is not set from a tag", v.Type())
	}
	return err
}

// Place is where a field is declared: fields of one place are one, wherever its struct
// stands.
type Place struct {
	Owner reflect.Type
	Go    string
}

// Place is where the field is declared.
func (f *Field) Place() Place { return Place{f.Owner, f.Go} }
