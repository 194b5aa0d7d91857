package sweep

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/spec"
)

const firstTask = "{name: t, positive: [gs, nongs, x], negative: [y]}"

// secondTask is an edit that sets both tasks, the second as given.
func secondTask(fields string) string { return "tasks=[" + firstTask + ", {" + fields + "}]" }

// rich are edits after which every field of a spec on images has a value.
var rich = []string{
	"metadata.labels.team=x", "generators.MASSON=model-a", "data.labelled.group.by=pattern",
	"data.labelled.columns={path: p, label: l, patient: who, slide: s}",
	secondTask("name: u, positive: [gs], negative: [nongs], given: t, positiveName: p, negativeName: n"),
	"arms=[{name: ALONE, stains: []}, {name: BOTH, stains: [HE, MASSON]}]", "sweep={}", "comparisons=[{a: ALONE, b: BOTH}]",
}

// syntheticEdits turn the base to the built-in world, for the fields of that.
var syntheticEdits = []string{"data.unlabelled={}", "data.labelled={}", "data.synthetic={patients: 5, patches: 6, seed: 7}"}

// edits change a field of a rich spec where no rule says what else it could be. All other
// fields are changed by their rules, so that one that is added is tried without a word
// here. An empty edit: no other value shows in the keys that are compared.
var edits = map[string][]string{
	"apiVersion":                  nil,
	"kind":                        nil,
	"comparisons[0]":              {"comparisons=[{a: BOTH, b: ALONE}]"},
	"metadata.labels.team":        {"metadata.labels.team=y"},
	"data.source":                 {"data.source=PASM"},
	"data.unlabelled.PAS":         {"data.unlabelled.PAS=elsewhere"},
	"data.unlabelled.HE":          {"data.unlabelled.HE=[data/stains/HE,more]"},
	"data.unlabelled.MASSON":      nil, // of another pretraining
	"data.unlabelled.PASM":        nil,
	"pretrain.lambdaL1":           nil, // of pairs: TestPairedFieldsEnterTheirKeys
	"data.labelled.train":         {"data.labelled.train=elsewhere"},
	"data.labelled.test":          {"data.labelled.test=elsewhere"},
	"data.labelled.validation":    {"data.labelled.validation.fraction=0.2", "data.labelled.validation=none", "data.labelled.validation=folder"},
	"data.labelled.group.pattern": {"data.labelled.group.pattern='^(?P<patient>.+)$'"},
	"data.labelled.folds":         {"data.labelled.folds=2"},
	"data.labelled.take":          {"data.labelled.take=50"},
	"finetune.freezeEpochs":       {"finetune.freezeEpochs=3", "finetune.freezeEpochs=all"},
	"generators.MASSON":           {"generators.MASSON=model-b"},
	"device":                      {"device=cuda:0"},
	"model.baseline":              nil, // it has no place beside stains: TestBaselines
	"checkpoint.every":            {"checkpoint.every=7 steps"},
	"tasks[1].name":               {secondTask("name: v, positive: [gs], negative: [nongs], given: t, positiveName: p, negativeName: n")},
	"tasks[1].positive":           {secondTask("name: u, positive: [gs, x], negative: [nongs], given: t, positiveName: p, negativeName: n")},
	"tasks[1].negative":           {secondTask("name: u, positive: [gs], negative: [nongs, x], given: t, positiveName: p, negativeName: n")},
	"tasks[1].positiveName":       {secondTask("name: u, positive: [gs], negative: [nongs], given: t, positiveName: q, negativeName: n")},
	"tasks[1].negativeName":       {secondTask("name: u, positive: [gs], negative: [nongs], given: t, positiveName: p, negativeName: q")},
	"tasks[1].given":              {secondTask("name: u, positive: [gs], negative: [nongs], positiveName: p, negativeName: n")},
}

// otherValues are edits that give a field another value, by its rules.
func otherValues(f spec.Field) []string {
	var values []string
	if x, err := strconv.ParseFloat(f.Value, 64); err == nil {
		for _, v := range []float64{x + 1, x - 1, x * 2, x / 2, x + 4, x * 0.9} {
			if v != x && f.Of.Rules.Broken(v) == nil {
				values = append(values, strconv.FormatFloat(v, 'f', -1, 64))
			}
		}
	} else if choices := f.Of.Rules.Choices(); choices != nil {
		values = slices.DeleteFunc(slices.Clone(choices), func(c string) bool { return c == f.Value })
	} else if f.Value == "true" || f.Value == "false" {
		values = []string{map[string]string{"true": "false", "false": "true"}[f.Value]}
	} else {
		values = []string{f.Value + "x"}
	}
	for i := range values {
		values[i] = f.Path + "=" + values[i]
	}
	return values
}

// toggles are the edits of a field that make a spec.
func toggles(t *testing.T, base []string, f spec.Field) []string {
	if list, ok := edits[f.Path]; ok {
		return list
	}
	for _, edit := range otherValues(f) {
		if _, err := spec.Parse("spec.yaml", readBase(t), append(slices.Clone(base), edit)...); err == nil {
			return []string{edit}
		}
	}
	t.Errorf("no other value of %s makes a spec", f.Path)
	return nil
}

// keysOf are the keys that a case compares, of the arm BOTH and its second task.
type keysOf struct {
	pretrain api.Key
	own      api.Key // of the fine-tuning, but for the generators it is given
	finetune api.Key
	evaluate api.Key
	alone    api.Key // fine-tuning of the arm without stains
}

func keys(t *testing.T, edits ...string) (keysOf, []spec.Field) {
	t.Helper()
	f, err := spec.Parse("spec.yaml", readBase(t), edits...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Expand(f, Options{Numerics: "cuda-sm80-1", Fingerprint: fakePrint, Resolve: fakeResolve})
	if err != nil {
		t.Fatal(err)
	}
	var k keysOf
	for _, item := range p.Items {
		use := item.Uses[0]
		if use.Fold > 1 {
			continue
		}
		second := use.Task != f.Spec.Tasks[0].Name
		switch {
		case (item.Task.Kind == api.KindPretrain || item.Task.Kind == api.KindPaired) && use.Stains[0] == "HE":
			k.pretrain = item.Key
		case item.Task.Kind == api.KindFinetune && second && use.Arm == "ALONE":
			k.alone = item.Key
		case item.Task.Kind == api.KindFinetune && second:
			body := *item.Task.Finetune
			body.Generators = make([]api.Key, len(body.Generators))
			if _, ready := f.Spec.Generators["MASSON"]; ready {
				body.Generators[1] = item.Task.Finetune.Generators[1]
			}
			k.own, k.finetune = api.FinetuneTask("cpu-1", body).Key(), item.Key
		case item.Task.Kind == api.KindEvaluate && second && use.Arm == "BOTH":
			k.evaluate = item.Key
		}
	}
	return k, spec.Fields(&f.Spec)
}

// TestEveryFieldEntersItsKeys is the contract between specs and results: a field
// changes exactly the keys that its row in the reference says, and what is trained from
// them. A field too few, and two runs that differ share a result; a field too
// many, and finished work is done again.
func TestEveryFieldEntersItsKeys(t *testing.T) {
	images, imageFields := keys(t, rich...)
	world := slices.Concat(rich, syntheticEdits, []string{"generators={}",
		"tasks=[{name: t, positive: [gs, ss], negative: [noa]}, {name: u, positive: [gs], negative: [ss], given: t}]"})
	drawn, drawnFields := keys(t, world...)
	seen := map[string]bool{}
	for _, f := range append(imageFields, drawnFields...) {
		before, base := images, rich
		if strings.HasPrefix(f.Path, "data.synthetic") {
			before, base = drawn, world
		}
		if seen[f.Path] || strings.HasPrefix(f.Path, "tasks[0]") { // as tasks[1]
			continue
		}
		seen[f.Path] = true
		for _, edit := range toggles(t, base, f) {
			after, _ := keys(t, append(slices.Clone(base), edit)...)
			compareKeys(t, edit, keysIn(&f, false), before, after)
		}
	}
	for path := range edits {
		if !seen[path] {
			t.Errorf("the spec has no field %s", path)
		}
	}
	checkCoverage(t, seen)
}

// With folds the same holds: what tells names apart is what the keys depend on.
func TestEveryFieldEntersItsKeysInFolds(t *testing.T) {
	base := append(slices.Clone(rich), "data.labelled.folds=2")
	before, fields := keys(t, base...)
	tried := 0
	for _, f := range fields {
		if f.Key == "" || strings.HasPrefix(f.Path, "tasks[0]") { // as tasks[1]
			continue
		}
		list := toggles(t, base, f)
		if f.Path == "data.labelled.folds" {
			list = []string{"data.labelled.folds=3"}
		}
		for _, edit := range list {
			tried++
			after, _ := keys(t, append(slices.Clone(base), edit)...)
			compareKeys(t, edit, keysIn(&f, true), before, after)
		}
	}
	if tried < 50 {
		t.Errorf("only %d edits tried", tried)
	}
}

// On pairs, too, a field changes the keys that its row says: of a paired training those
// that pix2pix has, and no others.
func TestPairedFieldsEnterTheirKeys(t *testing.T) {
	base := append(slices.Clone(rich), "data.paired={HE: [he, pas]}", "data.heldSlide=s1")
	before, fields := keys(t, base...)
	if unpaired, _ := keys(t, rich...); unpaired.pretrain == before.pretrain {
		t.Fatal("pairs make no other task")
	}
	own := map[string][]string{
		"data.paired.HE": {"data.paired.HE=other.csv"}, "pretrain.lambdaL1": {"pretrain.lambdaL1=50"},
		"data.unlabelled.HE": {"data.unlabelled.HE=elsewhere"}, "data.unlabelled.PAS": {"data.unlabelled.PAS=elsewhere"},
		"data.normalise": {}, // refused beside pairs
	}
	seen := map[string]bool{}
	for _, f := range fields {
		if !strings.Contains(f.Key, "P") {
			continue
		}
		list, ok := own[f.Path]
		if !ok {
			list = toggles(t, base, f)
		}
		for _, edit := range list {
			seen[f.Path] = true
			after, _ := keys(t, append(slices.Clone(base), edit)...)
			if got, want := after.pretrain != before.pretrain, !otherTraining(api.KindPaired, f.Path); got != want {
				t.Errorf("%s: the key of the paired training changes: %v, want %v", edit, got, want)
			}
		}
	}
	for _, path := range []string{"data.paired.HE", "data.heldSlide", "pretrain.lambdaL1", "pretrain.epochs", "pretrain.pool", "pretrain.lambdaCycle", "pretrain.lambdaIdentity", "data.size", "seed"} {
		if !seen[path] {
			t.Errorf("%s was not tried", path)
		}
	}
}

// compareKeys holds what an edit changed to the keys that its field enters.
func compareKeys(t *testing.T, edit, key string, before, after keysOf) {
	t.Helper()
	p, f, any := strings.Contains(key, "P"), strings.Contains(key, "F"), key != ""
	for _, part := range []struct {
		name          string
		before, after api.Key
		want          bool
	}{
		{"pretraining", before.pretrain, after.pretrain, p},
		{"fine-tuning, its own fields,", before.own, after.own, f},
		{"fine-tuning", before.finetune, after.finetune, p || f},
		{"evaluation", before.evaluate, after.evaluate, any},
	} {
		if changed := part.before != part.after; changed != part.want {
			t.Errorf("%s: the key of the %s changes: %v, want %v", edit, part.name, changed, part.want)
		}
	}
	if !f && before.alone != after.alone {
		t.Errorf("%s: changes the fine-tuning without stains", edit)
	}
}

// checkCoverage asks that every row of the reference was tried.
func checkCoverage(t *testing.T, seen map[string]bool) {
	t.Helper()
	for _, r := range spec.Table() {
		path := strings.NewReplacer(".STAIN", ".MASSON", ".NAME", ".team", "tasks[]", "tasks[1]", "comparisons[]", "comparisons[0]").Replace(r.Path)
		if !seen[path] && !strings.HasPrefix(path, "data.paired") && path != "data.heldSlide" && !strings.HasPrefix(path, "search.") { // TestPairedFieldsEnterTheirKeys, TestSearchEntersNoKey
			t.Errorf("%s was not tried", r.Path)
		}
	}
	if len(seen) < 70 {
		t.Errorf("only %d fields seen", len(seen))
	}
}

// Without stains nothing about generators counts: over any depth, width, freezing
// and pretraining, PAS_ONLY is one task.
func TestAloneIgnoresGenerators(t *testing.T) {
	want, _ := keys(t, rich...)
	for _, edit := range []string{"model.generator.blocks=9", "model.generator.width=9", "finetune.freezeEpochs=0", "finetune.freezeEpochs=all", "pretrain.lr=1", "generators.MASSON=b", "model.discriminator.width=3"} {
		if got, _ := keys(t, append(slices.Clone(rich), edit)...); got.alone != want.alone {
			t.Errorf("%s makes another PAS_ONLY", edit)
		}
	}
}

// Values that mean the same make the same task.
func TestNormalForm(t *testing.T) {
	for _, pair := range [][2]string{
		{"pretrain.constantEpochs=12", "pretrain.constantEpochs=500"},
		{"finetune.freezeEpochs=10", "finetune.freezeEpochs=all"},
		{"finetune.freezeEpochs=10", "finetune.freezeEpochs=99"},
		{"finetune.lr=0.01", "finetune.lr=1e-2"},
		{"data.labelled.train=[a]", "data.labelled.train=a"},
		{secondTask("name: u, positive: [gs, x], negative: [nongs]"), secondTask("name: u, negative: [nongs], positive: [x, gs], positiveName: gs+x")},
		{secondTask("name: u, positive: ['\u00e9'], negative: [nongs]"), secondTask("name: u, positive: ['e\u0301'], negative: [nongs]")}, // one letter, or two code points
	} {
		a, _ := keys(t, append(slices.Clone(rich), pair[0])...)
		b, _ := keys(t, append(slices.Clone(rich), pair[1])...)
		if a != b {
			t.Errorf("%s and %s differ", pair[0], pair[1])
		}
	}
}

// A baseline is another task than the classifier, and the classifier's shape is none of it;
// one that is not trained in steps has nothing of the training either.
func TestBaselines(t *testing.T) {
	alone := func(edits ...string) api.Key {
		k, _ := keys(t, slices.Concat(rich, []string{"arms=[{name: ALONE, stains: []}, {name: BOTH, stains: [HE, MASSON], model.baseline: none}]"}, edits)...)
		return k.alone
	}
	seen := map[api.Key]string{alone(): "none"}
	for _, baseline := range []string{api.BaselineFuzzyHistogram, api.BaselineShallowCNN, api.BaselineCIFAR10Quick, api.BaselineAlexNet} {
		edit := "model.baseline=" + baseline
		key := alone(edit)
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s are one task", baseline, other)
		}
		seen[key] = baseline
		for _, of := range []string{"width=7", "units=2", "hidden=9", "attention=false", "stem=conv7", "shared=false"} {
			if alone(edit, "model.classifier."+of) != key {
				t.Errorf("%s: another classifier's %s makes another task", baseline, of)
			}
		}
		for _, of := range []string{"finetune.epochs=9", "finetune.lr=0.5", "finetune.optimizer=adagrad", "finetune.weightDecay=0.004", "finetune.batch=32", "gradients=bf16"} {
			if same := alone(edit, of) == key; same != (baseline == api.BaselineFuzzyHistogram) {
				t.Errorf("%s: %s leaves the task as it is: %v", baseline, of, same)
			}
		}
		if alone(edit, "seed=9") == key {
			t.Errorf("%s: another seed is the same task", baseline)
		}
	}
}
