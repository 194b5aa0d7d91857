package field

import "reflect"

// Level is the highest level that a struct, given by pointer, needs of a program that is
// to read its encoding; 0 if every program does.
func Level(of any) int { return levelOf(reflect.ValueOf(of)) }

func levelOf(v reflect.Value) (level int) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return levelOf(v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Struct {
			return 0
		}
		for i := range v.Len() {
			level = max(level, levelOf(v.Index(i)))
		}
	case reflect.Struct:
		list := Numbered(v.Type())
		for i := range list {
			f := &list[i]
			if x := f.In(v); !f.LeftOut(x) {
				level = max(level, f.Level, levelOf(x))
			}
		}
	}
	return level
}
