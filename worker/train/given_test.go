package train

import (
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/model/metrics"
	"g2c/model/results"
)

// The gap of equal populations says how many training images it rests on: those that the
// task before saw and got right, which are fewer where each task takes a part of its own.
func TestTheGapGivenCountsItsImages(t *testing.T) {
	task, all := judged(t, 1)
	images, pixels := make([]dataset.Image, all.Len()), make([][]uint8, all.Len())
	for i := range images {
		images[i], pixels[i] = all.Image(i), pixelsOf(all, i)
		if images[i].Split == dataset.Validation {
			images[i].Split = dataset.Test
		}
	}
	set := dataset.New(all.Side(), images, pixels)
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	opt := Options{Device: device(t), Repo: repo, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 1}}
	m, err := Finetune(t.Context(), task, set, []*safetensors.File{}, opt)
	if err != nil {
		t.Fatal(err)
	}
	data, err := repo.Payload(t.Context(), *m, checkpoint.Weights)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := safetensors.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	train := set.Split(dataset.Train)
	for seen := range train.Len() {
		given := &results.Evaluate{}
		for i := range set.Len() { // all are positive there, and right but for the last training image that was seen
			im := set.Image(i)
			p := results.Prediction{Name: im.Name, Split: string(im.Split), P: 0.9}
			if im.Split == dataset.Train && im.Name > train.Image(seen).Name {
				continue // the task before took others
			}
			if im.Name == train.Image(seen).Name {
				p.P = 0.1
			}
			given.Predictions = append(given.Predictions, p)
		}
		judge := api.EvaluateTask(task.Numerics, api.Evaluate{Model: *task.Finetune, Given: api.Key{byte(seen + 1)}, Metrics: metrics.Version})
		if _, err := Evaluate(t.Context(), judge, set, EvaluateInputs{Weights: weights, Given: given}, opt); err != nil {
			t.Fatal(err)
		}
		out, err := ReadEvaluation(t.Context(), repo, judge.Key())
		if err != nil {
			t.Fatal(err)
		}
		both := seen >= 2 // classes are among them, or the gap is undefined
		if (out.GapGiven != nil) != both || out.GapGivenTrain != seen {
			t.Errorf("%d of the images that were seen were right: the gap %v rests on %d", seen, out.GapGiven, out.GapGivenTrain)
		}
	}
}
