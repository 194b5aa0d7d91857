package report

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"g2c/checkpoint"
	"g2c/experiments/record"
	"g2c/experiments/sweep"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/golden"
	"g2c/model/metrics"
	"g2c/model/results"
)

// small has one seed and two arms.
var small = []string{"sweep.seeds=[1]", `arms=[{name: PAS_ONLY, stains: []}, {name: "PAS_H&E", stains: [HE]}]`}

// TestGolden holds results.json and results.csv to committed bytes.
func TestGolden(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	d := w.collect()
	inJSON, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	inCSV, err := d.CSV()
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"testdata/results.json": inJSON, "testdata/results.csv": inCSV} {
		golden.Check(t, name, string(got))
	}
}

// TestResultsComeFromTheirManifests follows hashes, steps and times to where they
// were written.
func TestResultsComeFromTheirManifests(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	ctx := context.Background()
	untimed := w.plan.Find(w.collect().Generators[0].Key)
	if err := w.repo.Store().Delete(ctx, "records/"+untimed.Key.String()+"/timing.json"); err != nil {
		t.Fatal(err)
	}
	d := w.collect()
	if len(d.Arms) != 2 || len(d.Generators) != 1 {
		t.Fatalf("%d arms and %d generators, want 2 and 1", len(d.Arms), len(d.Generators))
	}
	for _, a := range d.Arms {
		m, _, err := w.repo.Final(ctx, a.Key.String(), checkpoint.Whole)
		if err != nil || m == nil {
			t.Fatal(m, err)
		}
		if a.WeightsSHA256 != m.Payloads[checkpoint.Weights].SHA256 || a.Steps != 310 || a.Name != "finetune/s-vs-noa/"+a.Arm+"/b3/s1" {
			t.Errorf("%s: weights %s, %d steps", a.Name, a.WeightsSHA256, a.Steps)
		}
		if a.Seconds == nil || *a.Seconds != 61.25+float64(a.Key[0]) {
			t.Errorf("%s: seconds %v are not the record's", a.Name, a.Seconds)
		}
	}
	g := d.Generators[0]
	if g.Seconds != nil || g.Steps != 12*132 || g.Metrics.SSIM == nil {
		t.Errorf("generator %+v: want no seconds, its steps and an SSIM", g)
	}
	if in := d.Arms[1].Inputs; !slices.Equal(in, []string{g.Key.String()}) || len(d.Arms[0].Inputs) != 0 {
		t.Errorf("inputs %v and %v", d.Arms[0].Inputs, in)
	}
}

// TestFieldsOfTheContract holds the names and order of results.json to cli.md's.
func TestFieldsOfTheContract(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.truth = false
	w.all()
	text, err := w.collect().JSON()
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, field := range []string{
		"experiment", "specHash", "numericsClass", "arms", "task", "arm", "stains", "blocks", "seed", "name", "key", "inputs", "weightsSHA256", "steps", "seconds",
		"metrics", "test", "n", "balancedAccuracy", "accuracy", "auc", "f1", "precision", "recall", "noa", "s", "confusion", "groups", "ci95", "balancedAccuracy", "train", "validation", "gap",
		"generators", "stain", "width", "blocks", "seed", "name", "key", "weightsSHA256", "metrics", "cycleL1", "cycleSSIM", "colourDistance",
		"groups", "task", "arm", "balancedAccuracy", "mean", "ci95", "recall", "gap", "together",
		"comparisons", "a", "b", "test", "p", "difference", "ci", "pHolm", "auc", "claim", "mcnemar", "delongP", "unfinished",
	} {
		i := bytes.Index(text[at:], []byte(`"`+field+`":`))
		if i < 0 {
			t.Fatalf("no field %q after byte %d", field, at)
		}
		at += i + len(field)
	}
	if bytes.Contains(text, []byte(`"ssim"`)) {
		t.Error("ssim without a truth")
	}
	var again Data
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if len(again.Comparisons) != 1 || !slices.Equal(again.Comparisons[0].Seeds, []uint32{1}) || len(again.Groups) != 2 {
		t.Errorf("comparisons %+v: want one, over seed 1", again.Comparisons)
	}
}

func TestUndefinedIsNull(t *testing.T) {
	a := Arm{Metrics: Metrics{Test: Split{N: 3, AUC: metrics.Undefined(), Recall: map[string]metrics.Number{"s": metrics.Undefined()}}}}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"auc":null`, `"s":null`, `"train":{}`, `"seconds":null`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	d := Data{Arms: []Arm{a}}
	table, err := d.CSV()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	if got := rows[1][slices.Index(rows[0], "auc")]; got != "" {
		t.Errorf("auc %q, want an empty cell", got)
	}
}

func TestPartialReport(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all("evaluate/s-vs-noa/PAS_H&E/b3/s1", "pretrain/HE/w16/b3/s1")
	d := w.collect()
	var names []string
	for _, u := range d.Unfinished {
		names = append(names, u.Name)
	}
	if want := []string{"pretrain/HE/w16/b3/s1", "evaluate/s-vs-noa/PAS_H&E/b3/s1"}; !slices.Equal(names, want) {
		t.Errorf("unfinished %v, want %v", names, want)
	}
	if len(d.Arms) != 1 || len(d.Comparisons) != 0 || len(d.tuned) != 2 {
		t.Errorf("%d arms, %d comparisons, %d fine-tunings; want 1, 0, 2", len(d.Arms), len(d.Comparisons), len(d.tuned))
	}
	page, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Partial report: 2 tasks", "evaluate/s-vs-noa/PAS_H&amp;E/b3/s1"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// An arm of a given task that has no image left to judge says so, and is no 0.
func TestNothingLeftToJudge(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all("evaluate/s-vs-noa/PAS_H&E/b3/s1")
	item := w.plan.Items[len(w.plan.Items)-1]
	w.save(item, 0, results.Evaluate{PositiveName: "s", NegativeName: "noa", Given: 183, Splits: map[string]results.Split{}, Gap: metrics.Undefined()}, nil, "")
	d := w.collect()
	a := d.Arms[len(d.Arms)-1]
	if a.LeftOut != 183 || a.Metrics.Test.N != 0 || a.Metrics.Test.BalancedAccuracy.Defined() {
		t.Errorf("test metrics %+v of %d images left out", a.Metrics.Test, a.LeftOut)
	}
	if g := d.Groups[len(d.Groups)-1]; g.BalancedAccuracy.Mean.Defined() || g.N != 0 {
		t.Errorf("summary %+v", g)
	}
	table, err := d.CSV()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	last := rows[len(rows)-1]
	for i, r := range rows {
		if r[slices.Index(rows[0], "arm")] == "PAS_H&E" && r[0] == "arm" {
			last = rows[i]
		}
	}
	for column, want := range map[string]string{"arm": "PAS_H&E", "split": "test", "n": "0", "balancedAccuracy": "", "leftOut": "183"} {
		if got := last[slices.Index(rows[0], column)]; got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
	if _, err := d.HTML(); err != nil {
		t.Error(err)
	}
}

// A run that failed says why of what is missing, and a report of another run, or of no
// run, is not replaced.
func TestWhyIsShown(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all("evaluate/s-vs-noa/PAS_H&E/b3/s1")
	run := w.source()
	key := w.collect().Unfinished[0].Key
	run.Missing = map[string]string{key.String(): "failed: the loss is no number"}
	run.Sets = []string{"seed=1"}
	d, err := Collect(context.Background(), w.repo, run)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "r")
	page := string(written(t, dir, d)[filepath.Join(dir, IndexFile)])
	for _, want := range []string{"failed: the loss is no number", "apiVersion: g2c/v1", "--set seed=1", "g2c run small.yaml", "0123456789abcdef", "a processor, 2 threads", "12.00 %"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	other := newWorld(t, plan(t, append(small, "seed=9")...)).collect()
	for _, to := range []string{dir, t.TempDir()} {
		err := Write(context.Background(), to, other)
		if to == dir && (!errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "this run")) {
			t.Errorf("another run's report is replaced: %v", err)
		}
		if to != dir && err != nil {
			t.Error(err)
		}
	}
	if again := string(written(t, dir, d)[filepath.Join(dir, IndexFile)]); again != page {
		t.Error("the run's own report was not written again")
	}
}

// What was skipped is counted and named, as far as a page can hold it.
func TestSkippedImagesAreNamed(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all("")
	run := w.source()
	r := &dataset.Report{}
	for i := range 1200 {
		r.Skipped = append(r.Skipped, dataset.Skipped{Path: fmt.Sprintf("img/bad-%d.png", i), Reason: "it has <12> x 50 pixels"})
	}
	run.Data = []record.Data{{Name: "labelled PAS", Summary: dataset.Summary{Report: r}}}
	d, err := Collect(context.Background(), w.repo, run)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "r")
	page := string(written(t, dir, d)[filepath.Join(dir, IndexFile)])
	for text, want := range map[string]bool{
		"1200 skipped of labelled PAS": true, "img/bad-0.png": true, "img/bad-999.png": true, "img/bad-1000.png": false,
		"it has &lt;12&gt; x 50 pixels": true, "The first 1,000": true,
	} {
		if strings.Contains(page, text) != want {
			t.Errorf("the page has %q: want %v", text, want)
		}
	}
}

func TestNothingFinished(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	d := w.collect()
	if len(d.Unfinished) != len(w.plan.Items) {
		t.Errorf("%d unfinished, want %d", len(d.Unfinished), len(w.plan.Items))
	}
	if err := Write(context.Background(), filepath.Join(t.TempDir(), "r"), d); err != nil {
		t.Error(err)
	}
}

// TestDamageIsNamed flips a bit in, and removes, what a report reads.
func TestDamageIsNamed(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		spoil         func(path string) error
	}{
		{"bit", checkpoint.Results, func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 1
			if err := os.Chmod(path, 0o644); err != nil {
				return err
			}
			return os.WriteFile(path, data, 0o644)
		}},
		{"gone", checkpoint.Results, os.Remove},
		{"weights gone", checkpoint.Weights, os.Remove},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, plan(t, small...))
			w.all()
			m, _, err := w.repo.Final(context.Background(), w.collect().Arms[1].Key.String(), checkpoint.Present)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(filepath.Join(w.dir, m.Payloads[c.payload].Key())); err != nil {
				t.Fatal(err)
			}
			_, err = Collect(context.Background(), w.repo, w.source())
			if !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), m.Payloads[c.payload].SHA256) {
				t.Errorf("error %v does not name object %s", err, m.Payloads[c.payload].SHA256)
			}
		})
	}
}

// TestWriteTwice writes one store's report twice, the second over the first: all
// bytes are equal, and nothing is left beside them.
func TestWriteTwice(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	parent := t.TempDir()
	first := written(t, filepath.Join(parent, "a"), w.collect())
	again := written(t, filepath.Join(parent, "a"), w.collect())
	if len(first) < 15 {
		t.Errorf("%d files only", len(first))
	}
	for name, data := range first {
		if !bytes.Equal(data, again[name]) {
			t.Errorf("%s differs the second time", name)
		}
	}
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 1 || len(first) != len(again) {
		t.Errorf("%v beside the report, %d and %d files, %v", entries, len(first), len(again), err)
	}
}

func written(t *testing.T, dir string, d *Data) map[string][]byte {
	t.Helper()
	if err := Write(context.Background(), dir, d); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWriteSparesWhatIsNoReport(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "thesis.tex")
	if err := os.WriteFile(precious, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := Write(context.Background(), dir, &Data{Run: &record.Experiment{Plan: &sweep.Plan{}}})
	if !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "thesis.tex") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

// What a user put below figures is no report's, and a link to a report stays a link.
func TestWriteSparesFiguresOfOthers(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	d := w.collect()
	parent := t.TempDir()
	dir, link := filepath.Join(parent, "r"), filepath.Join(parent, "link")
	written(t, dir, d)
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := Write(context.Background(), link, d); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	for _, name := range []string{"figures/mine.svg", "figures/notes.txt", "figures/more/x.png"} {
		mine := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(mine), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(mine, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Write(context.Background(), dir, d); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("a report is written over %s: %v", name, err)
		}
		if err := os.RemoveAll(mine); err != nil {
			t.Fatal(err)
		}
	}
}

var asks = regexp.MustCompile(`(?i)(src|href|srcset|action|poster|data)\s*=\s*["']([^"']*)|url\(\s*["']?([^"')]*)|@import|<(script|link|iframe|object|embed|base|form)\b`)

// TestPageAsksForNothing looks for anything that would make a browser load a
// file, and for figures without words.
func TestPageAsksForNothing(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	d := w.collect()
	d.Run.Notes = []string{`a <script src="http://example.org/x.js"></script> in a warning`}
	page, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range asks.FindAllSubmatch(page, -1) {
		found++
		target := string(m[2]) + string(m[3])
		if !strings.HasPrefix(target, "data:image/png;base64,") && !strings.HasPrefix(target, "#") {
			t.Errorf("the page asks for %.80q", m[0])
		}
	}
	if found < 5 {
		t.Errorf("only %d links and images found: is the expression right?", found)
	}
	if images, alts := bytes.Count(page, []byte("<img ")), bytes.Count(page, []byte(`alt="`)); images != alts || images == 0 {
		t.Errorf("%d images, %d alternative texts", images, alts)
	}
	if svgs, labels := bytes.Count(page, []byte("<svg ")), bytes.Count(page, []byte(`role="img" aria-label="`)); svgs != labels {
		t.Errorf("%d drawings, %d labels", svgs, labels)
	}
}

// TestSharedTaskHasARowForEachUse sweeps the depth, on which PAS_ONLY does not
// depend, and judges a second task on what the first got right.
func TestSharedTaskHasARowForEachUse(t *testing.T) {
	w := newWorld(t, plan(t, append(small, "sweep.blocks=[3,6]",
		"tasks=[{name: gs-vs-ss, positive: [gs], negative: [ss], given: s-vs-noa}, {name: s-vs-noa, positive: [gs, ss], negative: [noa]}]")...))
	w.all()
	d := w.collect()
	rows := map[string]int{}
	for _, a := range d.Arms {
		rows[a.Key.String()]++
		if want := map[string]string{"gs-vs-ss": "s-vs-noa"}[a.Task]; a.Given != want {
			t.Errorf("%s is given %q, want %q", a.Name, a.Given, want)
		}
		if b := "/b" + string(rune('0'+a.Blocks)) + "/"; !strings.Contains(a.Name, b) {
			t.Errorf("%s has %d blocks", a.Name, a.Blocks)
		}
	}
	if len(d.Arms) != 8 || len(rows) != 6 {
		t.Errorf("%d rows of %d tasks, want 8 of 6", len(d.Arms), len(rows))
	}
	for _, task := range d.tasks() {
		groups := d.of(func(g *group) bool { return g.task == task })
		if shown := distinct(groups); len(groups) != 4 || len(shown) != 3 {
			t.Errorf("%s: %d groups, %d shown; want 4 and 3", task, len(groups), len(shown))
		}
	}
	if len(d.heatFigures()) != 2 || len(d.tuningFigures()) != 6 {
		t.Errorf("%d heat maps and %d pairs of curves, want 2 and 6", len(d.heatFigures()), len(d.tuningFigures()))
	}
}

func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(context.Background(), filepath.Join(file, "report"), &Data{Run: &record.Experiment{Plan: &sweep.Plan{}}}); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Write(ctx, filepath.Join(t.TempDir(), "report"), &Data{Run: &record.Experiment{Plan: &sweep.Plan{}}}); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("error %v", err)
	}
}
