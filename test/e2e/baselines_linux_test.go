package e2e

import (
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Baselines in the classifier's place, one that is no network among them, end in the same bits
// in one process and shared out over two, and predict.
func TestBaselines(t *testing.T) {
	arms := "arms=[{name: FCH, stains: [], model.baseline: fuzzy-histogram}, " +
		"{name: QUICK, stains: [], model.baseline: cifar10-quick, finetune: {optimizer: adagrad, lr: 0.001, weightDecay: 0.004, gamma: 0}}]"
	alone, shared, cache := t.TempDir(), t.TempDir(), t.TempDir()
	must(t, nil, "run", tiny, "--set", arms, "--store", alone, "--cache", cache)
	must(t, nil, "run", tiny, "--set", arms, "--store", shared, "--cache", cache, "--workers", "2")
	want := hashes(t, alone)
	if len(want) != 6 { // weights and results of two models, results of two evaluations
		t.Errorf("%d payloads", len(want))
	}
	sameBits(t, "over two processes", hashes(t, shared), want)

	world := filepath.Join(t.TempDir(), "world")
	must(t, nil, "data", "synth", world, "--patients", "5", "--patches", "3", "--size", "64")
	for _, arm := range []string{"FCH", "QUICK"} {
		o := must(t, nil, "predict", arm, filepath.Join(world, "labelled"), "--store", alone)
		if lines := strings.Count(o.stdout, "\n"); lines != 1+5*3 {
			t.Errorf("%s predicts %d lines:\n%s", arm, lines, o.stdout)
		}
	}
	o := run(t.Context(), t, nil, "plan", tiny, "--set", "model.baseline=alexnet", "--store", alone, "--cache", cache)
	if o.code != 2 || !strings.Contains(o.stderr, "sees the source alone") {
		t.Errorf("a baseline beside stains: exit code %d\n%s", o.code, o.stderr)
	}
}

// The data set's original names become a table that a spec can name.
func TestImportIDC(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"8863/0/8863_idx5_x1_y51_class0.png", "8863/1/8863_idx5_x51_y51_class1.png", "9000/1/9000_idx5_x1_y1_class1.png"} {
		path := filepath.Join(dir, "set", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		grey := image.NewGray(image.Rect(0, 0, 50, 50))
		for k := range grey.Pix {
			grey.Pix[k] = uint8(k * (i + 3))
		}
		if err := png.Encode(f, grey); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	table := filepath.Join(dir, "idc.csv")
	o := must(t, nil, "data", "import", "idc", filepath.Join(dir, "set"), "-o", table, "--json")
	var report struct{ Patches, Patients, Positive int }
	if err := json.Unmarshal([]byte(o.stdout), &report); err != nil || report.Patches != 3 || report.Patients != 2 || report.Positive != 2 {
		t.Errorf("%+v, %v\n%s", report, err, o.stdout)
	}
	if o := must(t, nil, "data", "inspect", table, "--size", "64", "--fit", "enlarge"); !strings.Contains(o.stdout, "3") {
		t.Errorf("inspect:\n%s", o.stdout)
	}
	if o := run(t.Context(), t, nil, "data", "import", "mnist", dir, "-o", table); o.code != 2 || !strings.Contains(o.stderr, "known is idc") {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
}
