package datasource

import (
	"strings"
	"testing"

	"g2c/api"
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
