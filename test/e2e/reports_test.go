package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// quick is the tiny experiment with less to train.
var quick = []string{"--set", "pretrain.epochs=1", "--set", "finetune.epochs=1", "--set", "finetune.freezeEpochs=0"}

// reports are the folders of reports in a store, sorted.
func reports(t *testing.T, store string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(store, "reports"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// readResults are what a test looks at in results.json.
type readResults struct {
	Experiment, RunHash string
	Arms                []struct {
		Arm, Key string
		Metrics  struct {
			Test struct{ Recall map[string]float64 }
		}
	}
	Comparisons []struct{ A, B, Test string }
	Unfinished  []struct{ Name, Why string }
}

func resultsOf(t *testing.T, store, id string) (r readResults) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(store, "reports", id, "results.json"))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Runs of one name have a report each: none replaces another's, nor its stored plan.
func TestEveryRunKeepsItsReport(t *testing.T) {
	store, cache := t.TempDir(), t.TempDir()
	args := append([]string{"run", tiny, "--store", store, "--cache", cache}, quick...)
	must(t, nil, args...)
	first := files(t, filepath.Join(store, "reports", "tiny"))
	must(t, nil, append(args, "--set", "finetune.lr=0.02")...)
	ids := reports(t, store)
	if len(ids) != 2 || ids[0] != "tiny" || !strings.HasPrefix(ids[1], "tiny@") || len(ids[1]) != len("tiny@")+12 {
		t.Fatalf("reports %v, want tiny and tiny@ with 12 digits", ids)
	}
	other := resultsOf(t, store, ids[1])
	if !strings.HasPrefix(other.RunHash, ids[1][len("tiny@"):]) || other.Experiment != "tiny" {
		t.Errorf("%s holds the report of %s, %s", ids[1], other.Experiment, other.RunHash)
	}
	must(t, nil, append(args, "--only", "pretrain/")...)
	must(t, nil, append(args, "--set", "finetune.lr=0.02")...)
	must(t, nil, args...)
	if ids = reports(t, store); len(ids) != 3 {
		t.Errorf("reports %v: want one for the part, and none more for what was run before", ids)
	}
	sameBits(t, "the first report, after the others", files(t, filepath.Join(store, "reports", "tiny")), first)
	var made []struct{ Experiment, Dir string }
	again := t.TempDir()
	if err := json.Unmarshal([]byte(must(t, nil, "report", store, "--json", "-o", again).stdout), &made); err != nil || len(made) != 3 {
		t.Fatalf("report of the store makes %v, %v", made, err)
	}
	for _, id := range ids {
		sameBits(t, "report of "+id+" made again", files(t, filepath.Join(again, id)), files(t, filepath.Join(store, "reports", id)))
	}
	o := run(t.Context(), t, nil, "report", "tiny", "--store", store, "-o", filepath.Join(again, ids[1]))
	if o.code != 2 || !strings.Contains(o.stderr, "this run") {
		t.Errorf("a report over another run's: exit code %d, %s", o.code, o.stderr)
	}
}

// One arm that diverges leaves a report of the others, which says why it is missing, and
// how everything is made again.
func TestAFailedRunLeavesAReport(t *testing.T) {
	store := t.TempDir()
	args := append([]string{"run", tiny, "--store", store, "--cache", t.TempDir()}, quick...)
	o := run(t.Context(), t, nil, append(args, "--set", `arms=[{name: PAS_ONLY, stains: []}, {name: WILD, stains: [], finetune.lr: 1e30}]`)...)
	if o.code != 1 {
		t.Fatalf("exit code %d, %s", o.code, o.stderr)
	}
	r := resultsOf(t, store, "tiny")
	if len(r.Arms) != 1 || r.Arms[0].Arm != "PAS_ONLY" || len(r.Unfinished) != 2 {
		t.Fatalf("arms %+v, unfinished %+v", r.Arms, r.Unfinished)
	}
	for _, u := range r.Unfinished {
		if want := map[bool]string{true: "failed: ", false: "needs finetune/s-vs-noa/WILD"}[strings.HasPrefix(u.Name, "finetune/")]; !strings.HasPrefix(u.Why, want) {
			t.Errorf("%s: %q, want %q", u.Name, u.Why, want)
		}
	}
	page := files(t, filepath.Join(store, "reports", "tiny"))["index.html"]
	for _, want := range []string{"failed: ", "--set &#39;arms=[", "--device cpu", "apiVersion: g2c/v1", "commit"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// An interrupted run leaves a report that says what is missing.
func TestAnInterruptedRunLeavesAReport(t *testing.T) {
	store := t.TempDir()
	c, lines := start(t, "run", tiny, "--store", store, "--cache", t.TempDir(), "--set", "pretrain.epochs=1000000")
	for lines.Scan() && !strings.Contains(lines.Text(), "evaluate/s-vs-noa/PAS_ONLY/b1/s1 done") {
	}
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != 130 {
		t.Fatalf("%v, want exit code 130", err)
	}
	r := resultsOf(t, store, "tiny")
	if len(r.Unfinished) != 3 || len(r.Arms) != 1 {
		t.Fatalf("arms %+v, unfinished %+v", r.Arms, r.Unfinished)
	}
	for _, u := range r.Unfinished {
		if !strings.Contains(u.Why, "interrupted") && !strings.Contains(u.Why, "needs ") {
			t.Errorf("%s: %q", u.Name, u.Why)
		}
	}
}

// What classes are called changes no training: only the evaluations are made again, and
// predict takes the names from them.
func TestNamesOfClassesTrainNothing(t *testing.T) {
	s := openStudio(t)
	store := t.TempDir()
	if err := os.CopyFS(store, os.DirFS(s.store)); err != nil {
		t.Fatal(err)
	}
	o := must(t, nil, "run", tiny, "--store", store, "--cache", t.TempDir(),
		"--set", "tasks=[{name: s-vs-noa, positive: [gs, ss], negative: [noa], positiveName: sclerosed, negativeName: normal}]")
	if strings.Contains(o.stderr, "] finetune/") || strings.Contains(o.stderr, "] pretrain/") || strings.Count(o.stderr, "evaluate/s-vs-noa/") != 2 {
		t.Errorf("other names make more than the evaluations:\n%s", o.stderr)
	}
	ids := reports(t, store)
	i := slices.IndexFunc(ids, func(id string) bool { return strings.HasPrefix(id, "tiny@") })
	if i < 0 {
		t.Fatalf("reports %v", ids)
	}
	r := resultsOf(t, store, ids[i])
	if _, ok := r.Arms[0].Metrics.Test.Recall["sclerosed"]; !ok || r.Arms[0].Key != resultsOf(t, store, "tiny").Arms[0].Key {
		t.Errorf("recalls %v of %s", r.Arms[0].Metrics.Test.Recall, r.Arms[0].Key)
	}
	head := func(store string) []string {
		return predictions(t, must(t, nil, "predict", s.joint, s.test(), "--store", store, "--cache", t.TempDir()).stdout)[0]
	}
	if got, want := head(s.store), []string{"path", "label", "p_s", "p_noa"}; !slices.Equal(got, want) {
		t.Errorf("predict calls the classes %v, want %v", got, want)
	}
	// Two evaluations of the copy disagree about the names: the labels stand in.
	if got, want := head(store), []string{"path", "label", "p_gs+ss", "p_noa"}; !slices.Equal(got, want) {
		t.Errorf("predict calls the classes %v, want %v", got, want)
	}
	judged := predictions(t, must(t, nil, "predict", s.judged, s.test(), "--store", store, "--cache", t.TempDir()).stdout)[0]
	if want := []string{"path", "label", "p_s", "p_noa"}; !slices.Equal(judged, want) {
		t.Errorf("an evaluation's key gives %v, want %v", judged, want)
	}
}

// The examples of a finished run are the patches of the largest change, with images in the
// store, from which the report is made again; where they cannot be stored the run says so,
// and its report is there all the same.
func TestExamplesAreStored(t *testing.T) {
	store := t.TempDir()
	args := []string{"run", tiny, "--store", store, "--cache", t.TempDir(), "--set", "pretrain.epochs=1", "--set", "finetune.lr=0.05"} // the arms differ
	must(t, nil, args...)
	report, examples := filepath.Join(store, "reports", "tiny"), filepath.Join(store, "experiments", "tiny.examples")
	if c := resultsOf(t, store, "tiny").Comparisons; len(c) != 1 || c[0].A != "PAS_ONLY" || c[0].B != "PAS_H&E" || c[0].Test != "sign-flip of groups" {
		t.Errorf("comparisons %+v", c)
	}
	made := files(t, report)
	boards, strips := 0, 0
	for name := range made {
		boards += strings.Count(name, "figures/board-")
		strips += strings.Count(name, "figures/rescued-") + strings.Count(name, "figures/lost-")
	}
	if _, err := os.Stat(examples); err != nil || boards != 1 || strips == 0 {
		t.Fatalf("%d boards and %d strips, %v", boards, strips, err)
	}
	again := filepath.Join(t.TempDir(), "r")
	must(t, nil, "report", "tiny", "--store", store, "-o", again)
	sameBits(t, "the report made again", files(t, again), made)

	if err := os.RemoveAll(report); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(examples); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(examples, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	o := run(t.Context(), t, nil, args...)
	if o.code != 5 || !strings.Contains(o.stderr, "tiny.examples") {
		t.Errorf("exit code %d, %s", o.code, o.stderr)
	}
	if r := resultsOf(t, store, "tiny"); len(r.Arms) != 2 || len(r.Unfinished) != 0 {
		t.Errorf("arms %+v, unfinished %+v", r.Arms, r.Unfinished)
	}
}
