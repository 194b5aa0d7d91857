package field

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

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
				if x.Kind() == reflect.String {
					level = max(level, f.Levels[x.String()])
				}
			}
		}
	}
	return level
}

// parseLevels reads the tag levels, "choice=3,other=4": the levels of the first programs
// that know these choices.
func parseLevels(tag string, choices []string) (map[string]int, error) {
	if tag == "" {
		return nil, nil
	}
	levels := map[string]int{}
	for part := range strings.SplitSeq(tag, ",") {
		choice, text, _ := strings.Cut(part, "=")
		level, err := strconv.Atoi(text)
		if err != nil || level < 1 || !slices.Contains(choices, choice) {
			return nil, fmt.Errorf("%q is no choice and its level", part)
		}
		levels[choice] = level
	}
	return levels, nil
}
