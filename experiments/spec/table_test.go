package spec

import (
	"reflect"
	"strings"
	"testing"

	"g2c/api"
	"g2c/internal/field"
)

// Every field says what it is for, has the keys that it enters from one place alone, and
// keeps to its own rules.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Table() {
		if r.Doc == "" || r.Kind == "" || strings.ContainsAny(r.Doc, "\n|") {
			t.Errorf("%s: a row without words: %+v", r.Path, r)
		}
		if seen[r.Path] {
			t.Errorf("%s is there twice", r.Path)
		}
		seen[r.Path] = true
	}
	if len(seen) < 70 {
		t.Errorf("only %d fields", len(seen))
	}
	checkKeyed(t, reflect.TypeFor[Spec](), "", false)
}

// checkKeyed asks that a field's keys come from a task or from a tag, and not from both.
func checkKeyed(t *testing.T, of reflect.Type, path string, keyed bool) {
	for _, f := range field.Of(of) {
		at, inner := join(path, f.Name), f.Type
		fromTask := taskKeys()[f.Place()] != ""
		if fromTask && (f.Keyed || keyed) {
			t.Errorf("%s: a task has it, and a tag says what keys it enters", at)
		}
		switch inner.Kind() {
		case reflect.Pointer, reflect.Slice:
			inner = inner.Elem()
		}
		if _, own := reflect.New(inner).Interface().(value); inner.Kind() == reflect.Struct && !own {
			checkKeyed(t, inner, at, keyed || f.Keyed)
		} else if !fromTask && !f.Keyed && !keyed {
			t.Errorf("%s: nothing says what keys it enters", at)
		}
	}
}

// wider adds a field to a task's hyper-parameters: in one place, and nowhere else.
type wider struct {
	api.Tuning
	Warmup int `json:"warmup" f:"27" default:"2" was:"0" rule:"min=0,max=9" unit:"epochs" doc:"epochs in which the learning rate rises"`
}

// widerTask and widerSpec are a task and a spec that have it.
type (
	widerTask struct {
		Source string `json:"source" f:"1"`
		wider
	}
	widerSpec struct {
		Finetune wider `yaml:"finetune"`
	}
)

// TestAFieldIsAddedInOnePlace: a field that is declared is read, has its default and its
// range, enters the key of its task with its number, unless it is as before, and stands in
// the normal form, the schema and the reference.
func TestAFieldIsAddedInOnePlace(t *testing.T) {
	var s widerSpec
	v := reflect.ValueOf(&s).Elem()
	setDefaults(v)
	if s.Finetune.Warmup != 2 || s.Finetune.Epochs != 30 {
		t.Errorf("defaults: %+v", s)
	}
	decodeText := func(text string) error {
		n, err := read("spec.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return decodeInto(&s, n, "")
	}
	if err := decodeText("finetune: {warmup: 12}"); err == nil || err.Error() != "spec.yaml:1:20: finetune.warmup: want at most 9, got 12" {
		t.Errorf("out of range: %v", err)
	}
	if err := decodeText("finetune: {warmpu: 2}"); err == nil || !strings.Contains(err.Error(), "did you mean finetune.warmup?") {
		t.Errorf("misspelt: %v", err)
	}
	if err := decodeText("finetune: {warmup: 7}"); err != nil || s.Finetune.Warmup != 7 {
		t.Errorf("%v: %+v", err, s)
	}
	checkWiderKey(t, &s)
	checkWiderForms(t, v)

	keys := keysOf(map[string]reflect.Type{"F": reflect.TypeFor[widerTask]()})
	rows := tableOf(reflect.TypeFor[widerSpec](), keys)
	want := "| `finetune.warmup` | whole number | 0 to 9 | epochs | `2` | F | epochs in which the learning rate rises |"
	if got := referenceOf(rows); !strings.Contains(got, want) {
		t.Errorf("reference:\n%s", got)
	}
	text := render((&schemas{}).section(reflect.TypeFor[widerSpec](), asFile, ""))
	editor := editors(t, text)
	if err := editor.Validate(document(t, []byte("finetune: {warmup: 7}"))); err != nil {
		t.Error(err)
	}
	if editor.Validate(document(t, []byte("finetune: {warmup: 12}"))) == nil {
		t.Error("the schema does not know its range")
	}
}

// checkWiderKey: the key has the field, and is the old one where it is as before.
func checkWiderKey(t *testing.T, s *widerSpec) {
	t.Helper()
	type older struct {
		Source string `json:"source" f:"1"`
		api.Tuning
	}
	task := widerTask{"PAS", s.Finetune} // the normal form is a copy
	bytes := string(field.Append(nil, &task))
	var back widerTask
	if err := field.Read([]byte(bytes), &back); err != nil || back != task {
		t.Errorf("%v: %+v", err, back)
	}
	task.Warmup = 0
	old := older{"PAS", s.Finetune.Tuning}
	if got := string(field.Append(nil, &task)); got == bytes || got != string(field.Append(nil, &old)) {
		t.Errorf("as before, its key is %x", got)
	}
}

// checkWiderForms: the normal form has the field always, and what is hashed where it is
// not as before.
func checkWiderForms(t *testing.T, v reflect.Value) {
	t.Helper()
	contains := func(as form) bool { return strings.Contains(flow(encodeStruct(v, as)), "warmup: 7") }
	if !contains(whole) || !contains(hashed) {
		t.Errorf("%s", flow(encodeStruct(v, whole)))
	}
	v.Addr().Interface().(*widerSpec).Finetune.Warmup = 0
	if text := flow(encodeStruct(v, hashed)); strings.Contains(text, "warmup") || !strings.Contains(flow(encodeStruct(v, whole)), "warmup: 0") {
		t.Errorf("as before: %s", text)
	}
	var seen bool
	w := walker{keys: keysOf(map[string]reflect.Type{"F": reflect.TypeFor[widerTask]()}), visit: func(f Field) {
		seen = seen || f.Path == "finetune.warmup" && f.Key == "F" && f.Value == "0"
	}}
	if w.structure(v, "", ""); !seen {
		t.Error("names do not know it")
	}
}
