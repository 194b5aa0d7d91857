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
		images[i], pixels[i] = all.Image(i), pixelsOf(all, i)
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
// if the spec wants it, also where the cadence never meets an epoch's end or misses that
// one; when it is done, the last alone does.
func TestKeepBest(t *testing.T) {
	for name, cadence := range map[string]api.Checkpoint{
		"every epoch": {EveryEpochs: 1, Keep: 1}, "epochs": {EveryEpochs: 3, Keep: 1}, "steps": {EverySteps: 1000, Keep: 1},
	} {
		t.Run(name, func(t *testing.T) { keepsBest(t, cadence) })
	}
}

func keepsBest(t *testing.T, cadence api.Checkpoint) {
	const epochs, stop = 6, 5
	task, set := judged(t, epochs)
	var weights string // of the end, whatever is kept on the way
	run := func(repo *checkpoint.Repo, keep bool, until int64) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		cadence.KeepBest = keep
		m, err := Finetune(ctx, task, set, []*safetensors.File{}, Options{
			Device: device(t), Repo: repo, Checkpoint: cadence,
			Progress: func(p Progress) {
				if p.Step == until {
					cancel()
				}
			},
		})
		if err == nil {
			if got := m.WeightsSHA256(); weights != "" && got != weights {
				t.Errorf("keepBest %v: weights %s, want %s", keep, got, weights)
			} else if weights = got; got == "" {
				t.Error("no weights in the end")
			}
		}
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
		best := bestOf(t, repo, task, stop)
		if best == stop {
			t.Fatalf("the best epoch is the one that it stopped after: the test tells nothing apart")
		}
		want := []int64{stop}
		if keep {
			want = []int64{best, stop}
		}
		if !slices.Equal(during, want) {
			t.Errorf("keepBest %v: checkpoints of steps %v, want %v", keep, during, want)
		}
	}
}

// The end of an epoch is worth a checkpoint of its own if it did better than all before,
// and only where the best is kept.
func TestBestEpochsAreDue(t *testing.T) {
	scores := map[int64]float64{2: 0.5, 4: 0.5, 6: 0.7, 8: 0.6, 12: 0.8} // of two steps each; the fifth has none
	s := &session{opt: Options{Checkpoint: api.Checkpoint{EverySteps: 1000, KeepBest: true}}}
	due := func() (steps []int64) {
		for step := int64(1); step <= 12; step++ {
			if s.due(step, int(step-1)/2, step%2 == 0) {
				steps = append(steps, step)
			}
		}
		return steps
	}
	if got := due(); got != nil {
		t.Errorf("due before anything was judged: %v", got)
	}
	s.scores.Store(&scores)
	if got := due(); !slices.Equal(got, []int64{2, 6, 12}) {
		t.Errorf("due after steps %v", got)
	}
	s.opt.Checkpoint.KeepBest = false
	if got := due(); got != nil {
		t.Errorf("the best is not to be kept, and due after %v", got)
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
