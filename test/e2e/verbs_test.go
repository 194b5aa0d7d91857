package e2e

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/model/results"
)

// studio is what the tests of verbs share: a store with the tiny experiment, and
// its images as files. Tests read it and write elsewhere.
type studio struct {
	store, world       string
	alone, joint, pair string // keys: fine-tuned without and with a generator, pretrained
	judged             string // key: evaluation of joint
}

var sharedStudio = sync.OnceValue(func() *studio {
	t := theTest
	dir, err := os.MkdirTemp(filepath.Dir(program), "studio-") // goes with the program
	if err != nil {
		t.Fatal(err)
	}
	s := &studio{store: filepath.Join(dir, "store"), world: filepath.Join(dir, "world")}
	trainTiny(t, s.store)
	must(t, nil, "data", "synth", s.world, "--patients", "6", "--patches", "6", "--seed", "3", "--size", "64")
	store, err := filestore.OpenRead(s.store)
	if err != nil {
		t.Fatal(err)
	}
	tasks, _, err := checkpoint.New(store).Tasks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		stained := strings.Contains(string(task.Manifests[0].Description), `"stains":["HE"]`)
		switch {
		case task.Kind == checkpoint.Pretrain:
			s.pair = task.Key
		case task.Kind == checkpoint.Finetune && stained:
			s.joint = task.Key
		case task.Kind == checkpoint.Finetune:
			s.alone = task.Key
		case stained:
			s.judged = task.Key
		}
	}
	return s
})

func openStudio(t *testing.T) *studio {
	t.Helper()
	theTest = t
	return sharedStudio()
}

func (s *studio) test() string { return filepath.Join(s.world, "labelled", "test") }

// files reads every file below a folder, by its path there.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// predictions reads the table of predict.
func predictions(t *testing.T, text string) [][]string {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(lines) < 2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	return lines
}

// What predict says of the test images is what the evaluation stored, to the bit.
func TestPredictEqualsEvaluation(t *testing.T) {
	s := openStudio(t)
	store, err := filestore.OpenRead(s.store)
	if err != nil {
		t.Fatal(err)
	}
	repo := checkpoint.New(store)
	m, _, err := repo.Final(t.Context(), s.judged, checkpoint.Whole)
	if err != nil || m == nil {
		t.Fatal(err)
	}
	data, err := repo.Payload(t.Context(), *m, checkpoint.Results)
	if err != nil {
		t.Fatal(err)
	}
	var stored results.Evaluate
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{}
	for _, p := range stored.Predictions {
		if p.Split == "test" {
			want[filepath.Join(s.test(), p.Name)] = p.P
		}
	}
	out := filepath.Join(t.TempDir(), "p.csv")
	must(t, nil, "predict", s.judged[:8], s.test(), "--store", s.store, "-o", out)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := predictions(t, string(text))
	if !slices.Equal(lines[0], []string{"path", "label", "p_s", "p_noa"}) {
		t.Errorf("columns %v", lines[0])
	}
	if len(lines)-1 != len(want) {
		t.Errorf("%d predictions, want %d", len(lines)-1, len(want))
	}
	for _, line := range lines[1:] {
		p, err := strconv.ParseFloat(line[2], 32)
		if w, ok := want[line[0]]; err != nil || !ok || float32(p) != float32(w) {
			t.Errorf("%s: %v, evaluation says %v", line[0], p, w)
		}
		if label := map[bool]string{true: "s", false: "noa"}[p >= 0.5]; line[1] != label {
			t.Errorf("%s is called %s, want %s", line[0], line[1], label)
		}
	}
}

// A file, and a folder with --json, are the same as lines of the whole table.
func TestPredictFilesAndJSON(t *testing.T) {
	s := openStudio(t)
	all := predictions(t, must(t, nil, "predict", s.joint, s.test(), "--store", s.store).stdout)
	one := predictions(t, must(t, nil, "predict", s.joint, all[3][0], "--store", s.store).stdout)
	if !slices.Equal(one[1], all[3]) {
		t.Errorf("alone %v, among others %v", one[1], all[3])
	}
	var inJSON []struct {
		Path, Label string
		P           map[string]float64
	}
	o := must(t, nil, "predict", s.joint, s.test(), "--store", s.store, "--json")
	if err := json.Unmarshal([]byte(o.stdout), &inJSON); err != nil || len(inJSON) != len(all)-1 || inJSON[2].Path != all[3][0] || len(inJSON[0].P) != 2 {
		t.Errorf("%d predictions, %v", len(inJSON), err)
	}
}

// Shells complete specs, tasks and models by name.
func TestCompletion(t *testing.T) {
	s := openStudio(t)
	for _, c := range []struct {
		args []string
		want string
		none string
	}{
		{[]string{"run", "quick"}, "quickstart", "glomeruli"},
		{[]string{"spec", "check", ""}, "glomeruli", ""},
		{[]string{"run", tiny, "--only", "evaluate/"}, "evaluate/s-vs-noa/PAS_ONLY", "finetune/"},
		{[]string{"predict", "--store", s.store, "finetune/s-vs-noa/PAS_H"}, "finetune/s-vs-noa/PAS_H&E", "PAS_ONLY"},
		{[]string{"predict", "--store", s.store, s.joint[:6]}, s.joint[:8], s.alone[:8]},
		{[]string{"predict", "--store", filepath.Join(t.TempDir(), "none"), ""}, ":0", "finetune"},
		{[]string{"run", "no-such", "--only", ""}, ":4", "finetune"},
	} {
		o := must(t, nil, append([]string{"__complete"}, c.args...)...)
		if !strings.Contains(o.stdout, c.want) || c.none != "" && strings.Contains(o.stdout, c.none) {
			t.Errorf("%v completes to %q", c.args, o.stdout)
		}
	}
}

// A spec that came with the program and wants images that did not says which, and where they
// come from.
func TestABuiltInSpecSaysWhatItWants(t *testing.T) {
	o := run(t.Context(), t, nil, "plan", "glomeruli")
	if o.code != 3 || !strings.Contains(o.stderr, "g2c does not bring these images") || !strings.Contains(o.stderr, "patologiivest/GlobalGlomerulosclerosisClustering") {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
}

// A listing of checkpoints says what runs call them.
func TestCheckpointsHaveNames(t *testing.T) {
	s := openStudio(t)
	var all []struct{ Key, Name string }
	o := must(t, nil, "ckpt", "ls", s.store, "--json")
	if err := json.Unmarshal([]byte(o.stdout), &all); err != nil {
		t.Fatal(err)
	}
	for _, task := range all {
		if task.Name == "" || task.Key == s.joint && !strings.Contains(task.Name, "PAS_H&E") {
			t.Errorf("%.12s is called %q", task.Key, task.Name)
		}
		if !strings.Contains(must(t, nil, "ckpt", "ls", s.store).stdout, task.Name) {
			t.Errorf("%q is not in the table", task.Name)
		}
	}
}

// A model is found by its name, or by whole parts of it that mean one.
func TestModelsByName(t *testing.T) {
	s := openStudio(t)
	want := must(t, nil, "predict", s.joint, s.test(), "--store", s.store).stdout
	for _, name := range []string{"PAS_H&E", "s-vs-noa/PAS_H&E", "tiny/finetune/s-vs-noa/PAS_H&E", "finetune/s-vs-noa/PAS_H&E"} {
		if got := must(t, nil, "predict", name, s.test(), "--store", s.store).stdout; got != want {
			t.Errorf("%s is another model", name)
		}
	}
	for name, says := range map[string]string{"s-vs-noa": "2 finished models", "PAS_H": "no task is called so", "tiny": "no task is called so", "HE": "a pretrain, and a finetune is wanted"} {
		if o := run(t.Context(), t, nil, "predict", name, s.test(), "--store", s.store); o.code == 0 || !strings.Contains(o.stderr, says) {
			t.Errorf("%s: exit code %d, %s", name, o.code, o.stderr)
		}
	}
}

// Weights that leave through either format and come back give the same results.
func TestExportThenImport(t *testing.T) {
	s := openStudio(t)
	want := must(t, nil, "predict", s.joint, s.test(), "--store", s.store).stdout
	dir := t.TempDir()
	for format, name := range map[string]string{"torch": "m.pth", "safetensors": "m.safetensors"} {
		file, model := filepath.Join(dir, name), filepath.Join(dir, format)
		must(t, nil, "export", s.joint[:12], "--store", s.store, "--format", format, "-o", file)
		must(t, nil, "import", file, "--from", "torch", "-o", model, "--stain", "HE", "--size", "64", "--positive", "s", "--negative", "noa")
		if got := must(t, nil, "predict", model, s.test()).stdout; got != want {
			t.Errorf("%s: predictions changed", format)
		}
	}
}

func TestTranslate(t *testing.T) {
	s := openStudio(t)
	dir := t.TempDir()
	pair, joint, back := filepath.Join(dir, "pair"), filepath.Join(dir, "joint"), filepath.Join(dir, "back")
	must(t, nil, "translate", s.pair, s.test(), "--store", s.store, "-o", pair)
	must(t, nil, "translate", s.joint, "--to", "HE", s.test(), "--store", s.store, "-o", joint)
	want := files(t, pair)
	if len(want) != 12 || want[filepath.Join("gs", filepath.Base(firstFile(t, filepath.Join(s.test(), "gs"))))] == "" {
		t.Errorf("%d images, not named as their sources", len(want))
	}
	if len(files(t, joint)) != len(want) {
		t.Error("the fine-tuned generator made other images")
	}
	pth := filepath.Join(dir, "g.pth")
	must(t, nil, "export", s.pair, "--store", s.store, "--format", "torch", "-o", pth)
	must(t, nil, "import", pth, "-o", filepath.Join(dir, "g"), "--stain", "HE", "--size", "64")
	must(t, nil, "translate", filepath.Join(dir, "g"), s.test(), "-o", back)
	sameBits(t, "after export and import", files(t, back), want)
}

func firstFile(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("no file in %s: %v", dir, err)
	}
	return filepath.Join(dir, entries[0].Name())
}

// A report made again, of a whole store or of one experiment, has the bytes of the
// one that run left.
func TestReportAgain(t *testing.T) {
	s := openStudio(t)
	want := files(t, filepath.Join(s.store, "reports", "tiny"))
	dir := t.TempDir()
	must(t, nil, "report", s.store, "-o", filepath.Join(dir, "all"))
	must(t, nil, "report", "tiny", "--store", s.store, "-o", filepath.Join(dir, "one"))
	sameBits(t, "report of a store", files(t, filepath.Join(dir, "all")), want)
	sameBits(t, "report of an experiment", files(t, filepath.Join(dir, "one")), want)
}

// A plan shows what is done, and leaves a store that is not there unmade.
func TestPlan(t *testing.T) {
	s := openStudio(t)
	type listing struct {
		Tasks []struct {
			State string
			Steps *int64
		}
		SecondsLeft float64
	}
	read := func(store string) (l listing) {
		o := must(t, nil, "plan", tiny, "--store", store, "--cache", t.TempDir(), "--json")
		if err := json.Unmarshal([]byte(o.stdout), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	count := func(l listing, state string) (n int) {
		for _, task := range l.Tasks {
			if task.State == state && task.Steps != nil && *task.Steps > 0 {
				n++
			}
		}
		return n
	}
	if l := read(s.store); count(l, "done") != 5 {
		t.Errorf("%+v, want 5 tasks done", l)
	}
	missing := filepath.Join(t.TempDir(), "none")
	if l := read(missing); count(l, "waiting") != 5 {
		t.Errorf("%+v, want 5 tasks waiting", l)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("plan made a store")
	}
}

// An imported generator stands in for pretraining, and the run's store then holds
// all that it needs.
func TestReadyGenerator(t *testing.T) {
	s := openStudio(t)
	dir := t.TempDir()
	weights, model, store := filepath.Join(dir, "g.safetensors"), filepath.Join(dir, "g"), filepath.Join(dir, "store")
	must(t, nil, "export", s.pair, "--store", s.store, "-o", weights)
	must(t, nil, "import", weights, "-o", model, "--stain", "HE", "--size", "64")
	args := []string{"run", tiny, "--store", store, "--set", "generators={HE: " + model + "}", "--set", "finetune.epochs=1", "--only", "evaluate/s-vs-noa/PAS_H&E"}
	must(t, nil, args...)
	if err := os.RemoveAll(model); err != nil {
		t.Fatal(err)
	}
	o := must(t, nil, "ckpt", "ls", store)
	if strings.Count(o.stdout, " done ") != 3 || strings.Count(o.stdout, "pretrain") != 1 {
		t.Errorf("the store holds\n%s", o.stdout)
	}
	must(t, nil, "report", store, "-o", filepath.Join(dir, "report"))
	wide := run(t.Context(), t, nil, "run", tiny, "--store", t.TempDir(), "--set", "model.generator.width=8", "--set", "generators={HE: "+filepath.Join(store, "manifests", manifestOf(t, store, "pretrain"))+"}")
	if wide.code != 2 || !strings.Contains(wide.stderr, "width 4") {
		t.Errorf("exit code %d, want 2 and the widths\n%s", wide.code, wide.stderr)
	}
}

// manifestOf is the path of the one manifest of a kind below manifests/.
func manifestOf(t *testing.T, dir, kind string) string {
	t.Helper()
	for path, text := range files(t, filepath.Join(dir, "manifests")) {
		if strings.Contains(text, `"kind":"`+kind+`","task"`) {
			return path
		}
	}
	t.Fatalf("no %s in %s", kind, dir)
	return ""
}
