package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// authenticity is what a test looks at in `g2c authenticity --json`.
type authenticity struct {
	Arms       []struct{ Arm, Verdict, Line string }
	Generators []struct {
		Stain         string
		Images        int
		Before, After struct {
			CycleL1, ColourDistance, Checkering, SSIM *float64
		}
		Drift struct{ Weights, Images, ImageSSIM *float64 }
	}
}

// authentic are the stored objects of a run, which has one fine-tuning with generators.
func authentic(t *testing.T, store string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(store, "experiments", "tiny.authentic", "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("stored: %v, %v", found, err)
	}
	return found[0]
}

// A run says what joint training made of its generators, in words, on its page and in the
// store; what is missing or damaged there is made again, with the same bits.
func TestAuthenticity(t *testing.T) {
	store, cache := t.TempDir(), t.TempDir()
	args := append([]string{"run", tiny, "--store", store, "--cache", cache}, quick...)
	o := must(t, nil, args...)
	if !strings.Contains(o.stdout, "are the stains still stains") || !strings.Contains(o.stdout, "PAS_H&E: ") {
		t.Errorf("the run says\n%s", o.stdout)
	}
	page := filepath.Join(store, "reports", "tiny", "index.html")
	shown, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(shown), `id="authenticity"`) || !strings.Contains(string(shown), "jointly trained one show them") {
		t.Errorf("the page has no stains, %v", err)
	}
	made, err := os.ReadFile(authentic(t, store))
	if err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(path string) error{
		"gone":    os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, made[:100], 0o600) },
	} {
		if err := spoil(authentic(t, store)); err != nil {
			t.Fatal(err)
		}
		o := must(t, []string{"GOMAXPROCS=1"}, "authenticity", "tiny", "--store", store, "--cache", cache, "--json")
		if again, err := os.ReadFile(authentic(t, store)); err != nil || string(again) != string(made) {
			t.Errorf("%s: other bits than before, %v", what, err)
		}
		if warned := strings.Contains(o.stderr, "cannot be read"); warned != (what == "damaged") {
			t.Errorf("%s: %s", what, o.stderr)
		}
		checkAuthenticity(t, o.stdout)
	}
	if o := must(t, nil, "authenticity", tiny, "--store", store, "--device", "none such"); !strings.Contains(o.stdout, "as pretrained → after joint training, on 12 test images") {
		t.Errorf("what is stored needs no device, and shows\n%s", o.stdout)
	}
	if o := run(t.Context(), t, nil, "authenticity", "none", "--store", store); o.code != 4 {
		t.Errorf("of no experiment: exit code %d, %s", o.code, o.stderr)
	}
	kidOf(t, store, cache)
}

func checkAuthenticity(t *testing.T, text string) {
	t.Helper()
	var a authenticity
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if len(a.Arms) != 1 || a.Arms[0].Arm != "PAS_H&E" || len(a.Generators) != 1 {
		t.Fatalf("%+v", a)
	}
	g := a.Generators[0]
	for name, v := range map[string]*float64{
		"cycle L1": g.After.CycleL1, "colour distance": g.After.ColourDistance, "checkering": g.After.Checkering, "SSIM": g.After.SSIM,
		"drift of weights": g.Drift.Weights, "drift of images": g.Drift.Images,
	} {
		if v == nil || !(*v > 0 && *v < 2) {
			t.Errorf("%s is %v", name, v)
		}
	}
}

// Of generators that are frozen throughout a run says that they stood still, and every number
// after joint training is the one before.
func TestFrozenGeneratorsStandStill(t *testing.T) {
	store := t.TempDir()
	o := must(t, nil, "run", tiny, "--store", store, "--cache", t.TempDir(), "--set", "pretrain.epochs=1", "--set", "finetune.epochs=1", "--set", "finetune.freezeEpochs=all")
	if want := "PAS_H&E: kept (the generators stood still)"; !strings.Contains(o.stdout, want) {
		t.Errorf("the run does not say %q:\n%s", want, o.stdout)
	}
	var a authenticity
	if err := json.Unmarshal([]byte(must(t, nil, "authenticity", "tiny", "--store", store, "--json").stdout), &a); err != nil {
		t.Fatal(err)
	}
	g := a.Generators[0]
	if *g.Drift.Weights != 0 || *g.Drift.Images != 0 || *g.Drift.ImageSSIM != 1 || *g.Before.Checkering != *g.After.Checkering || *g.Before.CycleL1 != *g.After.CycleL1 {
		t.Errorf("%+v", g)
	}
}
