package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const searchSpec = "testdata/search.yaml"

// found is what a search came to, of results.json.
type found struct {
	Arms []struct {
		Arm           string `json:"arm"`
		WeightsSHA256 string `json:"weightsSHA256"`
	} `json:"arms"`
	Search struct {
		Trials []struct {
			Name         string
			Config, Rung int
			Values       []string
			Steps, Whole int64
			Score        *float64
		}
		Winner *int
		Paths  []string
	} `json:"search"`
	Unfinished []any `json:"unfinished"`
}

func foundIn(t *testing.T, store string) (f found) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(store, "reports", "search", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// Halving of 16 configurations on 3 rungs ends with the same winner and the same bits on one
// slot, on four and after kills, and in less than half of the grid's steps; a trial that went on from a
// lower rung has the bits of one that was never stopped.
func TestSearch(t *testing.T) {
	one := t.TempDir()
	must(t, nil, "run", searchSpec, "--store", one)
	want := foundIn(t, one)
	checkSearch(t, one, want)
	bits := hashes(t, one)

	four := t.TempDir()
	must(t, nil, "run", searchSpec, "--store", four, "--workers", "4")
	sameBits(t, "with four slots", hashes(t, four), bits)

	killed := t.TempDir()
	for _, after := range []string{"[3/", "[17/"} {
		killWhen(t, after, "run", searchSpec, "--store", killed)
	}
	must(t, nil, "run", searchSpec, "--store", killed)
	sameBits(t, "after kills", hashes(t, killed), bits)

	for _, store := range []string{four, killed} {
		if got := foundIn(t, store); *got.Search.Winner != *want.Search.Winner || got.Arms[0].WeightsSHA256 != want.Arms[0].WeightsSHA256 {
			t.Errorf("another winner: %+v", got)
		}
	}
}

// checkSearch holds a search to what all promise, and its winner to the same training by
// itself.
func checkSearch(t *testing.T, store string, f found) {
	t.Helper()
	if f.Search.Winner == nil || len(f.Arms) != 1 || len(f.Unfinished) > 0 || len(f.Search.Trials) != 16+5+1 {
		t.Fatalf("%+v", f)
	}
	taken, grid := int64(0), int64(0)
	for _, trial := range f.Search.Trials {
		taken += trial.Steps
		if trial.Rung == 0 {
			grid += 9 * trial.Whole
		}
	}
	if taken <= 0 || 2*taken >= grid {
		t.Errorf("%d steps, and the grid has %d", taken, grid)
	}
	w := f.Search.Trials[*f.Search.Winner]
	if w.Rung != 2 {
		t.Errorf("the winner stands on rung %d", w.Rung)
	}
	log, err := os.ReadFile(filepath.Join(store, "live/search/finetune/s-vs-noa", w.Name, "b6/s1/metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var first struct{ Step int64 }
	if line, _, _ := strings.Cut(string(log), "\n"); json.Unmarshal([]byte(line), &first) != nil || first.Step != w.Whole-w.Steps+1 {
		t.Errorf("%s began with step %d of %d, of which %d are its own", w.Name, first.Step, w.Whole, w.Steps)
	}
	text, err := os.ReadFile(searchSpec)
	if err != nil {
		t.Fatal(err)
	}
	plain, _, _ := strings.Cut(string(text), "\nsearch:")
	dir := t.TempDir()
	path := filepath.Join(dir, "plain.yaml")
	if err := os.WriteFile(path, []byte(plain+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", path, "--store", filepath.Join(dir, "store")}
	for i, at := range f.Search.Paths {
		args = append(args, "--set", at+"="+w.Values[i])
	}
	must(t, nil, args...)
	if got := foundIn(t, filepath.Join(dir, "store")); got.Arms[0].WeightsSHA256 != f.Arms[0].WeightsSHA256 {
		t.Errorf("never stopped it ends in %s, from rung to rung in %s", got.Arms[0].WeightsSHA256, f.Arms[0].WeightsSHA256)
	}
}

// killWhen kills the program once it says something.
func killWhen(t *testing.T, said string, args ...string) {
	t.Helper()
	c, lines := start(t, args...)
	heard := false
	for lines.Scan() {
		if !heard && strings.Contains(lines.Text(), said) {
			heard = true
			if err := c.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := c.Wait(); err == nil || !heard {
		t.Errorf("it ended (%v) before it said %q", err, said)
	}
}

// A budget ends a search before the trial that would exceed it; TPE goes on in rounds of
// four; and a plan says what is known and what may come.
func TestSearchBudget(t *testing.T) {
	store := t.TempDir()
	budget := []string{"--store", store, "--set", "search.method=tpe", "--set", "search.budget.steps=13", "--set", "finetune.epochs=1"}
	if o := must(t, nil, append([]string{"plan", searchSpec}, budget...)...); !strings.Contains(o.stderr, "4 trials known and 12 more at most") {
		t.Error(o.stderr)
	}
	must(t, nil, append([]string{"run", searchSpec}, budget...)...)
	f := foundIn(t, store)
	if len(f.Search.Trials) != 6 || f.Search.Winner == nil {
		t.Errorf("%+v", f.Search)
	}
	again := bufio.NewScanner(strings.NewReader(must(t, nil, append([]string{"run", searchSpec}, budget...)...).stderr))
	for again.Scan() {
		if strings.HasPrefix(again.Text(), "[") {
			t.Errorf("repeated, it trains again: %s", again.Text())
		}
	}
}

// What a search cannot be combined with is said before anything is trained.
func TestSearchRefusals(t *testing.T) {
	for says, args := range map[string][]string{
		"--only":                      {"run", searchSpec, "--store", t.TempDir(), "--only", "finetune"},
		"give --wait":                 {"submit", searchSpec, "--server", "127.0.0.1:1", "--shared-paths"},
		"too few for the first trial": {"plan", searchSpec, "--store", t.TempDir(), "--set", "search.budget.steps=1"},
	} {
		if o := run(t.Context(), t, nil, args...); o.code == 0 || !strings.Contains(o.stderr, says) {
			t.Errorf("%v: exit code %d\n%s", args, o.code, o.stderr)
		}
	}
}

// A trial whose training fails is the worst, and the search goes on.
func TestSearchFailedTrial(t *testing.T) {
	store := t.TempDir()
	o := must(t, nil, "run", searchSpec, "--store", store, "--set", "search.method=random", "--set", "search.trials=5",
		"--set", "search.over.finetune.lr=[0.001, 1e30, 0.01]", "--set", "finetune.epochs=1")
	f := foundIn(t, store)
	if f.Search.Winner == nil || !strings.Contains(o.stderr, "failed, and counts as the worst") {
		t.Fatalf("%+v\n%s", f.Search, o.stderr)
	}
	for i, trial := range f.Search.Trials {
		if failed := strings.Contains(strings.Join(trial.Values, " "), "1e30"); failed != (trial.Score == nil) || failed && i == *f.Search.Winner {
			t.Errorf("%+v", trial)
		}
	}
}
