package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Two runs of a store that differ in a field are told apart by that field, their common
// tasks are called so, and the page has the curves. The summary of a run gives keys that
// the next verb takes.
func TestCompare(t *testing.T) {
	store, cache := t.TempDir(), t.TempDir()
	first := must(t, nil, "run", tiny, "--store", store, "--cache", cache)
	must(t, nil, "run", tiny, "--store", store, "--cache", cache, "--set", "finetune.gamma=1")
	var runs []struct{ Experiment string }
	if err := json.Unmarshal([]byte(must(t, nil, "ls", store, "--json").stdout), &runs); err != nil || len(runs) != 2 {
		t.Fatalf("%v, %v", runs, err)
	}
	page := filepath.Join(t.TempDir(), "c.html")
	o := must(t, nil, "compare", "tiny", runs[1].Experiment, "--store", store, "--json", "-o", page)
	var c struct {
		Spec       []struct{ Path, A, B string }
		Arms       []struct{ Same bool }
		Generators []struct{ Same bool }
	}
	if err := json.Unmarshal([]byte(o.stdout), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Spec) != 1 || c.Spec[0].Path != "finetune.gamma" || c.Spec[0].A != "2" || c.Spec[0].B != "1" {
		t.Errorf("spec: %+v", c.Spec)
	}
	if len(c.Arms) != 2 || c.Arms[0].Same || len(c.Generators) != 1 || !c.Generators[0].Same {
		t.Errorf("%+v", c)
	}
	if text, err := os.ReadFile(page); err != nil || strings.Count(string(text), "<svg ") != 3 {
		t.Errorf("the page: %v", err)
	}
	must(t, nil, "compare", "tiny", "tiny", "--store", store, "-o", page) // its own file is replaced
	for args, code := range map[string]int{"tiny nobody": 4, "tiny " + store: 2} {
		if o := run(t.Context(), t, nil, append([]string{"compare", "--store", store}, strings.Fields(args)...)...); o.code != code {
			t.Errorf("compare %s: exit code %d, want %d\n%s", args, o.code, code, o.stderr)
		}
	}
	keys := regexp.MustCompile(`go on: g2c (predict|translate) ([0-9a-f]{8,64}) `).FindAllStringSubmatch(first.stdout, -1)
	if len(keys) != 2 {
		t.Fatalf("no keys to go on with:\n%s", first.stdout)
	}
	for _, k := range keys {
		must(t, nil, "export", k[2], "--store", store, "--format", "safetensors", "-o", filepath.Join(t.TempDir(), "w.safetensors"))
	}
}
