package spec

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// editors compiles the schema as editors do.
func editors(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("spec.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("spec.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func document(t *testing.T, text []byte) any {
	t.Helper()
	n, err := read("spec.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(n.json())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// Every spec that is read passes the schema, in every form.
func TestSchemaTakesSpecs(t *testing.T) {
	s := editors(t, Schema())
	all, err := filepath.Glob("../specs/*.yaml")
	if err != nil || len(all) < 4 {
		t.Fatal(all, err)
	}
	texts := [][]byte{base(t), []byte(strings.ReplaceAll(everything, `, "é": "1"`, ""))}
	for _, name := range all {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	const varied = "\ncomparisons: [[PAS_ONLY, PAS_ALL+], {a: {arm: PAS_ONLY, blocks: 3}, b: {arm: PAS_ALL+, data: {labelled.take: all}}}]\n"
	texts = append(texts, append(base(t), varied...))
	for _, text := range texts {
		for _, form := range [][]byte{text, parse(t, text).Canonical()} {
			if err := s.Validate(document(t, form)); err != nil {
				t.Errorf("%v\n%s", err, form)
			}
		}
	}
}

// What the schema refuses is refused when it is read, and misspelt fields and values out
// of range are refused by both.
func TestSchemaRefuses(t *testing.T) {
	s := editors(t, Schema())
	for _, c := range [][2]string{
		{"finetune: {epochs: 10,", "finetune: {epoch: 10,"},
		{"epochs: 12,", "epochs: 0,"},
		{"source: PAS", "source: P.AS"},
		{"size: 64", "size: 66"},
		{"finetune.augment: true", "finetune.augmnet: true"},
		{"finetune.augment: true", "finetune.augment: 1"},
		{"model.classifier.attention: false", "model: {classifier.atention: false}"},
		{"seeds: [1, 2, 3]", "seed: 1"},
		{"seeds: [1, 2, 3]", "finetune.momentum: [0.1, 1]"},
		{"train: data", "train: ~ada/data"},
		{"validation: {fraction: 0.15, by: group}", "validation: {fraction: 0.15, by: image}"},
		{"stains: [HE],", ""},
		{"sweep:", "comparisons: [[PAS_ONLY]]\nsweep:"},
		{"sweep:", "comparisons: [{a: PAS_ONLY, b: {arm: PAS_H&E, block: 3}}]\nsweep:"},
		{"apiVersion: g2c/v1", "apiVersion: g2c/v2"},
		{"positive: [gs]", "positive: []"},
		{"positive: [gs]", "positive: [gs, gs]"},
	} {
		text := strings.Replace(string(base(t)), c[0], c[1], 1)
		if text == string(base(t)) {
			t.Fatalf("the base has no %q", c[0])
		}
		_, err := Parse("spec.yaml", []byte(text))
		if err == nil {
			t.Errorf("%s: is read", c[1])
		}
		if err := s.Validate(document(t, []byte(text))); err == nil && c[1] != "" { // whether stains are needed the sweep says
			t.Errorf("%s: passes", c[1])
		}
	}
}

// The generated files are fresh.
func TestGenerated(t *testing.T) {
	page, err := os.ReadFile("../../docs/spec.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/spec.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, Schema()) || !strings.Contains(string(page), Reference()) || !strings.Contains(string(page), DumpDefaults()) {
		t.Error("docs are not what the table says: run go generate ./experiments/spec")
	}
}
