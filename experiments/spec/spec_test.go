package spec

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"g2c/internal/fault"
	"g2c/internal/golden"
)

func base(t testing.TB) []byte {
	text, err := os.ReadFile("testdata/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t testing.TB, text []byte, sets ...string) *File {
	t.Helper()
	f, err := Parse("spec.yaml", text, sets...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The defaults are the contract's; this is its table once more.
func TestDefaults(t *testing.T) {
	want := `metadata: {project: default, priority: 0}
data: {size: 224, fit: resize, labelled: {validation: {fraction: 0.15, by: group}, folds: none, take: all, allowDuplicates: false}, normalise: none, seed: 0}
model: {generator: {width: 64, blocks: 6, up: k4}, discriminator: {width: 64}, classifier: {width: 256, units: 3, hidden: 32, attention: true, stem: inception-v4, shared: true}, baseline: none}
pretrain: {epochs: 200, constantEpochs: 100, batch: 1, pool: 50, lambdaCycle: 10, lambdaIdentity: 0.5, load: 1.117, flip: true, lr: 0.0002, beta1: 0.5, beta2: 0.999, lambdaL1: 100}
finetune: {epochs: 30, freezeEpochs: 5, batch: 16, shards: 4, select: last, gamma: 2, lr: 0.01, momentum: 0.5, dropEvery: 5, dropBy: 10, augment: false, optimizer: sgd, weightDecay: 0}
seed: 1
precision: fp32
gradients: fp32
device: auto
gang: {min: 1, max: 0}
checkpoint: {every: 1 epoch, keep: 2, keepBest: true}
store: runs/
cost: {deviceHour: 0, kWh: 0, currency: USD}
`
	got, err := read("defaults", []byte(DumpDefaults()))
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := read("want", []byte("apiVersion: g2c/v1\nkind: Experiment\n"+want))
	if err != nil {
		t.Fatal(err)
	}
	var g, w Spec
	if err := errors.Join(decodeInto(&g, got, ""), decodeInto(&w, wanted, "")); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) || !reflect.DeepEqual(g, Default()) {
		t.Errorf("defaults:\n%s", DumpDefaults())
	}
}

// everything sets every field of the spec, so that reading and writing are
// tried on each of them.
const everything = `{"apiVersion": "g2c/v1", "kind": "Experiment",
"metadata": {"name": "all", "project": "p", "priority": -3, "labels": {"team.org": "x y", "quoted": "true", "é": "1"}},
"data": {"source": "PAS", "size": 128, "fit": "refuse", "seed": 7, "unlabelled": {"PAS": ["a", "b*"], "HE": "c'd"},
  "labelled": {"train": ["t1", "t 2"], "test": "x.csv", "validation": ["v"], "group": {"pattern": "^(?P<patient>\\d+)é$"},
    "columns": {"path": "file", "label": "1", "patient": "p", "slide": "s"}}},
"tasks": [{"name": "a", "positive": ["gs", "007"], "negative": ["no"], "positiveName": "bad: x", "negativeName": "good"},
  {"name": "b", "positive": ["gs"], "negative": ["007"], "given": "a"}],
"model": {"generator": {"width": 3, "blocks": 4}, "discriminator": {"width": 5},
  "classifier": {"width": 6, "units": 2, "hidden": 7, "attention": false, "stem": "conv7", "shared": false}},
"pretrain": {"epochs": 8, "constantEpochs": 0, "batch": 2, "pool": 0, "lambdaCycle": 0.1, "lambdaIdentity": 0, "load": 1.5, "flip": false, "lr": 1e-3, "beta1": 0, "beta2": 0.9},
"finetune": {"epochs": 9, "freezeEpochs": "all", "batch": 32, "shards": 8, "select": "best", "gamma": 0, "lr": 2E-1, "momentum": 0, "dropEvery": 2, "dropBy": 1.5, "augment": true},
"generators": {"CD31": "imported/cd31"}, "seed": 4294967295, "precision": "bf16", "gradients": "bf16", "device": "cuda:0,1",
"gang": {"min": 2, "max": 4}, "checkpoint": {"every": "500 steps", "keep": 1, "keepBest": false}, "store": "/tmp/x",
"arms": [{"name": "A", "stains": ["HE", "CD31"], "data.labelled.validation.fraction": 0.5, "data": {"seed": 3}}, {"name": "B", "stains": []}],
"sweep": {"seeds": [2, 1], "data.labelled.columns.slide": ["1", "true"], "pretrain.lr": [1e-1, 2e-1]}}`

func TestCanonicalRoundTrip(t *testing.T) {
	text := strings.ReplaceAll(everything, `, "é": "1"`, "")
	for _, text := range [][]byte{base(t), []byte(text)} {
		f := parse(t, text)
		again := parse(t, f.Canonical())
		if !bytes.Equal(again.Canonical(), f.Canonical()) || again.Hash() != f.Hash() {
			t.Errorf("once:\n%s\ntwice:\n%s", f.Canonical(), again.Canonical())
		}
		sameVariants(t, f, again)
	}
	if _, err := Parse("x", []byte(everything)); err == nil || !strings.Contains(err.Error(), `"é" is not a name`) {
		t.Errorf("label é: %v", err)
	}
}

// Arms, axes and comparisons that set parts of fields, empty them or pick points survive
// the normal form too.
func TestRoundTripOfEdits(t *testing.T) {
	for _, sets := range [][]string{
		{"sweep={data.labelled.validation.fraction: [0.1, 0.2]}", "comparisons=[{a: PAS_ONLY, b: {arm: PAS_ALL+, data.labelled.validation.fraction: 0.1}}]"},
		{"sweep={data.labelled.group: [{pattern: '(?P<slide>a)'}, {}]}"},
		{"sweep={data.labelled.take: [3, all]}", "comparisons=[[PAS_ONLY, {arm: PAS_ALL+, data.labelled.take: all}]]"},
		{"arms=[{name: A, stains: [HE], data.labelled.group: {}, data.labelled.columns: {}, data.labelled.folds: none}]", "data.labelled.folds=3"},
		{"sweep={}", "sweep={checkpoint: [{keep: 3}, {every: 2 steps}], gang: [{max: 1}, {}]}"},
		{"generators={HE: {method: reinhard}}", "sweep={generators.HE: [{method: copy}, ready]}"},
		{"arms=[{name: A, stains: [HE, PASM]}]", "sweep={generators.PASM.method: [copy, macenko], finetune.augment: [false, hed], data.normalise: [none, macenko]}"},
		{"arms=[{name: A}]", "sweep={}", "sweep={stains: [[], [PASM, HE]]}", "comparisons=[[{arm: A, stains: []}, {arm: A, stains: [PASM, HE]}]]"},
	} {
		f := parse(t, base(t), sets...)
		again, err := Parse("again.yaml", f.Canonical())
		if err != nil {
			t.Errorf("%q: %v\n%s", sets, err, f.Canonical())
			continue
		}
		if again.Hash() != f.Hash() {
			t.Errorf("%q: once:\n%s\ntwice:\n%s", sets, f.Canonical(), again.Canonical())
		}
		sameVariants(t, f, again)
	}
}

func sameVariants(t *testing.T, a, b *File) {
	t.Helper()
	if len(a.Variants) != len(b.Variants) {
		t.Fatalf("%d and %d variants", len(a.Variants), len(b.Variants))
	}
	for i := range a.Variants {
		x, y := &a.Variants[i], &b.Variants[i]
		if x.Arm != y.Arm || !slices.Equal(x.Stains, y.Stains) || !reflect.DeepEqual(x.Spec, y.Spec) {
			t.Fatalf("variant %d:\n%+v\n%+v", i, x, y)
		}
	}
}

// shuffle permutes the entries of every mapping, and the stains of arms, which
// are sets; lists keep their order.
func shuffle(n *node, r *rand.Rand) {
	r.Shuffle(len(n.entries), func(i, j int) { n.entries[i], n.entries[j] = n.entries[j], n.entries[i] })
	for _, e := range n.entries {
		shuffle(e.value, r)
		if e.key == "stains" {
			r.Shuffle(len(e.value.items), func(i, j int) {
				e.value.items[i], e.value.items[j] = e.value.items[j], e.value.items[i]
			})
		}
	}
	for _, item := range n.items {
		shuffle(item, r)
	}
}

// The order of keys in a file says nothing: any order is the same experiment.
func TestOrderOfKeysSaysNothing(t *testing.T) {
	all := strings.ReplaceAll(everything, `, "é": "1"`, "")
	for _, text := range [][]byte{base(t), []byte(all)} {
		want := parse(t, text)
		for seed := range uint64(50) {
			root, err := read("x", text)
			if err != nil {
				t.Fatal(err)
			}
			shuffle(root, rand.New(rand.NewPCG(seed, 1)))
			var b strings.Builder
			writeBlock(&b, root, 0)
			got := parse(t, []byte(b.String()))
			if got.Hash() != want.Hash() {
				t.Fatalf("seed %d: another experiment:\n%s", seed, b.String())
			}
			sameVariants(t, got, want)
		}
	}
}

// What differs in meaning differs in hash; what differs in form does not.
func TestHash(t *testing.T) {
	want := parse(t, base(t)).Hash()
	for _, same := range []string{"finetune.epochs=10", "pretrain.lr=2e-4", "pretrain.lr=.00020", "sweep.seeds=[1, 2, 3]", "data.unlabelled={HE: data/stains/HE}", "data.unlabelled.HE=[data/stains/HE]"} {
		if parse(t, base(t), same).Hash() != want {
			t.Errorf("%s makes another hash", same)
		}
	}
	for _, other := range []string{"finetune.epochs=11", "pretrain.lr=0.00021", "sweep.seeds=[1, 2]", "sweep.seeds=[3, 2, 1]", "data.unlabelled.HE=other", "metadata.name=x", "arms=[{name: A, stains: []}]"} {
		if parse(t, base(t), other).Hash() == want {
			t.Errorf("%s makes no other hash", other)
		}
	}
}

// What a spec hashes to is what it did before fields were added to the format: the golden
// file was written then, and only an edit of a spec may move its line (-rewrite). A case
// is a file, --set edits, and the hash.
func TestGoldenHashes(t *testing.T) {
	const path = "testdata/hashes.golden"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	seen := 0
	for line := range strings.Lines(string(text)) {
		words := strings.Split(strings.TrimSpace(line), "  ")
		var file []byte
		switch words[0] {
		case "base":
			file = base(t)
		case "everything":
			file = []byte(strings.ReplaceAll(everything, `, "é": "1"`, ""))
		case "paper": // as it was when the hashes were written
			if file, err = os.ReadFile("../sweep/testdata/paper.yaml"); err != nil {
				t.Fatal(err)
			}
		default:
			if file, err = os.ReadFile("../specs/" + words[0] + ".yaml"); err != nil {
				t.Fatal(err)
			}
		}
		last := len(words) - 1
		got := parse(t, file, words[1:last]...).Hash()
		if got != words[last] && !golden.Rewriting() {
			t.Errorf("%q: %s", words, got)
		}
		out.WriteString(strings.Join(append(words[:last:last], got), "  ") + "\n")
		seen++
	}
	golden.Check(t, path, out.String())
	if seen < 9 {
		t.Errorf("only %d hashes", seen)
	}
}

// A file that an editor began with a byte order mark is the same file.
func TestByteOrderMark(t *testing.T) {
	if parse(t, append([]byte("\ufeff"), base(t)...)).Hash() != parse(t, base(t)).Hash() {
		t.Error("the mark counts")
	}
	_, err := Parse("spec.yaml", []byte("\ufeffnothing: 1\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "spec.yaml:1:1: ") {
		t.Errorf("%v", err)
	}
}

// --set, an arm and the sweep are one mechanism: the same edit gives the same spec.
func TestOneSetter(t *testing.T) {
	values := map[string]string{
		"finetune.freezeEpochs": "all", "data.labelled.validation": "none", "data.labelled.train": "[a, b]",
		"data.labelled.validation.fraction": "0.3", "data.unlabelled.HE": "elsewhere", "generators.HE": "m", "seed": "9",
		"checkpoint.every": "2 epochs", "gang": "{max: 2}", "finetune": "{}", "model.classifier": "{units: 2, hidden: 3}", "finetune.lr": "1e-3",
	}
	for path, value := range values {
		flag := parse(t, base(t), "arms=[{name: A, stains: [HE]}]", "sweep={}", path+"="+value)
		arm := parse(t, base(t), "arms=[{name: A, stains: [HE], "+path+": "+value+"}]", "sweep={}")
		if !reflect.DeepEqual(flag.Variants[0].Spec, arm.Variants[0].Spec) {
			t.Errorf("%s: --set and arm differ", path)
		}
		if strings.HasPrefix(value, "{") { // the sweep varies fields, not sections
			continue
		}
		axis := parse(t, base(t), "arms=[{name: A, stains: [HE]}]", "sweep={}", "sweep={"+path+": ["+value+"]}")
		if !reflect.DeepEqual(flag.Variants[0].Spec, axis.Variants[0].Spec) {
			t.Errorf("%s: --set and sweep differ", path)
		}
	}
}

// Variants come arm by arm, with the sweep's axes in a fixed order, seeds
// fastest; without arms each set of stains is one.
func TestVariants(t *testing.T) {
	f := parse(t, base(t), "arms=[{name: A, stains: []}, {name: B, stains: [PASM, HE]}]", "sweep={seeds: [2, 1], blocks: [3, 6]}")
	var got []string
	for _, v := range f.Variants {
		got = append(got, strings.Join([]string{v.Arm, strings.Join(v.Stains, "+"), valueAt(&v.Spec, "model.generator.blocks", whole), valueAt(&v.Spec, "seed", whole)}, " "))
	}
	want := []string{"A  3 2", "A  3 1", "A  6 2", "A  6 1", "B HE+PASM 3 2", "B HE+PASM 3 1", "B HE+PASM 6 2", "B HE+PASM 6 1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	text := bytes.Replace(base(t), []byte("arms:"), []byte("arms: []\nunused:"), 1)
	text = text[:bytes.Index(text, []byte("arms:"))]
	f = parse(t, append(text, "sweep: {stains: [[], [HE], [PASM, HE]]}\n"...))
	got = nil
	for _, v := range f.Variants {
		got = append(got, v.Arm)
	}
	if want := []string{"PAS_ONLY", "PAS_HE", "PAS_HE_PASM"}; !slices.Equal(got, want) {
		t.Errorf("arms %q, want %q", got, want)
	}
	if f.Hash() != parse(t, f.Canonical()).Hash() {
		t.Error("a spec without arms does not survive its normal form")
	}
}

// 224 → 25 → 13 → 7 and 64 → 5 → 3 → 2 before the last pooling (the reference's
// classifier).
func TestDeepestNorm(t *testing.T) {
	for _, c := range []struct {
		size  int
		stem  string
		units int
		want  int
	}{
		{224, "inception-v4", 1, 25}, {224, "inception-v4", 3, 7}, {64, "inception-v4", 1, 5}, {64, "inception-v4", 3, 2},
		{64, "inception-v4", 4, 1}, {64, "conv7", 1, 16}, {64, "conv7", 5, 1},
	} {
		if got := DeepestNorm(c.size, c.stem, c.units); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}

func TestNearest(t *testing.T) {
	choices := []string{"epochs", "constantEpochs", "lr", "pool"}
	for word, want := range map[string]string{
		"epoch": "epochs", "epcohs": "epochs", "Epochs": "epochs", "rl": "lr", "constantepochs": "constantEpochs",
		"constEpochs": "constantEpochs", "width": "", "polo": "pool", "": "",
	} {
		if got := nearest(word, choices); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}

// FuzzParse: any bytes are a spec or an error of the spec, and a spec survives
// its normal form.
func FuzzParse(f *testing.F) {
	f.Add(base(f), "finetune.epochs=3")
	f.Add([]byte(everything), "sweep.seeds=[1]")
	f.Add([]byte("a: &x [*x]\n"), "a=b")
	f.Add(base(f), "arms=[{name: A, stains: [HE], generators: {HE: x}}, {name: B, stains: [], data.paired: {}, finetune: {}}]")
	f.Add(base(f), "arms=[{name: A, stains: [], finetune: {optimizer: adagrad}}, {name: B, stains: [], finetune.optimizer: sgd, model.baseline: none}]")
	f.Add(append(base(f), "finetune.optimizer: adagrad\n"...), "arms=[{name: A, stains: [], finetune: {}}, {name: B, stains: [], finetune.optimizer: sgd}]")
	f.Add(base(f), "comparisons=[[PAS_ONLY, {arm: PAS_ALL+, blocks: 3, stains: [HE, MASSON, PASM]}], {a: PAS_H&E, b: PAS_ONLY}]")
	f.Add(base(f), "data.labelled={folds: 3, take: 9, allowDuplicates: true, group.by: pattern}")
	f.Add([]byte("? [a]\n: - |\n  b\n- 'c"), "=")
	f.Add([]byte("\t- {a: \"\\u0000\", <<: !!x ~}"), "a.b={")
	f.Fuzz(func(t *testing.T, text []byte, flag string) {
		for _, sets := range [][]string{nil, {flag}} {
			file, err := Parse("fuzz.yaml", text, sets...)
			if err != nil {
				if !errors.Is(err, fault.ErrSpec) {
					t.Fatalf("an error of another class: %v", err)
				}
				continue
			}
			again, err := Parse("again.yaml", file.Canonical())
			if err != nil {
				t.Fatalf("the normal form does not parse: %v\n%s", err, file.Canonical())
			}
			if again.Hash() != file.Hash() {
				t.Fatalf("once:\n%s\ntwice:\n%s", file.Canonical(), again.Canonical())
			}
			sameVariants(t, file, again)
		}
	})
}
