package datasource

import (
	"errors"
	"strings"
	"testing"

	"g2c/api"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// A sweep over how many images are taken reads the images once, and says of each task how
// many of its labels' are taken.
func TestPartsOfOneSetAreReadOnce(t *testing.T) {
	where := onDisk(t)
	where.Unlabelled = nil
	var work []*api.Work
	for _, take := range []int{2, 3, 3, 0} {
		for _, labels := range [][]string{{"gs", "noa"}, {"gs", "ss"}} {
			l := *where.Labelled
			l.Take = take
			if take > 0 {
				l.Seed = 7
			}
			where.Labelled = &l
			work = append(work, evaluations(where, labels...)...)
		}
	}
	o := &Opener{}
	reads, err := o.Experiment(t.Context(), work, SideSeen)
	if err != nil || len(reads) != 1 || o.sets.Len() != 1 {
		t.Fatalf("%d sets are shown, %d were read, want 1: %v", len(reads), o.sets.Len(), err)
	}
	text := reads[0].Verdict.Text()
	for _, want := range []string{"of gs, noa 2 are", "of gs, noa 3 are", "of gs, ss 2 are", "of gs, ss 3 are"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not said once:\n%s", want, text)
		}
	}
	if again, err := o.Experiment(t.Context(), work[6:], SideSeen); err != nil || strings.Contains(again[0].Verdict.Text(), "taken") {
		t.Errorf("of all images nothing is taken: %v\n%s", err, again[0].Verdict.Text())
	}
}

// The patches of the source are read once, however many stains they are paired with.
func TestTheSourceIsReadOnceForAllStains(t *testing.T) {
	where := onDisk(t)
	where.Labelled = nil
	work := []*api.Work{}
	for _, stain := range []string{"HE", "PASM"} {
		w := where
		w.Unlabelled = []api.StainPaths{{Stain: stain, Paths: where.Unlabelled[0].Paths}, where.Unlabelled[1]}
		work = append(work, &api.Work{Where: w, Task: api.Task{Kind: api.KindPretrain, Pretrain: &api.Pretrain{
			Origin: api.Origin{Source: "PAS"}, Stain: stain, View: api.View{Size: 64, Fit: api.FitResize},
		}}})
	}
	o := &Opener{}
	reads, err := o.Experiment(t.Context(), work, SideSeen)
	if err != nil || len(reads) != 3 || o.sets.Len() != 3 {
		t.Fatalf("%d sets are shown, %d were read, want those of 3 stains: %v", len(reads), o.sets.Len(), err)
	}
}

// tuning is a work that trains on labelled images.
func tuning(where api.Where, l api.Labelled) *api.Work {
	where.Labelled = &l
	return &api.Work{Where: where, Task: api.Task{Kind: api.KindFinetune, Finetune: &api.Finetune{
		Origin: api.Origin{Source: "PAS"}, View: api.View{Size: 64, Fit: api.FitResize}, Positive: []string{"gs"}, Negative: []string{"noa"},
	}}}
}

// Training images are judged with the test images of an evaluation, and without where the
// plan has none of theirs.
func TestFinetuningsAlone(t *testing.T) {
	where := onDisk(t)
	where.Unlabelled = nil
	whole := *where.Labelled
	held := whole
	held.Test, held.Validation, held.Take = nil, &api.Validation{Paths: whole.Test}, 2
	train := tuning(where, held)
	reads, err := (&Opener{}).Experiment(t.Context(), []*api.Work{train, train}, SideSeen)
	if err != nil || len(reads) != 1 || !reads[0].Labelled || reads[0].Set.Split(dataset.Train).Len() == 0 {
		t.Fatalf("fine-tunings alone read %d sets, %v", len(reads), err)
	}
	text := reads[0].Verdict.Text()
	if !strings.Contains(text, "compared were train and validation") || !strings.Contains(text, "2 are taken") {
		t.Errorf("the verdict on training images is\n%s", text)
	}
	held.Train = append(held.Train, copied(t, whole.Test[0]))
	reads, err = (&Opener{}).Experiment(t.Context(), []*api.Work{tuning(where, held)}, SideSeen)
	if !errors.Is(err, fault.ErrData) || len(reads) != 1 || reads[0].Set != nil {
		t.Errorf("one patient in training and validation: %d sets, %v", len(reads), err)
	}
}

func TestFinetuningsBesideEvaluations(t *testing.T) {
	where := onDisk(t)
	where.Unlabelled = nil
	whole := *where.Labelled
	alone, other := whole, whole
	alone.Test = nil
	other.Train, other.Test = whole.Test, whole.Train
	for what, c := range map[string]struct {
		tested api.Labelled
		sets   int
	}{"of the same source": {whole, 1}, "of another": {other, 2}} {
		tested := where
		tested.Labelled = &c.tested
		work := append([]*api.Work{tuning(where, alone)}, evaluations(tested, "gs", "noa")...)
		reads, err := (&Opener{}).Experiment(t.Context(), work, SideSeen)
		if err != nil || len(reads) != c.sets || reads[len(reads)-1].Set.Split(dataset.Test).Len() == 0 {
			t.Errorf("beside an evaluation %s: %d sets, want %d, %v", what, len(reads), c.sets, err)
		}
	}
}
