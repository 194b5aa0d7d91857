package sweep

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/spec"
	"g2c/model/metrics"
)

// A use carries what tells it from others as values; its name shows them.
func TestOptions(t *testing.T) {
	p := expand(t, readBase(t), "arms=[{name: A, stains: [HE]}]", "sweep={}", "data.labelled.folds=2",
		"sweep={data.labelled.train: [[a/b, c], d], finetune.lr: [0.1, 0.2]}")
	var uses []Use
	for _, item := range p.Items {
		if item.Task.Kind == api.KindFinetune {
			uses = append(uses, item.Uses...)
		}
	}
	if len(uses) != 8 {
		t.Fatalf("%d uses", len(uses))
	}
	want := []Option{{"data.labelled.train", "[a/b, c]"}, {"finetune.lr", "0.1"}, {"fold", "2"}}
	if u := uses[1]; !reflect.DeepEqual(u.Options, want) || u.Fold != 2 || !strings.HasSuffix(u.Name, "/finetune.lr=0.1/fold=2") || strings.Contains(u.Name, "a/b") {
		t.Errorf("%+v", u)
	}
}

// Every field that a fold's training depends on can be swept: its name shows the value.
func TestSweepsInFolds(t *testing.T) {
	for axis, values := range map[string][2]string{
		"data.labelled.test": {"x", "y"}, "data.labelled.train": {"x", "y"}, "data.seed": {"4", "5"}, "data.labelled.folds": {"2", "3"},
		"data.labelled.take": {"7", "8"}, "data.labelled.columns.slide": {"a", "b"}, "data.labelled.validation.fraction": {"0.1", "0.2"},
	} {
		sets := []string{"arms=[{name: A, stains: []}]", "sweep={}", "data.labelled.folds=2", "data.labelled.group.by=pattern",
			fmt.Sprintf("sweep={%s: [%s, %s]}", axis, values[0], values[1])}
		p := expand(t, readBase(t), sets...)
		for _, kind := range []api.Kind{api.KindFinetune, api.KindEvaluate} {
			names := map[string]bool{}
			items := 0
			for _, item := range p.Items {
				if item.Task.Kind == kind {
					items++
					names[item.Name()] = true
					if !strings.Contains(item.Name(), "/"+strings.TrimSuffix(axis, ".fraction")+"=") { // which is a part of a value
						t.Errorf("%s: %s does not show it", axis, item.Name())
					}
				}
			}
			if items < 4 || len(names) != items {
				t.Errorf("%s: %d names of %d tasks", axis, len(names), items)
			}
		}
	}
}

// A plan of the first format has options in names alone.
func TestOptionsOfTheFirstFormat(t *testing.T) {
	p := expand(t, readBase(t), "arms=[{name: A, stains: [HE]}]", "sweep={}", "sweep={finetune.lr: [0.1, 0.2]}")
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	old := strings.ReplaceAll(string(text), `,"options":[{"path":"finetune.lr","value":"0.1"}]`, "")
	old = strings.ReplaceAll(old, `,"options":[{"path":"finetune.lr","value":"0.2"}]`, "")
	if strings.Contains(old, "options") {
		t.Fatalf("%s", old)
	}
	var back Plan
	if err := json.Unmarshal([]byte(old), &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, p) {
		t.Error("the options are not what they were")
	}
}

// A plan carries the labels and the comparisons of its spec, also in part.
func TestPlanCarries(t *testing.T) {
	p := expand(t, readBase(t), "metadata.labels={team: x, note: a b}", "sweep={blocks: [3, 6], seeds: [1]}", "comparisons=[[PAS_ONLY, PAS_ALL+], {a: {arm: PAS_H&E, blocks: 3}, b: {arm: PAS_H&E, blocks: 6}}]")
	part, err := p.Only("finetune/gs-vs-nongs/PAS_H&E/b3/s1")
	if err != nil {
		t.Fatal(err)
	}
	for _, plan := range []*Plan{p, part} {
		if !maps.Equal(plan.Labels, map[string]string{"team": "x", "note": "a b"}) || len(plan.Comparisons) != 2 {
			t.Errorf("%v, %v", plan.Labels, plan.Comparisons)
		}
	}
	one, two := p.Comparisons[1].A, p.Comparisons[1].B
	var got []string
	for _, item := range p.Items {
		for _, u := range item.Uses {
			if item.Task.Kind == api.KindEvaluate && (Picks(one, u) || Picks(two, u)) {
				got = append(got, fmt.Sprintf("%s %v", u.Name, Picks(one, u)))
			}
		}
	}
	if want := []string{"evaluate/gs-vs-nongs/PAS_H&E/b3/s1 true", "evaluate/gs-vs-nongs/PAS_H&E/b6/s1 false"}; !slices.Equal(got, want) {
		t.Errorf("picked %q", got)
	}
}

func TestPicks(t *testing.T) {
	use := Use{Arm: "A", Stains: []string{"HE", "PASM"}, Width: 16, Blocks: 3, Seed: 2, Options: []Option{{"finetune.lr", "0.1"}}}
	for at, want := range map[[2]string]bool{
		{"model.generator.blocks", "3"}: true, {"model.generator.blocks", "6"}: false, {"model.generator.width", "16"}: true,
		{"seed", "2"}: true, {"seed", "1"}: false, {"stains", "HE+PASM"}: true, {"stains", "HE"}: false,
		{"finetune.lr", "0.1"}: true, {"finetune.lr", "0.2"}: false, {"finetune.epochs", "7"}: true, // all of its name have it
	} {
		if got := Picks(spec.Selector{Arm: "A", At: map[string]string{at[0]: at[1]}}, use); got != want {
			t.Errorf("%v: %v", at, got)
		}
	}
	if Picks(spec.Selector{Arm: "B"}, use) {
		t.Error("another arm is picked")
	}
}

// Folds are drawn over both sets: each part's question holds both, and the fold.
func TestFoldsAreAskedFor(t *testing.T) {
	f, err := spec.Parse("spec.yaml", readBase(t), "data.labelled.folds=2", "data.labelled.take=9", "data.seed=5", "arms=[{name: A, stains: []}]", "sweep={}")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	ask := func(d api.DataSet) (api.Key, error) {
		l := d.Where.Labelled
		got = append(got, fmt.Sprintf("%s %d/%d take %d seed %d train %v test %v", d.Part, l.Fold, l.Folds, l.Take, l.Seed, l.Train != nil, l.Test != nil))
		return fakePrint(d)
	}
	p, err := Expand(f, Options{Numerics: api.ClassCPU, Fingerprint: ask})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"training 1/2 take 9 seed 5 train true test true", "test 1/2 take 0 seed 5 train true test true",
		"training 2/2 take 9 seed 5 train true test true", "test 2/2 take 0 seed 5 train true test true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("asked %q", got)
	}
	for _, item := range p.Items {
		if l := item.Where.Labelled; l.Folds != 2 || l.Fold != item.Uses[0].Fold || l.Take != 9 || item.Level() != api.LevelTrust {
			t.Errorf("%s reads %+v", item.Name(), l)
		}
	}
}

// What nobody wrote stays empty, so that a reader knows what must be there.
func TestUnwrittenColumns(t *testing.T) {
	p := expand(t, readBase(t), "data.labelled.columns.patient=who")
	for _, item := range p.Items {
		if l := item.Where.Labelled; l != nil && l.Columns != (api.Columns{Patient: "who"}) {
			t.Errorf("%s: columns %+v", item.Name(), l.Columns)
		}
	}
}

// Names of classes are the evaluation's, and no training is done again for them.
func TestClassNamesAreTheEvaluations(t *testing.T) {
	task := func(fields string) []*Item {
		return expand(t, readBase(t), "arms=[{name: A, stains: []}]", "sweep={}", "tasks=[{name: t, positive: [b, a], negative: [c]"+fields+"}]").Items
	}
	plain, named, same := task(""), task(", positiveName: ill"), task(", positiveName: a+b")
	if plain[0].Key != named[0].Key || plain[1].Key == named[1].Key || plain[1].Key != same[1].Key {
		t.Error("the wrong keys move")
	}
	if f := named[0].Task.Finetune; f.PositiveName != "a+b" || f.NegativeName != "c" {
		t.Errorf("the fine-tuning calls its classes %s and %s", f.PositiveName, f.NegativeName)
	}
	if e := named[1].Task.Evaluate; e.ClassNames() != [2]string{"ill", "c"} || e.NegativeName != "" || e.Metrics != metrics.Version {
		t.Errorf("%+v", e)
	}
}

// What decides nothing is said.
func TestNotes(t *testing.T) {
	for _, c := range []struct {
		sets []string
		want []string
	}{
		{nil, nil},
		{[]string{"arms=[{name: A, stains: [HE]}]", "generators.CD31=x"}, []string{
			"generators.CD31: no arm generates CD31", "data.unlabelled.MASSON: no arm generates MASSON", "data.unlabelled.PASM: no arm generates PASM",
		}},
		{[]string{"arms=[{name: A, stains: []}]", "data.unlabelled={}", "sweep={}", "sweep={blocks: [3, 6], seeds: [1, 2], gang.max: [1, 2]}"}, []string{
			"sweep: gang.max decides nothing for the tasks of this spec: its values share every one of them",
			"sweep: model.generator.blocks decides nothing for the tasks of this spec: its values share every one of them",
			"finetune/gs-vs-nongs/A/b3/s1 is one task for several arms or points, whose gang, checkpoint or watchdog differ: the first's count",
			"finetune/gs-vs-nongs/A/b3/s2 is one task for several arms or points, whose gang, checkpoint or watchdog differ: the first's count",
		}},
	} {
		if got := expand(t, readBase(t), c.sets...).Notes; !slices.Equal(got, c.want) {
			t.Errorf("%q: %q", c.sets, got)
		}
	}
}

// With data.seed: run each seed of a sweep draws its own images, those that the same number
// as data.seed draws; the test set stays.
func TestEachSeedDrawsItsImages(t *testing.T) {
	drawn := func(sets ...string) (out []string) {
		p := expand(t, readBase(t), append([]string{"data.labelled.take=9", "arms=[{name: A, stains: []}]"}, sets...)...)
		for _, item := range p.Items {
			out = append(out, item.Name()+" "+item.Key.String())
		}
		return out
	}
	both := drawn("data.seed=run", "sweep={seeds: [3, 4]}")
	var each []string
	for _, seed := range []string{"3", "4"} {
		each = append(each, drawn("seed="+seed, "data.seed="+seed, "sweep={}")...)
	}
	slices.Sort(both)
	slices.Sort(each)
	if !slices.Equal(both, each) {
		t.Errorf("a sweep plans %v, its seeds one by one %v", both, each)
	}
	if same := drawn("data.seed=3", "sweep={seeds: [3, 4]}"); slices.Contains(same, both[len(both)-1]) {
		t.Errorf("seed 4 has the images of seed 3: %v", both)
	}
}
