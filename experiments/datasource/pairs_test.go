package datasource

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/synthetic"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// pairedOnDisk is the built-in tissue in two stains, split by folders, beside labelled images
// of the source.
func pairedOnDisk(t *testing.T) api.Where {
	t.Helper()
	where, dir := onDisk(t), t.TempDir()
	where.Unlabelled = nil
	for _, stain := range []string{"PAS", "HE"} {
		set, err := synthetic.Labelled(synthetic.Config(*world), synthetic.Stain(stain), 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, split := range []dataset.Split{dataset.Train, dataset.Test} {
			if err := dataset.WriteFolder(filepath.Join(dir, stain, string(split)), set.Split(split)); err != nil {
				t.Fatal(err)
			}
		}
		where.Paired = append(where.Paired, filepath.Join(dir, stain))
	}
	return where
}

// Pairs are read once for all tasks that read the same, judged, and are what is packed; what
// is cut out of more than the networks see, and what is not, is taken at the size it has.
func TestPairs(t *testing.T) {
	where := pairedOnDisk(t)
	p := api.Paired{Origin: api.Origin{Source: "PAS"}, Stain: "HE", View: api.View{Size: 64, Fit: api.FitRefuse}, Pix2Pix: api.Pix2Pix{Load: 1.117}}
	o := &Opener{}
	q := p.Pairs(where)
	pairs, err := o.Pairs(t.Context(), q)
	if err != nil || pairs.Train[1].Side() != 71 || pairs.Test[0].Side() != 64 {
		t.Fatal(pairs, err)
	}
	print, err := o.Fingerprint(t.Context(), q)
	if err != nil || print.String() != dataset.PackFingerprint(pairs.Sets()...) {
		t.Errorf("fingerprint %s, %v", print, err)
	}
	sets, err := o.Sets(t.Context(), q)
	if err != nil || len(sets) != 4 {
		t.Errorf("%d sets, %v", len(sets), err)
	}
	work := []*api.Work{}
	for seed := range uint32(2) {
		p.Seed = seed
		task := p
		work = append(work, &api.Work{Where: where, Task: api.Task{Kind: api.KindPaired, Paired: &task}})
	}
	e := evaluations(where, "gs", "noa")
	reads, err := o.Experiment(t.Context(), append(work, e...), SideSeen)
	if err != nil || len(reads) != 2 || reads[0].Name != "paired HE" {
		t.Fatalf("%d reads, %v", len(reads), err)
	}
	if text := reads[0].Verdict.Text(); !strings.Contains(text, "No held-out image has the pixels") {
		t.Error(text)
	}
	// Of the same tissue: what is trained on pairs are the labelled training images, and no test image.
	if text := reads[1].Verdict.Text(); !strings.Contains(text, "No test image is among the unlabelled patches of PAS") {
		t.Error(text)
	}
	p.Size = 68
	if _, err := o.Pairs(t.Context(), p.Pairs(where)); !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), "data.paired.HE") {
		t.Errorf("pairs of 64 pixels where 68 or 76 are wanted: %v", err)
	}
}
