package sweep

import (
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/spec"
)

// keyCase is one row of the reference: a field, the keys it enters, and an edit
// that changes it.
type keyCase struct {
	path string
	key  string // of P, F and E; empty for none
	edit string // path=value; empty: the field has one value only
}

const firstTask = "{name: t, positive: [gs, nongs, x], negative: [y]}"

// secondTask is an edit that sets both tasks, the second as given.
func secondTask(fields string) string { return "tasks=[" + firstTask + ", {" + fields + "}]" }

// rich are edits after which every field of a spec on images has a value.
var rich = []string{
	"metadata.labels.team=x", "generators.MASSON=model-a",
	secondTask("name: u, positive: [gs], negative: [nongs], given: t, positiveName: p, negativeName: n"),
	"arms=[{name: ALONE, stains: []}, {name: BOTH, stains: [HE, MASSON]}]", "sweep={}",
}

// syntheticEdits turn the base to the built-in world, for the fields of that.
var syntheticEdits = []string{"data.unlabelled={}", "data.labelled={}", "data.synthetic={patients: 5, patches: 6, seed: 7}"}

// fieldKeys repeats the key column of the reference for every field. It is
// written out by hand: the tags in spec's types are what is being tested.
var fieldKeys = []keyCase{
	{"apiVersion", "", ""},
	{"kind", "", ""},
	{"metadata.name", "", "metadata.name=other"},
	{"metadata.project", "", "metadata.project=other"},
	{"metadata.priority", "", "metadata.priority=9"},
	{"metadata.labels.team", "", "metadata.labels.team=y"},
	{"data.source", "PF", "data.source=PASM"},
	{"data.size", "PF", "data.size=68"},
	{"data.fit", "PF", "data.fit=refuse"},
	{"data.unlabelled.PAS", "P", "data.unlabelled.PAS=elsewhere"},
	{"data.unlabelled.HE", "P", "data.unlabelled.HE=[data/stains/HE,more]"},
	{"data.unlabelled.MASSON", "P", ""}, // of another pretraining
	{"data.unlabelled.PASM", "P", ""},
	{"data.labelled.train", "F", "data.labelled.train=elsewhere"},
	{"data.labelled.test", "E", "data.labelled.test=elsewhere"},
	{"data.labelled.validation", "F", "data.labelled.validation.fraction=0.2"},
	{"data.labelled.validation", "F", "data.labelled.validation=none"},
	{"data.labelled.validation", "F", "data.labelled.validation=folder"},
	{"data.labelled.group.pattern", "FE", "data.labelled.group.pattern='^(?P<patient>.+)$'"},
	{"data.labelled.columns.path", "FE", "data.labelled.columns.path=file"},
	{"data.labelled.columns.label", "FE", "data.labelled.columns.label=class"},
	{"data.labelled.columns.patient", "FE", "data.labelled.columns.patient=who"},
	{"data.labelled.columns.slide", "FE", "data.labelled.columns.slide=glass"},
	{"data.seed", "F", "data.seed=3"},
	{"model.generator.width", "PF", "model.generator.width=8"},
	{"model.generator.blocks", "PF", "model.generator.blocks=4"},
	{"model.discriminator.width", "P", "model.discriminator.width=8"},
	{"model.classifier.width", "F", "model.classifier.width=8"},
	{"model.classifier.units", "F", "model.classifier.units=2"},
	{"model.classifier.hidden", "F", "model.classifier.hidden=8"},
	{"model.classifier.attention", "F", "model.classifier.attention=false"},
	{"model.classifier.stem", "F", "model.classifier.stem=conv7"},
	{"model.classifier.shared", "F", "model.classifier.shared=false"},
	{"pretrain.epochs", "P", "pretrain.epochs=13"},
	{"pretrain.constantEpochs", "P", "pretrain.constantEpochs=5"},
	{"pretrain.batch", "P", "pretrain.batch=2"},
	{"pretrain.pool", "P", "pretrain.pool=0"},
	{"pretrain.lambdaCycle", "P", "pretrain.lambdaCycle=9"},
	{"pretrain.lambdaIdentity", "P", "pretrain.lambdaIdentity=0"},
	{"pretrain.load", "P", "pretrain.load=1.118"},
	{"pretrain.flip", "P", "pretrain.flip=false"},
	{"pretrain.lr", "P", "pretrain.lr=1e-3"},
	{"pretrain.beta1", "P", "pretrain.beta1=0.4"},
	{"pretrain.beta2", "P", "pretrain.beta2=0.99"},
	{"finetune.epochs", "F", "finetune.epochs=11"},
	{"finetune.freezeEpochs", "F", "finetune.freezeEpochs=3"},
	{"finetune.freezeEpochs", "F", "finetune.freezeEpochs=all"},
	{"finetune.batch", "F", "finetune.batch=32"},
	{"finetune.shards", "F", "finetune.shards=2"},
	{"finetune.select", "F", "finetune.select=best"},
	{"finetune.gamma", "F", "finetune.gamma=1"},
	{"finetune.lr", "F", "finetune.lr=0.02"},
	{"finetune.momentum", "F", "finetune.momentum=0.9"},
	{"finetune.dropEvery", "F", "finetune.dropEvery=3"},
	{"finetune.dropBy", "F", "finetune.dropBy=2"},
	{"finetune.augment", "F", "finetune.augment=true"},
	{"generators.MASSON", "F", "generators.MASSON=model-b"},
	{"seed", "PF", "seed=2"},
	{"precision", "PF", "precision=bf16"},
	{"gradients", "F", "gradients=bf16"},
	{"device", "", "device=cuda:0"},
	{"gang.min", "", "gang.min=2"},
	{"gang.max", "", "gang.max=2"},
	{"checkpoint.every", "", "checkpoint.every=7 steps"},
	{"checkpoint.keep", "", "checkpoint.keep=3"},
	{"checkpoint.keepBest", "", "checkpoint.keepBest=false"},
	{"store", "", "store=elsewhere/"},
	{"data.synthetic.patients", "PFE", "data.synthetic.patients=9"},
	{"data.synthetic.patches", "PFE", "data.synthetic.patches=9"},
	{"data.synthetic.seed", "PFE", "data.synthetic.seed=9"},
	{"tasks[1].name", "", secondTask("name: v, positive: [gs], negative: [nongs], given: t, positiveName: p, negativeName: n")},
	{"tasks[1].positive", "FE", secondTask("name: u, positive: [gs, x], negative: [nongs], given: t, positiveName: p, negativeName: n")},
	{"tasks[1].negative", "FE", secondTask("name: u, positive: [gs], negative: [nongs, x], given: t, positiveName: p, negativeName: n")},
	{"tasks[1].positiveName", "FE", secondTask("name: u, positive: [gs], negative: [nongs], given: t, positiveName: q, negativeName: n")},
	{"tasks[1].negativeName", "FE", secondTask("name: u, positive: [gs], negative: [nongs], given: t, positiveName: p, negativeName: q")},
	{"tasks[1].given", "E", secondTask("name: u, positive: [gs], negative: [nongs], positiveName: p, negativeName: n")},
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
		second := use.Task != f.Spec.Tasks[0].Name
		switch {
		case item.Task.Kind == api.KindPretrain && use.Stains[0] == "HE":
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
// changes exactly the keys that the reference says, and what is trained from
// them. A field too few, and two runs that differ share a result; a field too
// many, and finished work is done again.
func TestEveryFieldEntersItsKeys(t *testing.T) {
	images, imageFields := keys(t, rich...)
	world := slices.Concat(rich, syntheticEdits, []string{"generators={}",
		"tasks=[{name: t, positive: [gs, ss], negative: [noa]}, {name: u, positive: [gs], negative: [ss], given: t}]"})
	drawn, drawnFields := keys(t, world...)
	for _, c := range fieldKeys {
		if c.edit == "" {
			continue
		}
		before, edits := images, rich
		if strings.HasPrefix(c.path, "data.synthetic") {
			before, edits = drawn, world
		}
		after, _ := keys(t, append(slices.Clone(edits), c.edit)...)
		p, f, any := strings.Contains(c.key, "P"), strings.Contains(c.key, "F"), c.key != ""
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
				t.Errorf("%s: the key of the %s changes: %v, want %v", c.edit, part.name, changed, part.want)
			}
		}
		if !f && before.alone != after.alone {
			t.Errorf("%s: changes the fine-tuning without stains", c.edit)
		}
	}
	checkCoverage(t, append(imageFields, drawnFields...))
}

// checkCoverage holds the table to the spec's fields, both ways, and the tags of
// the fields to the table.
func checkCoverage(t *testing.T, fields []spec.Field) {
	table := map[string]string{}
	for _, c := range fieldKeys {
		table[c.path] = c.key
	}
	seen := map[string]bool{}
	for _, f := range fields {
		if strings.HasPrefix(f.Path, "tasks[0]") {
			continue // as tasks[1]
		}
		seen[f.Path] = true
		if want, ok := table[f.Path]; !ok || want != f.Key {
			t.Errorf("%s is tagged %q, and the table says %q (%v)", f.Path, f.Key, want, ok)
		}
	}
	for path := range table {
		if !seen[path] {
			t.Errorf("the spec has no field %s", path)
		}
	}
	if len(seen) < 65 {
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
	} {
		a, _ := keys(t, append(slices.Clone(rich), pair[0])...)
		b, _ := keys(t, append(slices.Clone(rich), pair[1])...)
		if a != b {
			t.Errorf("%s and %s differ", pair[0], pair[1])
		}
	}
}
