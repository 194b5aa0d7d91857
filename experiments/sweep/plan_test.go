package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/spec"
	"g2c/internal/fault"
	"g2c/internal/golden"
)

// describe lists a plan for expand.golden: a task's names, by how many requests
// it is shared if by more than one, and what it needs.
func describe(p *Plan) string {
	var b strings.Builder
	for _, item := range p.Items {
		b.WriteString(item.Names[0])
		if item.Requests > 1 {
			fmt.Fprintf(&b, "  ×%d", item.Requests)
		}
		b.WriteString("\n")
		for _, name := range item.Names[1:] {
			fmt.Fprintf(&b, "    = %s\n", name)
		}
		made, ready := p.Needs(item)
		for _, in := range made {
			fmt.Fprintf(&b, "    < %s\n", in.Name())
		}
		for _, key := range ready {
			fmt.Fprintf(&b, "    < ready %s\n", key.Short())
		}
	}
	return b.String()
}

// TestExpansions holds plans to testdata/expand.golden: a case is a comment,
// --set edits of base.yaml, and the plan.
func TestExpansions(t *testing.T) {
	const path = "testdata/expand.golden"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		var keep, sets []string
		for _, line := range strings.Split(block, "\n") {
			edit, isSet := strings.CutPrefix(line, "set ")
			if isSet {
				sets = append(sets, edit)
			}
			if isSet || strings.HasPrefix(line, "#") {
				keep = append(keep, line)
			}
		}
		got := strings.Join(append(keep, describe(expand(t, readBase(t), sets...))), "\n")
		if strings.TrimSpace(got) != block && !golden.Rewriting() {
			t.Errorf("got:\n%s\nwant:\n%s", got, block)
		}
		out = append(out, strings.TrimSpace(got))
	}
	golden.Check(t, path, strings.Join(out, "\n\n")+"\n")
}

// The paper's sweep: 8 sets of stains at 4 depths ask for 48 generators and 32
// classifiers, and train 12 and 29.
func TestSharing(t *testing.T) {
	text := string(readBase(t))
	text = text[:strings.Index(text, "arms:")] +
		"sweep: {stains: [[], [HE], [MASSON], [PASM], [HE, MASSON], [HE, PASM], [MASSON, PASM], [HE, MASSON, PASM]], blocks: [3, 6, 9, 12]}\n"
	p := expand(t, []byte(text))
	for kind, want := range map[api.Kind][2]int{api.KindPretrain: {12, 48}, api.KindFinetune: {29, 32}, api.KindEvaluate: {29, 32}} {
		if items, requests := p.Count(kind); items != want[0] || requests != want[1] {
			t.Errorf("%s: %d tasks for %d requests, want %v", kind, items, requests, want)
		}
	}
	alone := named(t, p, "finetune/gs-vs-nongs/PAS_ONLY/b9/s1")
	if len(alone.Names) != 4 || alone.Names[0] != "finetune/gs-vs-nongs/PAS_ONLY/b3/s1" || alone.Uses[2].Blocks != 9 {
		t.Errorf("PAS_ONLY over four depths: %v", alone.Names)
	}
	checkPlan(t, p)
}

// checkPlan states what holds of every plan.
func checkPlan(t *testing.T, p *Plan) {
	t.Helper()
	names, done := map[string]bool{}, map[api.Key]bool{}
	for _, item := range p.Items {
		if item.Key != item.Task.Key() || p.Find(item.Key) != item || done[item.Key] {
			t.Errorf("%s: key", item.Name())
		}
		if back, err := api.DecodeTask(item.Task.Canonical()); err != nil || back.Key() != item.Key {
			t.Errorf("%s: %v", item.Name(), err)
		}
		made, _ := p.Needs(item)
		for _, in := range made {
			if !done[in.Key] {
				t.Errorf("%s comes before %s, which it needs", item.Name(), in.Name())
			}
		}
		done[item.Key] = true
		for i, name := range item.Names {
			if names[name] || item.Uses[i].Name != name || !strings.HasPrefix(name, string(item.Task.Kind)+"/") {
				t.Errorf("name %s", name)
			}
			names[name] = true
		}
	}
}

// YAML, JSON and the normal form of one spec make one plan, to the byte.
func TestFormSaysNothing(t *testing.T) {
	f, err := spec.Parse("spec.yaml", readBase(t))
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(expand(t, readBase(t)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(expand(t, f.Canonical()))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("the normal form makes another plan")
	}
}

// Each part of the data is hashed once, however many tasks read it, and a part
// asks only for what is in it.
func TestFingerprintsAreAskedOnce(t *testing.T) {
	f, err := spec.Parse("spec.yaml", readBase(t))
	if err != nil {
		t.Fatal(err)
	}
	var asked []api.DataSet
	ask := func(d api.DataSet) (api.Key, error) {
		asked = append(asked, d)
		return fakePrint(d)
	}
	if _, err := Expand(f, Options{Numerics: api.ClassCPU, Fingerprint: ask}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range asked {
		l := d.Where.Labelled
		line := fmt.Sprintf("%s %s side %d labels %v unlabelled %d", d.Part, d.Stain, d.Side, d.Labels, len(d.Where.Unlabelled))
		if l != nil {
			line += fmt.Sprintf(" train %v test %v validation %v", l.Train, l.Test, l.Validation != nil)
		}
		got = append(got, line)
	}
	want := []string{
		"training  side 64 labels [gs nongs] unlabelled 0 train [data/glomeruli_pas/train] test [] validation true",
		"test  side 64 labels [gs nongs] unlabelled 0 train [] test [data/glomeruli_pas/test] validation false",
		"unlabelled HE side 71 labels [] unlabelled 2",
		"unlabelled MASSON side 71 labels [] unlabelled 2",
		"unlabelled PASM side 71 labels [] unlabelled 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("asked:\n%s", strings.Join(got, "\n"))
	}
}

// A worker finds the data of a task beside it, and how to run it.
func TestWork(t *testing.T) {
	p := expand(t, readBase(t), "gang.max=2", "checkpoint.every=50 steps", "metadata.priority=4", "generators.HE=imported/he")
	all := named(t, p, "finetune/gs-vs-nongs/PAS_ALL+/b3/s2")
	if got := fmt.Sprintf("%v %v %v %d %s %s", all.Task.Finetune.Stains, all.Gang, all.Checkpoint, all.Priority, all.Project, all.Experiment); got != "[HE MASSON PASM] {1 2} {0 50 2 true 0 0} 4 demo glomeruli" {
		t.Error(got)
	}
	he, _ := fakeResolve("imported/he")
	if g := all.Where.Generators; len(g) != 1 || g[0] != (api.StainModel{Stain: "HE", Model: "imported/he", Key: he}) || all.Task.Finetune.Generators[0] != he {
		t.Errorf("ready generators %v", g)
	}
	if all.Where.Labelled.Test != nil {
		t.Error("a fine-tuning is told where the test set is")
	}
	judge := named(t, p, "evaluate/gs-vs-nongs/PAS_ALL+/b3/s2")
	if l := judge.Where.Labelled; l.Train == nil || l.Test == nil || l.Validation == nil {
		t.Errorf("an evaluation reads every split, not %+v", l)
	}
	pair := named(t, p, "pretrain/PASM/w16/b3/s2")
	if w := pair.Where; len(w.Unlabelled) != 2 || w.Unlabelled[0].Stain != "PAS" || w.Labelled != nil || pair.Gang != (api.Gang{Min: 1, Max: 1}) {
		t.Errorf("a pretraining reads %+v with a gang of %+v", w, pair.Gang)
	}
	if len(p.match(func(n string) bool { return strings.HasPrefix(n, "pretrain/HE") })) != 0 {
		t.Error("a ready generator is trained again")
	}
}

func TestOnly(t *testing.T) {
	p := expand(t, readBase(t))
	for selector, want := range map[string][]string{
		"pretrain/HE/w16/b3/s1":              {"pretrain/HE/w16/b3/s1"},
		"finetune/gs-vs-nongs/PAS_H&E/b3/s2": {"pretrain/HE/w16/b3/s2", "finetune/gs-vs-nongs/PAS_H&E/b3/s2"},
		"evaluate/gs-vs-nongs/PAS_ONLY/b3/s": {"finetune/gs-vs-nongs/PAS_ONLY/b3/s1", "evaluate/gs-vs-nongs/PAS_ONLY/b3/s1", "finetune/gs-vs-nongs/PAS_ONLY/b3/s2", "evaluate/gs-vs-nongs/PAS_ONLY/b3/s2", "finetune/gs-vs-nongs/PAS_ONLY/b3/s3", "evaluate/gs-vs-nongs/PAS_ONLY/b3/s3"},
	} {
		part, err := p.Only(selector)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, item := range part.Items {
			got = append(got, item.Name())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s selects %q", selector, got)
		}
		checkPlan(t, part)
	}
	for _, none := range []string{"", "pretrain/XY", "HE"} {
		if _, err := p.Only(none); !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("--only %q: %v", none, err)
		}
	}
}

func TestExpandErrors(t *testing.T) {
	broken := errors.New("broken.png will not decode")
	fail := func(api.DataSet) (api.Key, error) { return api.Key{}, fault.New(fault.ErrData, "%w", broken) }
	parse := func(sets ...string) *spec.File {
		f, err := spec.Parse("spec.yaml", readBase(t), sets...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, c := range map[string]struct {
		file    *spec.File
		options Options
		want    error
	}{
		"a class that is none":        {parse(), Options{Numerics: "gpu", Fingerprint: fakePrint}, fault.ErrSpec},
		"bf16 on the CPU":             {parse("precision=bf16"), Options{Numerics: "cpu-1", Fingerprint: fakePrint}, fault.ErrSpec},
		"data that cannot be read":    {parse(), Options{Numerics: "cpu-1", Fingerprint: fail}, broken},
		"a generator nobody can find": {parse("generators.HE=x"), Options{Numerics: "cpu-1", Fingerprint: fakePrint}, fault.ErrNotFound},
	} {
		if _, err := Expand(c.file, c.options); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	key := fakeKey("generator")
	p, err := Expand(parse("generators.HE="+key.String()), Options{Numerics: "cpu-1", Fingerprint: fakePrint})
	if err != nil || named(t, p, "finetune/gs-vs-nongs/PAS_H&E/b3/s1").Task.Finetune.Generators[0] != key {
		t.Errorf("a generator by its key: %v", err)
	}
}

func fakeKey(s string) api.Key {
	k, _ := fakeResolve(s)
	return k
}

// A plan read from its JSON works as the one that was written, its index too.
func TestPlanFromJSON(t *testing.T) {
	p := expand(t, readBase(t))
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, &back) {
		t.Error("the plan changed on its way through JSON")
	}
	for _, item := range p.Items {
		if found := back.Find(item.Key); found == nil || found.Name() != item.Name() {
			t.Errorf("%s is not found by its key", item.Name())
		}
	}
}

func TestPlanFromBadJSON(t *testing.T) {
	whole, err := json.Marshal(expand(t, readBase(t)))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(items []any){
		"no names":        func(items []any) { items[0].(map[string]any)["names"] = []any{} },
		"another key":     func(items []any) { items[0].(map[string]any)["key"] = items[1].(map[string]any)["key"] },
		"twice":           func(items []any) { items[1] = items[0] },
		"null":            func(items []any) { items[0] = nil },
		"a task too many": func(items []any) { items[0].(map[string]any)["task"] = map[string]any{} },
	} {
		var tree map[string]any
		if err := json.Unmarshal(whole, &tree); err != nil {
			t.Fatal(err)
		}
		change(tree["items"].([]any))
		text, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, new(Plan)); err == nil {
			t.Errorf("%s: the plan was read", name)
		}
	}
}
