package api

import (
	"reflect"
	"testing"

	"g2c/internal/field"
)

// fieldsBelow visits the fields of a struct and of those that stand in it, once each.
func fieldsBelow(t reflect.Type, seen map[reflect.Type]bool, visit func(field.Field)) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		fieldsBelow(t.Elem(), seen, visit)
	case reflect.Struct:
		if seen[t] {
			return
		}
		seen[t] = true
		for _, f := range field.Of(t) {
			visit(f)
			fieldsBelow(f.Type, seen, visit)
		}
	}
}

// A field without a number would be in no key, and would be lost on the way through the
// log.
func TestEveryFieldHasANumber(t *testing.T) {
	count, seen := 0, map[reflect.Type]bool{}
	for _, of := range []reflect.Type{reflect.TypeFor[Task](), reflect.TypeFor[Work]()} {
		fieldsBelow(of, seen, func(f field.Field) {
			count++
			if f.Owner == reflect.TypeFor[Work]() && f.Go == "Task" {
				return // its encoding stands before the others, and has a version of its own
			}
			if f.Number == 0 || f.Stored == "" {
				t.Errorf("%s.%s has number %d and the name %q", f.Owner, f.Go, f.Number, f.Stored)
			}
		})
	}
	for _, of := range []reflect.Type{reflect.TypeFor[Pretrain](), reflect.TypeFor[Finetune](), reflect.TypeFor[Evaluate](), reflect.TypeFor[Paired](), reflect.TypeFor[Where](), reflect.TypeFor[Labelled](), reflect.TypeFor[Validation](), reflect.TypeFor[Watchdog]()} {
		if !seen[of] {
			t.Errorf("%s was not looked at", of)
		}
	}
	if count < 80 {
		t.Errorf("only %d fields seen", count)
	}
}

// A field that older programs do not know raises the level of a work that has it, and
// says by how much: each is set alone here.
func TestEveryLaterFieldRaisesTheLevel(t *testing.T) {
	raised, seen := 0, map[reflect.Type]bool{}
	for _, of := range []reflect.Type{reflect.TypeFor[Task](), reflect.TypeFor[Work]()} {
		fieldsBelow(of, seen, func(f field.Field) {
			if f.Was == nil {
				return
			}
			first := f.Owner == reflect.TypeFor[Evaluate]() && f.Go == "Given" // it was always there, and left out
			if f.Level < LevelFirst || f.Level > LevelSearch || (f.Level == LevelFirst) != first {
				t.Errorf("%s.%s is of level %d: name the one that brought it", f.Owner, f.Go, f.Level)
			}
			if f.Level > LevelFirst {
				raised++
			}
		})
	}
	if raised < 10 {
		t.Errorf("only %d fields raise the level", raised)
	}

	w := Work{Task: evaluateTask(), Where: Where{Labelled: &Labelled{Validation: &Validation{}}, Synthetic: &Synthetic{}}}
	if got := w.Level(); got != LevelFirst {
		t.Fatalf("with all as before: level %d", got)
	}
	late := map[string]bool{} // of the fields that are tried
	for _, of := range []any{w.Task.Evaluate, w.Where.Labelled} {
		for _, f := range field.Of(reflect.TypeOf(of).Elem()) {
			mutate(f.In(reflect.ValueOf(of).Elem()), f.Go, func(path string) {
				if f.Was != nil {
					late[f.Go] = true
				}
				want := max(LevelFirst, f.Level)
				switch path { // within a task that the evaluation names
				case "Model.Generator.Up":
					want = LevelK3
				case "Model.Tuning.Optimizer", "Model.Tuning.WeightDecay", "Model.Replacement.Baseline":
					want = LevelBaselines
				}
				if path == "Model.Branches.Methods" || path == "Model.JitterStains" {
					want = LevelBaselines
				}
				if got := w.Level(); got != want {
					t.Errorf("%s, %s: level %d, want %d", f.Owner, path, got, want)
				}
			})
		}
	}
	if len(late) < 11 {
		t.Errorf("only %v were tried", late)
	}
}
