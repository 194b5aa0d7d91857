package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pairedSpec trains on pairs, and tunes a classifier of one epoch behind the generator.
const pairedSpec = `apiVersion: g2c/v1
kind: Experiment
metadata: {name: paired}
data:
  source: PAS
  size: 64
  paired: {HE: %[1]s/pairs.csv}
  labelled: {train: %[1]s/train, test: %[1]s/test, validation: none}
tasks: [{name: t, positive: [x], negative: [y]}]
model: {generator: {width: 4, blocks: 1}, discriminator: {width: 4}, classifier: {width: 8, units: 1}}
pretrain: {epochs: 3, constantEpochs: 1}
finetune: {epochs: 1, freezeEpochs: 0, batch: 4, shards: 1}
checkpoint: {every: 4 steps}
arms: [{name: BOTH, stains: [HE]}]
device: cpu
`

// pairedWorld writes eight pairs of two slides, labelled images and a spec, and gives the spec.
func pairedWorld(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var table strings.Builder
	table.WriteString("Source;Target;Split;Slide\r\n")
	for i := range 8 {
		split := "train"
		if i >= 6 {
			split = "test"
		}
		writePNG(t, filepath.Join(dir, fmt.Sprintf("pas/%d.png", i)), uint8(10*i))
		writePNG(t, filepath.Join(dir, fmt.Sprintf("he/%d.png", i)), uint8(10*i+100))
		fmt.Fprintf(&table, "pas/%d.png;he/%d.png;%s;%s\r\n", i, i, split, split+"-slide")
		for k, part := range []string{"train/x", "train/y", "test/x", "test/y"} {
			writePNG(t, filepath.Join(dir, part, fmt.Sprintf("%d.png", i)), uint8(8*i+1+k*2))
		}
	}
	write(t, filepath.Join(dir, "pairs.csv"), []byte(table.String()))
	spec := filepath.Join(dir, "spec.yaml")
	write(t, spec, fmt.Appendf(nil, pairedSpec, dir))
	return spec
}

// A run on pairs that is killed while it trains on them ends in the bits of one that was
// not; its generator is a model like any other, and the report shows how it was judged.
func TestPairedRun(t *testing.T) {
	spec := pairedWorld(t)
	store, killed, cache := t.TempDir(), t.TempDir(), t.TempDir()
	o := must(t, nil, "run", spec, "--store", store, "--cache", cache)
	if !strings.Contains(o.stdout, "Reinhard") || !strings.Contains(o.stdout, "2 test") {
		t.Errorf("the run says\n%s", o.stdout)
	}
	want := hashes(t, store)
	if len(want) < 6 {
		t.Errorf("finished are %v", want)
	}
	c, lines := start(t, "run", spec, "--store", killed, "--cache", cache)
	for lines.Scan() && !strings.Contains(lines.Text(), "step ") {
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
	must(t, nil, "run", spec, "--store", killed, "--cache", cache, "--wait")
	sameBits(t, "after a kill", hashes(t, killed), want)

	out := filepath.Join(t.TempDir(), "out")
	must(t, nil, "translate", "paired/HE", filepath.Join(filepath.Dir(spec), "test"), "-o", out, "--store", store, "--cache", cache)
	data, err := os.ReadFile(filepath.Join(out, "x", "0.png"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	studyOfPairs(t, store, cache)
	weights := filepath.Join(t.TempDir(), "g.safetensors")
	must(t, nil, "export", "paired/HE", "--names", "cyclegan", "-o", weights, "--store", store)
	var r struct {
		Generators []struct {
			Name  string
			Pairs struct {
				Split         string
				Images        int
				Model, Source struct{ SSIM, PSNR *float64 }
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(store, "reports", "paired", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Generators) != 1 || r.Generators[0].Pairs.Images != 2 || r.Generators[0].Pairs.Model.SSIM == nil || r.Generators[0].Pairs.Source.PSNR == nil {
		t.Errorf("%s", text)
	}
	ready := must(t, nil, "plan", spec, "--json", "--cache", cache, "--store", store, "--set", "generators={HE: paired/HE}", "--set", "data.paired={}")
	if strings.Contains(ready.stdout, `"kind": "paired"`) || !strings.Contains(ready.stdout, `"kind": "finetune"`) {
		t.Errorf("with a ready generator:\n%s", ready.stdout)
	}
}

// studyOfPairs makes reader studies of pairs that were trained on, and of those held out: no
// place is in them twice, as it is and as it was generated.
func studyOfPairs(t *testing.T, store, cache string) {
	t.Helper()
	for from, count := range map[string]int{"unlabelled": 3, "test": 1} {
		page := filepath.Join(t.TempDir(), "study.html")
		must(t, nil, "study", "make", "paired", "--store", store, "--cache", cache, "-o", page, "--from", from, "--count", fmt.Sprint(count))
		text, err := os.ReadFile(strings.TrimSuffix(page, ".html") + ".key.json")
		if err != nil {
			t.Fatal(err)
		}
		var key struct {
			Patches []struct {
				Image string
				Real  bool
			}
		}
		if err := json.Unmarshal(text, &key); err != nil {
			t.Fatal(err)
		}
		places := map[string]bool{}
		for _, p := range key.Patches {
			if place := filepath.Base(p.Image); place == "." || places[place] {
				t.Errorf("from %s, %s is shown twice: %s", from, place, text)
			}
			places[filepath.Base(p.Image)] = true
		}
		if len(key.Patches) != 2*count {
			t.Errorf("from %s: %d patches, wanted %d", from, len(key.Patches), 2*count)
		}
	}
}
