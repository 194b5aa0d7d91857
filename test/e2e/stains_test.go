package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const stains = "testdata/stains.yaml"

// keyOf is the key of a finished task whose name ends so.
func keyOf(t *testing.T, store, name string) string {
	t.Helper()
	for _, line := range strings.Split(must(t, nil, "ckpt", "ls", store).stdout, "\n") {
		if strings.Contains(line, name) {
			return strings.Fields(line)[0]
		}
	}
	t.Fatalf("no task is called %s", name)
	return ""
}

// Models whose stains are made without training are bits of the spec alone: on every
// machine, killed and gone on with, and by two runners that share the work of each. They
// predict and translate where they can, and say where they cannot.
func TestStainsWithoutTraining(t *testing.T) {
	store, cache := t.TempDir(), t.TempDir()
	begun := time.Now()
	must(t, nil, "run", stains, "--store", store, "--cache", cache)
	took := time.Since(begun)
	want := hashes(t, store)
	goldenBits(t, "testdata/stains.golden.json", map[string]map[string]string{"cpu-2": want})
	other := t.TempDir()
	for _, part := range []time.Duration{2, 3} {
		ctx, cancel := context.WithTimeout(t.Context(), took*part/5)
		run(ctx, t, nil, "run", stains, "--store", other, "--cache", cache, "--wait")
		cancel()
	}
	must(t, nil, "run", stains, "--store", other, "--cache", cache, "--wait", "--workers", "2")
	sameBits(t, "after kills, by two runners", hashes(t, other), want)

	world := filepath.Join(t.TempDir(), "w")
	must(t, nil, "data", "synth", world, "--patients", "4", "--patches", "3")
	test := filepath.Join(world, "labelled", "test")
	mixed, truth := keyOf(t, store, "finetune/s-vs-noa/MIXED"), keyOf(t, store, "finetune/s-vs-noa/TRUTH")
	if o := must(t, nil, "predict", mixed, test, "--store", store); strings.Count(o.stdout, ".png") != 3 {
		t.Errorf("predictions\n%s", o.stdout)
	}
	for _, stain := range []string{"HE", "MASSON"} {
		if o := must(t, nil, "translate", mixed, test, "--store", store, "--to", stain, "-o", filepath.Join(t.TempDir(), stain)); !strings.Contains(o.stdout, "3 images") {
			t.Errorf("to %s: %s", stain, o.stdout)
		}
	}
	must(t, nil, "export", mixed, "--store", store, "--format", "torch", "-o", filepath.Join(t.TempDir(), "m.pt"))
	for verb, args := range map[string][]string{
		"predict": {truth, test}, "translate": {truth, test, "-o", t.TempDir()}, "export": {mixed, "--names", "cyclegan", "--to", "HE", "-o", filepath.Join(t.TempDir(), "x")},
	} {
		o := run(t.Context(), t, nil, append(append([]string{verb}, args...), "--store", store)...)
		if o.code != 2 || !strings.Contains(o.stderr, "HE") {
			t.Errorf("%s: exit code %d\n%s", verb, o.code, o.stderr)
		}
	}
	page := must(t, nil, "report", store, "--json").stdout
	if !strings.Contains(page, "stains") {
		t.Errorf("report\n%s", page)
	}
}
