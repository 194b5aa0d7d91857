package e2e

import (
	"context"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// said are the logs that a store's runs have left, by task: the steps in order, with a mark
// behind those that end an epoch. A log with half a line, or with what is no line, fails.
func said(t *testing.T, store string) map[string]string {
	t.Helper()
	out := map[string]string{}
	root := filepath.Join(store, "live")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != "metrics.jsonl" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var steps strings.Builder
		for line := range strings.Lines(string(text)) {
			var l struct {
				Step  json.Number
				Ended bool
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil || !strings.HasSuffix(line, "\n") {
				t.Errorf("%s: %q: %v", path, line, err)
			}
			steps.WriteString(l.Step.String())
			if l.Ended {
				steps.WriteByte('e')
			}
			steps.WriteByte(' ')
		}
		name, err := filepath.Rel(root, path)
		out[name] = steps.String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A run killed at random moments leaves the logs of one that was never disturbed: no step
// twice, none missing, no half line; and a page that says that it is over, and has the
// report.
func TestKilledRunSaysEveryStepOnce(t *testing.T) {
	undisturbed := t.TempDir()
	begun := time.Now()
	trainTiny(t, undisturbed)
	took := time.Since(begun)
	want := said(t, undisturbed)
	if len(want) < 2 {
		t.Fatalf("logs of %d tasks: %v", len(want), want)
	}
	s := *seed
	if s == 0 {
		s = int64(os.Getpid())
	}
	t.Logf("-seed %d", s)
	random := rand.New(rand.NewPCG(uint64(s), 1))
	store, cache := t.TempDir(), t.TempDir()
	for range *kills {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.Int64N(int64(took))))
		run(ctx, t, nil, "run", tiny, "--store", store, "--cache", cache, "--wait")
		cancel()
	}
	trainTiny(t, store)
	got := said(t, store)
	for name, steps := range want {
		if got[name] != steps {
			t.Errorf("%s:\n%s, want\n%s", name, got[name], steps)
		}
	}
	pages, err := filepath.Glob(filepath.Join(store, "live", "*", "index.html"))
	if err != nil || len(pages) != 1 {
		t.Fatalf("pages %v, %v", pages, err)
	}
	page, err := os.ReadFile(pages[0])
	if err != nil {
		t.Fatal(err)
	}
	link := "../../reports/" + filepath.Base(filepath.Dir(pages[0])) + "/index.html"
	if !strings.Contains(string(page), `href="`+link+`"`) || strings.Contains(string(page), "http-equiv=\"refresh\"") {
		t.Errorf("the page of a run that is over:\n%.2000s", page)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(pages[0]), link)); err != nil {
		t.Error(err)
	}
}
