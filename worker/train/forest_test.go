package train

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/kernels/ref"
	"g2c/model/metrics"
)

// tinted are images of two classes whose colours differ, of 16 groups and all splits.
func tinted(side int) *dataset.Set {
	var images []dataset.Image
	var pixels [][]uint8
	base := noise(32, side, 5)
	for i := range base.Len() {
		im := base.Image(i)
		im.Label, im.Group = []string{"p", "n"}[i%2], string(rune('a'+i/2))
		im.Split = []dataset.Split{dataset.Train, dataset.Train, dataset.Validation, dataset.Test}[i/2%4]
		p := bytes.Clone(pixelsOf(base, i))
		for k := range p {
			p[k] /= 2
			if k%3 == i%2 {
				p[k] += 60
			}
		}
		images, pixels = append(images, im), append(pixels, p)
	}
	return dataset.New(side, images, pixels)
}

func forestTask() api.Task {
	d := ref.New()
	task, _ := tuning(d, 0)
	baselineTuning(task.Finetune, api.BaselineFuzzyHistogram, api.OptimizerSGD)
	return task
}

// A forest is grown, stored and judged as a network is, twice to the same bits, and a second
// call finds it done.
func TestForest(t *testing.T) {
	task, set := forestTask(), tinted(64)
	var first *checkpoint.Manifest
	for range 2 {
		var epochs []Epoch
		repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
		opt := Options{Repo: repo, Device: ref.New(), Epoch: func(e Epoch) { epochs = append(epochs, e) }}
		m, err := Finetune(t.Context(), task, set, nil, opt)
		if err != nil {
			t.Fatal(err)
		}
		if len(epochs) != 1 || epochs[0].Finetune.Validation.BalancedAccuracy != 1 {
			t.Errorf("epochs %+v", epochs)
		}
		if first == nil {
			first = m
		}
		if m.WeightsSHA256() != first.WeightsSHA256() {
			t.Errorf("two growths give %s and %s", first.WeightsSHA256(), m.WeightsSHA256())
		}
		again, err := Finetune(t.Context(), task, set, nil, opt)
		if err != nil || again.Key() != m.Key() || len(epochs) != 1 {
			t.Errorf("once more: %v, %v", again, err)
		}
		judgeForest(t, repo, m, task, set, opt)
	}
}

func judgeForest(t *testing.T, repo *checkpoint.Repo, m *checkpoint.Manifest, task api.Task, set *dataset.Set, opt Options) {
	t.Helper()
	data, err := repo.Payload(t.Context(), *m, checkpoint.Weights)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := safetensors.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	judge := api.EvaluateTask(task.Numerics, api.Evaluate{Model: *task.Finetune, Metrics: metrics.Version})
	if _, err := Evaluate(t.Context(), judge, set, EvaluateInputs{Weights: weights}, opt); err != nil {
		t.Fatal(err)
	}
	out, err := ReadEvaluation(t.Context(), repo, judge.Key())
	if err != nil {
		t.Fatal(err)
	}
	if test := out.Splits["test"]; test.BalancedAccuracy != 1 || len(out.Predictions) != set.Len() {
		t.Errorf("test %v, %d predictions", test.BalancedAccuracy, len(out.Predictions))
	}
	forest, err := ReadForest(weights)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range out.Predictions {
		for i := range set.Len() {
			if im := set.Image(i); im.Name == p.Name && !(math.Abs(float64(forest.Positive(pixelsOf(set, i)))-p.P) == 0) {
				t.Errorf("%s: %g", p.Name, p.P)
			}
		}
	}
}

// What is no network has no step, and its weights are no others'.
func TestForestHasNoSteps(t *testing.T) {
	task := forestTask()
	if _, _, err := NewDebugger(ref.New(), task); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("%v", err)
	}
	if _, err := Programs(task); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("%v", err)
	}
	if _, err := ReadForest(&safetensors.File{}); !errors.Is(err, fault.ErrData) {
		t.Errorf("%v", err)
	}
	e, err := EffortOf(task)
	if err != nil || e.Step <= 0 {
		t.Errorf("%+v, %v", e, err)
	}
}
