package specs

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"os"
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
	p := expanded(t, name, f)
	if own, ok := Experiment(name); p.Experiment != own || !ok {
		t.Errorf("spec %s calls itself %s", name, p.Experiment)
	}
	return p
}

// expanded is the plan of a spec on data of which nothing is known.
func expanded(t *testing.T, name string, f *spec.File) *sweep.Plan {
	t.Helper()
	p, err := sweep.Expand(f, sweep.Options{Numerics: api.ClassCPU, Fingerprint: func(d api.DataSet) (api.Key, error) {
		question, err := json.Marshal(d)
		return sha256.Sum256(question), err
	}, Resolve: func(model string) (api.Key, error) { return sha256.Sum256([]byte(model)), nil }})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

// Every built-in spec expands, to as many tasks as its comment promises.
func TestBuiltInSpecs(t *testing.T) {
	want := map[string][4]int{ // pretrain, finetune, evaluate, paired
		"quickstart":               {1, 2, 2, 0},
		"glomeruli":                {9, 9, 9, 0},   // 3 seeds
		"glomeruli-folds":          {3, 15, 15, 0}, // 3 arms in 5 folds
		"glomeruli-long":           {3, 1, 1, 0},
		"kidney-128":               {3, 0, 0, 0},
		"pairs":                    {0, 0, 0, 5}, // 5 slides
		"paper/table1":             {0, 2, 2, 0},
		"paper/table2":             {3, 6, 6, 0},
		"paper/table3":             {3, 12, 12, 0}, // 6 arms at 2 levels
		"paper/table4":             {3, 12, 12, 0},
		"paper/ablations":          {9, 26, 26, 0}, // 13 arms; 3 stains at 3 depths
		"paper/table5":             {0, 6, 6, 0},   // its generators are those of table 2
		"paper/table5-patients":    {0, 20, 20, 0}, // 5 arms in 4 folds
		"paper/table5-he":          {3, 2, 2, 0},
		"paper/table5-patients-he": {3, 8, 8, 0}, // 2 arms in 4 folds
		"paper/table5-small":       {3, 5, 5, 0},
		"paper/table1-small":       {0, 2, 2, 0},
		"paper/table2-small":       {3, 6, 6, 0},
		"paper/table3-small":       {3, 12, 12, 0},
		"paper/table4-small":       {3, 12, 12, 0},
		"paper/ablations-small":    {9, 26, 26, 0},
	}
	for _, name := range Names() {
		p := plan(t, name)
		for i, kind := range []api.Kind{api.KindPretrain, api.KindFinetune, api.KindEvaluate, api.KindPaired} {
			if items, _ := p.Count(kind); items != want[name][i] {
				t.Errorf("%s: %d tasks to %s, want %d", name, items, kind, want[name][i])
			}
		}
	}
	if got := slices.Sorted(maps.Keys(want)); !slices.Equal(Names(), got) {
		t.Errorf("specs: %v, want %v", Names(), got)
	}
}

// The paper's arms: only PAS_ONLY is augmented, only PAS_ALL+ has attention, and
// level 2 is judged by level 1 of the same arm.
func TestPaper(t *testing.T) {
	for _, name := range []string{"paper/table2", "paper/table3", "paper/table4", "paper/table3-small"} {
		p := plan(t, name)
		for _, item := range p.Items {
			use := item.Uses[0]
			switch f := item.Task.Finetune; {
			case item.Task.Kind == api.KindFinetune:
				if f.Augment != (use.Arm == "PAS_ONLY") || f.Classifier.Attention != (use.Arm == "PAS_ALL+") {
					t.Errorf("%s: %s: augment %v, attention %v", name, use.Name, f.Augment, f.Classifier.Attention)
				}
			case item.Task.Kind == api.KindEvaluate && use.Task == "ss-vs-gs":
				given := p.Find(item.Task.Evaluate.Given)
				if given == nil || given.Uses[0].Task != "s-vs-noa" || given.Uses[0].Arm != use.Arm {
					t.Errorf("%s: %s is given %v", name, use.Name, given)
				}
			}
		}
	}
}

// The tables share their tasks, and a twin has the arms of what it is the twin of.
func TestTablesShare(t *testing.T) {
	keys := func(name string) map[api.Key]bool {
		out := map[api.Key]bool{}
		for _, item := range plan(t, name).Items {
			out[item.Key] = true
		}
		return out
	}
	if shared := keys("paper/table5-small"); len(shared) != 13 {
		t.Errorf("table 5 in small has %d tasks", len(shared))
	} else if second := keys("paper/table2-small"); !second[keyOf(t, "paper/table5-small", "PAS_ALL+")] {
		t.Error("table 5 in small does not share the network of table 2")
	}
	for _, end := range []string{"", "-small"} {
		third := keys("paper/table3" + end)
		for name, want := range map[string]int{"paper/table1": 0, "paper/table2": 0, "paper/table4": 0, "paper/ablations": 61 - 15} {
			own := 0 // tasks that it does not share with table 3
			for key := range keys(name + end) {
				if !third[key] {
					own++
				}
			}
			if own != want {
				t.Errorf("%s%s has %d tasks of its own, want %d", name, end, own, want)
			}
		}
	}
}

// keyOf is the key of an arm's fine-tuning.
func keyOf(t *testing.T, name, arm string) api.Key {
	t.Helper()
	for _, item := range plan(t, name).Items {
		if item.Task.Kind == api.KindFinetune && item.Uses[0].Arm == arm {
			return item.Key
		}
	}
	t.Fatalf("%s has no arm %s", name, arm)
	return api.Key{}
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

// The campaign's specs are of one design: its arms and comparisons are those that the protocol
// names, on other numbers of training images.
func TestCampaign(t *testing.T) {
	protocol, err := os.ReadFile("../results/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][3]int{"stains-100": {15, 15, 1}, "stains-300": {30, 70, 5}, "stains-1000": {15, 15, 1}} { // generators, fine-tunings, comparisons besides PAS_ONLY
		text, err := os.ReadFile("../results/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		f, err := spec.Parse(name+".yaml", text)
		if err != nil {
			t.Fatal(err)
		}
		p := expanded(t, name, f)
		trained, _ := p.Count(api.KindPretrain)
		tuned, _ := p.Count(api.KindFinetune)
		if got := [3]int{trained, tuned, len(f.Spec.Comparisons) - 1}; got != want || f.Spec.Metadata.Name != name {
			t.Errorf("%s has %v tasks and comparisons, want %v", name, got, want)
		}
		for _, item := range p.Items {
			if arm := item.Uses[0].Arm; item.Task.Kind == api.KindFinetune && !strings.Contains(string(protocol), "| "+arm+" |") {
				t.Errorf("%s has the arm %s, which the protocol has not", name, arm)
			}
		}
		if !strings.Contains(string(protocol), "g2c run experiments/results/"+name+".yaml") {
			t.Errorf("the protocol does not run %s", name)
		}
	}
}
