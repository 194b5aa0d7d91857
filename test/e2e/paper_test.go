package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// tinyPaper makes a run of one of the paper's small twins one of seconds.
var tinyPaper = []string{
	"--set", "data.synthetic={patients: 8, patches: 8, seed: 1}", "--set", "pretrain.epochs=1", "--set", "finetune.epochs=2", "--set", "finetune.freezeEpochs=1",
	"--set", "model.generator.width=2", "--set", "model.discriminator.width=2", "--set", "model.classifier.width=8", "--set", "model.classifier.hidden=4",
}

// The paper's specs are planned together, run, and joined in the paper's tables.
func TestThePapersTables(t *testing.T) {
	store, cache := t.TempDir(), t.TempDir()
	all := []string{"paper/table1-small", "paper/table2-small", "paper/table3-small", "paper/table4-small", "paper/ablations-small"}
	o := must(t, nil, append(append([]string{"plan", "--json", "--store", store, "--cache", cache}, tinyPaper...), all...)...)
	var plan struct {
		Tasks, Requests, Done int
		Shared                []struct{ Experiments []string }
	}
	if err := json.Unmarshal([]byte(o.stdout), &plan); err != nil {
		t.Fatal(err)
	}
	if plan.Tasks != 27+46 || plan.Requests != 4+15+27+27+61 || plan.Done != 0 || len(plan.Shared) != 27 { // all of table 3 is table 4's
		t.Errorf("%d tasks, %d requests, %d done, %d shared", plan.Tasks, plan.Requests, plan.Done, len(plan.Shared))
	}
	for _, name := range all[:2] {
		must(t, nil, append([]string{"run", name, "--store", store, "--cache", cache}, tinyPaper...)...)
	}
	o = must(t, nil, "report", "--tables", "--json", "--store", store, all[0], all[1])
	var found struct {
		Page   string
		Tables struct {
			Tables []struct {
				Name string
				Rows []struct {
					Name  string
					Paper []*float64
					Ours  []struct {
						Run   string
						Cells []struct{ Value *float64 }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(o.stdout), &found); err != nil {
		t.Fatal(err)
	}
	for _, table := range found.Tables.Tables {
		for _, r := range table.Rows {
			switch {
			case table.Name == "2" && (len(r.Ours) != 1 || len(r.Ours[0].Cells) != 3 || r.Ours[0].Cells[2].Value == nil):
				t.Errorf("table 2, %s: %+v", r.Name, r.Ours)
			case table.Name == "1" && (len(r.Ours) != 1 || r.Ours[0].Cells[3].Value == nil):
				t.Errorf("table 1, %s: %+v", r.Name, r.Ours)
			case table.Name == "5" && len(r.Ours) != 0:
				t.Errorf("table 5, %s: %+v", r.Name, r.Ours)
			}
		}
	}
	page, err := os.ReadFile(found.Page)
	if err != nil || !strings.Contains(string(page), "Table 2.") {
		t.Errorf("%v: %.200s", err, page)
	}
	// In words, and with the names of the experiments.
	o = must(t, nil, "report", "--store", store, "paper-table1-small", "paper-table2-small")
	if !strings.Contains(o.stdout, "the paper") || !strings.Contains(o.stdout, "tables: "+found.Page) {
		t.Errorf("%s", o.stdout)
	}
	if o = must(t, nil, "report", store); strings.Contains(o.stdout, "tables: ") {
		t.Errorf("tables that nobody asked for:\n%s", o.stdout)
	}
	studyOf(t, store, cache)
}

// studyOf makes a reader study of the run, and scores a reader who knows the key.
func studyOf(t *testing.T, store, cache string) {
	t.Helper()
	dir := t.TempDir()
	page, key := dir+"/study.html", dir+"/study.key.json"
	make := []string{"study", "make", "paper-table2-small", "--store", store, "--cache", cache, "-o", page, "--count", "6"}
	must(t, nil, make...)
	first, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	must(t, nil, make...) // its own files are replaced, by the same bytes
	if again, err := os.ReadFile(page); err != nil || string(again) != string(first) {
		t.Errorf("another page of the same study: %v", err)
	}
	must(t, nil, append(make, "--arm", "PAS_ALL", "--from", "test", "--key", dir+"/other.json")...)
	if again, err := os.ReadFile(page); err != nil || string(again) == string(first) {
		t.Errorf("the page of an arm's generators is that of the pretrained ones: %v", err)
	}
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	var answers struct {
		Format  int    `json:"format"`
		Study   string `json:"study"`
		Reader  string `json:"reader"`
		Patches []struct {
			Patch int  `json:"patch"`
			Real  bool `json:"real"`
		} `json:"patches,omitempty"`
		Answers any `json:"answers"`
	}
	if err := json.Unmarshal(text, &answers); err != nil || len(answers.Patches) != 12 {
		t.Fatalf("%v: %s", err, text)
	}
	answers.Answers, answers.Patches, answers.Reader = answers.Patches, nil, "who knows"
	if text, err = json.Marshal(answers); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/a.json", text, 0o600); err != nil {
		t.Fatal(err)
	}
	o := must(t, nil, "study", "score", key, dir+"/a.json")
	if !strings.Contains(strings.Join(strings.Fields(o.stdout), " "), "who knows 12 1.000") || !strings.Contains(o.stdout, "0.700") {
		t.Errorf("%s", o.stdout)
	}
	if o := run(t.Context(), t, nil, "study", "score", dir+"/other.json", dir+"/a.json"); o.code != 3 || !strings.Contains(o.stderr, "answers to the study") {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
}
