package specs

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/spec"
	"g2c/experiments/sweep"
)

func plan(t *testing.T, name string) *sweep.Plan {
	t.Helper()
	text, ok := Lookup(name)
	if !ok {
		t.Fatalf("there is no spec %s", name)
	}
	f, err := spec.Parse(name+".yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sweep.Expand(f, sweep.Options{Numerics: api.ClassCPU, Fingerprint: func(d api.DataSet) (api.Key, error) {
		question, err := json.Marshal(d)
		return sha256.Sum256(question), err
	}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Experiment != name {
		t.Errorf("spec %s calls itself %s", name, p.Experiment)
	}
	return p
}

// Every built-in spec expands, to as many tasks as its comment promises.
func TestBuiltInSpecs(t *testing.T) {
	want := map[string][4]int{ // pretrain, finetune, evaluate, paired
		"quickstart":      {1, 2, 2, 0},
		"glomeruli":       {9, 9, 9, 0},   // 3 seeds
		"glomeruli-folds": {3, 15, 15, 0}, // 3 arms in 5 folds
		"glomeruli-long":  {3, 1, 1, 0},
		"paper":           {3, 12, 12, 0}, // 6 arms at 2 levels
		"pairs":           {0, 0, 0, 5},   // 5 slides
	}
	for _, name := range Names() {
		p := plan(t, name)
		for i, kind := range []api.Kind{api.KindPretrain, api.KindFinetune, api.KindEvaluate, api.KindPaired} {
			if items, _ := p.Count(kind); items != want[name][i] {
				t.Errorf("%s: %d tasks to %s, want %d", name, items, kind, want[name][i])
			}
		}
	}
	if !slices.Equal(Names(), []string{"glomeruli", "glomeruli-folds", "glomeruli-long", "pairs", "paper", "quickstart"}) {
		t.Errorf("specs: %v", Names())
	}
}

// The paper's arms: only PAS_ONLY is augmented, only PAS_ALL+ has attention, and
// level 2 is judged by level 1 of the same arm.
func TestPaper(t *testing.T) {
	p := plan(t, "paper")
	for _, item := range p.Items {
		use := item.Uses[0]
		switch f := item.Task.Finetune; {
		case item.Task.Kind == api.KindFinetune:
			if f.Augment != (use.Arm == "PAS_ONLY") || f.Classifier.Attention != (use.Arm == "PAS_ALL+" || use.Arm == "PAS_ONLY") {
				t.Errorf("%s: augment %v, attention %v", use.Name, f.Augment, f.Classifier.Attention)
			}
		case item.Task.Kind == api.KindEvaluate && use.Task == "ss-vs-gs":
			given := p.Find(item.Task.Evaluate.Given)
			if given == nil || given.Uses[0].Task != "s-vs-noa" || given.Uses[0].Arm != use.Arm {
				t.Errorf("%s is given %v", use.Name, given)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	short, ok := Lookup("quickstart")
	long, okLong := Lookup("quickstart.yaml")
	if !ok || !okLong || len(short) == 0 || string(short) != string(long) {
		t.Error("quickstart is not found under both its names")
	}
	for _, none := range []string{"", "nothing", "specs.go", "../spec/doc"} {
		if _, ok := Lookup(none); ok {
			t.Errorf("%q is found", none)
		}
	}
}

// A spec whose data do not come with the program says where they come from.
func TestHeadsSayWhereDataComeFrom(t *testing.T) {
	for _, name := range Names() {
		text, _ := Lookup(name)
		head := Head(text)
		if brings := strings.Contains(string(text), "synthetic:"); !brings && !strings.Contains(head, "bring") && !strings.Contains(head, "Bring") {
			t.Errorf("%s says %q, and not where its images come from", name, head)
		}
		if strings.HasPrefix(head, "#") || strings.Contains(head, "apiVersion") || head == "" {
			t.Errorf("the head of %s is %q", name, head)
		}
	}
}
