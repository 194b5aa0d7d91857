package datasource

import (
	"testing"

	"g2c/api"
	"g2c/internal/dataset"
)

// Folds are read once, whichever is asked for first.
func TestFoldsAreReadOnce(t *testing.T) {
	where := onDisk(t)
	o := &Opener{}
	read := 0
	opt := o.options("PAS", api.DataSet{Side: 64, Fit: api.FitResize})
	opt.Progress = func(_, _ int) { read++ }
	src := source(where.Labelled)
	src.Folds = 3
	tested := 0
	for src.Fold = 3; src.Fold > 0; src.Fold-- {
		p, r, err := o.read(t.Context(), src, opt)
		if err != nil {
			t.Fatal(err)
		}
		set, v, err := p.Cut(src)
		if err != nil {
			t.Fatal(err)
		}
		tested += set.Split(dataset.Test).Len()
		if r.Images != 9 || v.Worst() != dataset.OK {
			t.Errorf("fold %d: %d images\n%s", src.Fold, r.Images, v.Text())
		}
	}
	if read != 9 || tested != 9 {
		t.Errorf("%d images were read, %d tested, of 9", read, tested)
	}
}

// evaluations are works that judge on labelled images, one for each fold.
func evaluations(where api.Where, labels ...string) []*api.Work {
	var work []*api.Work
	for fold := 1; fold <= max(1, where.Labelled.Folds); fold++ {
		w := where
		l := *where.Labelled
		if w.Labelled = &l; l.Folds > 0 {
			l.Fold = fold
		}
		work = append(work, &api.Work{Where: w, Task: api.Task{Kind: api.KindEvaluate, Evaluate: &api.Evaluate{
			Model: api.Finetune{Origin: api.Origin{Source: where.Source}, View: api.View{Size: 64, Fit: api.FitResize}, Positive: labels},
		}}})
	}
	return work
}

// Folds are one set of pixels, however little an opener keeps and however many arms read
// them: each is judged once.
func TestFoldsShareTheirPixels(t *testing.T) {
	onDisk := onDisk(t)
	onDisk.Unlabelled = nil
	for what, where := range map[string]api.Where{"files": onDisk, "drawn": {Source: "PAS", Synthetic: world, Labelled: &api.Labelled{}}} {
		var arm []*api.Work
		for seed := range uint32(2) {
			l := *where.Labelled
			l.Folds, l.Seed = 3, seed
			where.Labelled = &l
			arm = append(arm, evaluations(where)...)
		}
		o := &Opener{Keep: 1}
		reads, err := o.Experiment(t.Context(), append(arm, arm...), SideSeen)
		if err != nil || len(reads) != 6 {
			t.Fatalf("%s: two arms read %d sets of 2 times 3 folds, %v", what, len(reads), err)
		}
		again, err := o.all(t.Context(), api.DataSet{Part: api.PartTest, Side: 64, Fit: api.FitResize, Where: arm[0].Where})
		if err != nil || again != reads[0].Set {
			t.Errorf("%s: the first fold is cut out again, %v", what, err)
		}
		for _, r := range reads {
			if r.Verdict.Worst() != dataset.OK {
				t.Errorf("%s: fold %d\n%s", what, r.Fold, r.Verdict.Text())
			}
			for i := range r.Set.Len() {
				if r.Set.Ref(i) != again.Ref(i) {
					t.Fatalf("%s: image %d of fold %d has pixels of its own", what, i, r.Fold)
				}
			}
		}
	}
}

// The built-in world is dealt to folds like any other: each patient is tested once.
func TestFoldsOfSyntheticTissue(t *testing.T) {
	o := &Opener{}
	tested := map[string]int{}
	for fold := 1; fold <= 2; fold++ {
		set, err := o.Labelled(t.Context(), api.DataSet{Part: api.PartTest, Side: 64, Where: api.Where{
			Source: "PAS", Synthetic: world, Labelled: &api.Labelled{Folds: 2, Fold: fold, Seed: 3},
		}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range set.Len() {
			if im := set.Image(i); im.Split == dataset.Test {
				tested[im.Name]++
			} else if im.Split != dataset.Train {
				t.Errorf("%s is in %s", im.Name, im.Split)
			}
		}
	}
	if len(tested) != world.Patients*world.Patches {
		t.Errorf("%d of %d images are tested", len(tested), world.Patients*world.Patches)
	}
	for name, n := range tested {
		if n != 1 {
			t.Errorf("%s is tested %d times", name, n)
		}
	}
}
