package train

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"g2c/api"
	"g2c/internal/dataset"
	"g2c/kernels"
	"g2c/worker/allreduce"
)

// validated is what processes have of a validation, and the batches that each evaluated.
func validated(gang []*process, set *dataset.Set) []*validation {
	all := make([]*validation, len(gang))
	atOnce(gang, func(p *process) {
		i := slices.Index(gang, p)
		all[i], p.err = p.validate(set)
	})
	return all
}

// Processes share a validation out, between their steps: each batch is evaluated once, and
// all have the probabilities that one device computes. What they train has its bits.
func TestAValidationIsSharedOut(t *testing.T) {
	for _, c := range []struct {
		name   string
		open   func(*testing.T, int) []kernels.Device
		parts  []int
		images int
		change func(*api.Finetune)
	}{
		{"devices of one process", cpus, []int{3}, 70, func(*api.Finetune) {}},
		{"processes", cpus, []int{1, 1}, 70, func(*api.Finetune) {}},
		{"unlike each other, in bf16", cpus, []int{1, 2}, 85, func(f *api.Finetune) { f.Gradients = api.BF16 }},
		{"several runs of shards each", cpus, []int{1, 1, 1}, 33, func(f *api.Finetune) { f.Shards = 8 }},
		{"more of them than batches", cpus, []int{1, 2, 1}, 17, func(*api.Finetune) {}},
		{"ref", refs, []int{1, 1}, 17, func(f *api.Finetune) { f.Classifier.Stem = api.StemConv7 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			one := c.open(t, 1)
			task, set := shared(one[0], 8)
			task.Finetune.Stains, task.Finetune.Generators, task.Finetune.Generator = nil, nil, nil
			c.change(task.Finetune)
			images := noise(c.images, 64, 9)
			alone := openShared(t, one, task.Finetune)
			gang := openGang(t, c.open, task.Finetune, c.parts...)
			for round := range 2 {
				want, err := trainPart(t, alone, task, set, 1)
				if err != nil {
					t.Fatal(err)
				}
				p, err := alone.validate(images)
				if err != nil {
					t.Fatal(err)
				}
				for k, got := range trainGang(t, gang, task, set, 1) {
					if got != want[0] {
						t.Errorf("round %d: replica %d ends in %s, one alone in %s", round, k, got, want[0])
					}
				}
				var batches []int
				for i, v := range validated(gang, images) {
					if gang[i].err != nil {
						t.Fatal(gang[i].err)
					}
					if !slices.Equal(v.p, p.p) {
						t.Errorf("process %d has the probabilities %v, one alone %v", i, v.p, p.p)
					}
					batches = append(batches, v.batches...)
				}
				if slices.Min(p.p) <= 0 || slices.Max(p.p) >= 1 {
					t.Errorf("probabilities of %v to %v tell nothing", slices.Min(p.p), slices.Max(p.p))
				}
				if !slices.Equal(batches, p.batches) {
					t.Errorf("batches %v were evaluated, want %v", batches, p.batches)
				}
			}
		})
	}
}

// When a process is lost in a validation, each of the others evaluates what is missing.
func TestALostPartOfAValidationIsEvaluatedByTheOthers(t *testing.T) {
	one := cpus(t, 1)
	task, _ := shared(one[0], 8)
	task.Finetune.Stains, task.Finetune.Generators, task.Finetune.Generator = nil, nil, nil
	images := noise(70, 64, 9)
	want, err := openShared(t, one, task.Finetune).validate(images)
	if err != nil {
		t.Fatal(err)
	}
	for lost := range 3 {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			gang := openGang(t, cpus, task.Finetune, 1, 2, 1)
			rest := slices.Delete(slices.Clone(gang), lost, lost+1)
			gang[lost].first().exchange.sums.Abort(errCard)
			gang[lost].leave()
			for i, v := range validated(rest, images) {
				var culprit *allreduce.PeerError
				if !errors.As(rest[i].err, &culprit) || culprit.Peer != lost {
					t.Fatalf("the exchange ended with %v", rest[i].err)
				}
				if err := rest[i].finish(v); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(v.p, want.p) {
					t.Errorf("it has the probabilities %v, want %v", v.p, want.p)
				}
			}
		})
	}
}
