package train

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/model/results"
)

// judged is the tiny fine-tuning over some epochs of one step, without stains, half of
// whose images are for validation.
func judged(t *testing.T, epochs int) (api.Task, *dataset.Set) {
	task, all := tuning(device(t), 0)
	f := task.Finetune
	f.Stains, f.Generators, f.Generator, f.Epochs, f.LR = []string{}, []api.Key{}, nil, epochs, 0.2
	images, pixels := make([]dataset.Image, all.Len()), make([][]uint8, all.Len())
	for i := range images {
		images[i], pixels[i] = all.Image(i), all.Pixels(i)
		if i >= all.Len()/2 {
			images[i].Split = dataset.Validation
		}
	}
	return task, dataset.New(all.Side(), images, pixels)
}

// steps are the steps of a task's checkpoints.
func steps(t *testing.T, repo *checkpoint.Repo) []int64 {
	t.Helper()
	tasks, _, err := repo.Tasks(t.Context())
	if err != nil || len(tasks) != 1 {
		t.Fatal(err, tasks)
	}
	var out []int64
	for _, m := range tasks[0].Manifests {
		out = append(out, m.Step)
	}
	return out
}

// While a fine-tuning trains, its best checkpoint by validation stays beside the newest,
// if the spec wants it; when it is done, the last alone does.
func TestKeepBest(t *testing.T) {
	const epochs, stop = 6, 5
	task, set := judged(t, epochs)
	run := func(repo *checkpoint.Repo, keep bool, until int64) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := Finetune(ctx, task, set, []*safetensors.File{}, Options{
			Device: device(t), Repo: repo, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 1, KeepBest: keep},
			Progress: func(p Progress) {
				if p.Step == until {
					cancel()
				}
			},
		})
		return err
	}
	for _, keep := range []bool{true, false} {
		repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
		if err := run(repo, keep, stop); !errors.Is(err, fault.ErrInterrupted) {
			t.Fatal(err)
		}
		during := steps(t, repo)
		if err := run(repo, keep, 0); err != nil {
			t.Fatal(err)
		}
		if after := steps(t, repo); !slices.Equal(after, []int64{epochs}) {
			t.Errorf("in the end there are checkpoints of steps %v", after)
		}
		want := []int64{stop}
		if best := bestOf(t, repo, task, stop); keep && best != stop {
			want = []int64{best, stop}
		}
		if !slices.Equal(during, want) {
			t.Errorf("keepBest %v: checkpoints of steps %v, want %v", keep, during, want)
		}
	}
}

// bestOf is the first of the best of some epochs of one step, as the results say.
func bestOf(t *testing.T, repo *checkpoint.Repo, task api.Task, epochs int) int64 {
	t.Helper()
	m, _, err := repo.Final(t.Context(), task.Key().String(), checkpoint.Whole)
	if err != nil || m == nil {
		t.Fatal(err)
	}
	data, err := repo.Payload(t.Context(), *m, checkpoint.Results)
	if err != nil {
		t.Fatal(err)
	}
	var r results.Finetune
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	best := 0
	for i, e := range r.Epochs[:epochs] {
		t.Logf("epoch %d: %v", i, e.Validation.BalancedAccuracy)
		if e.Validation.BalancedAccuracy > r.Epochs[best].Validation.BalancedAccuracy {
			best = i
		}
	}
	return int64(best + 1)
}
