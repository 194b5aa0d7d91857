package spec

import (
	"cmp"
	"reflect"
	"sync"

	"g2c/api"
	"g2c/internal/field"
)

// tasks are the bodies of tasks, by the letter of their keys.
var tasks = map[string]reflect.Type{
	"P": reflect.TypeFor[api.Pretrain](), "F": reflect.TypeFor[api.Finetune](), "E": reflect.TypeFor[api.Evaluate](),
}

// taskKeys says which keys a field enters because a task has it, by number: a spec and
// its tasks share the structs that declare such fields.
var taskKeys = sync.OnceValue(func() map[field.Place]string { return keysOf(tasks) })

func keysOf(bodies map[string]reflect.Type) map[field.Place]string {
	keys := map[field.Place]string{}
	for _, letter := range []string{"P", "F", "E"} {
		if body := bodies[letter]; body != nil {
			addKeys(keys, body, letter)
		}
	}
	return keys
}

func addKeys(keys map[field.Place]string, t reflect.Type, letter string) {
	for _, f := range field.Numbered(t) {
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner == reflect.TypeFor[api.Finetune]() {
			continue // a model that an evaluation is of enters F, and its key all that follow
		}
		keys[f.Place()] += letter
		if inner.Kind() == reflect.Struct {
			addKeys(keys, inner, letter)
		}
	}
}

// keyOf is the keys that a field enters: those of the tasks that have it, or what its tag
// says, or that of the section in which it stands.
func keyOf(f *field.Field, tasks map[field.Place]string, section string) string {
	if f.Keyed {
		section = f.Key
	}
	return cmp.Or(tasks[f.Place()], section)
}
