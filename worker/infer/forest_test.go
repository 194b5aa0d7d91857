package infer

import (
	"errors"
	"testing"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/model/fuzzy"
	"g2c/worker/train"
)

// stump is the weights of a forest of one tree that looks at one feature.
func stump(threshold float32) *safetensors.File {
	var centres []float32
	for _, c := range fuzzy.Standard().Centres {
		centres = append(centres, c[:]...)
	}
	column := func(name string, v ...float32) safetensors.Tensor {
		return safetensors.Float32("classifier.forest."+name, []int{len(v)}, v)
	}
	return &safetensors.File{Tensors: []safetensors.Tensor{
		column("feature", 21, -1, -1), column("left", 1, 0, 0), column("nodes", 3), column("positive", 0.5, 0.25, 1),
		column("right", 2, 0, 0), column("threshold", threshold, 0, 0),
		safetensors.Float32("classifier.histogram.centres", []int{fuzzy.Bins, 3}, centres),
	}}
}

// A forest, which no device runs, judges sets as a network does: each image is its own, also
// where a batch has fewer.
func TestForestPredicts(t *testing.T) {
	f := model()
	f.Stains, f.Generator, f.Baseline = nil, nil, api.BaselineFuzzyHistogram
	set := images(train.EvalBatch+3, side)
	third, err := set.Pixels(2)
	if err != nil {
		t.Fatal(err)
	}
	weights := stump(fuzzy.Standard().Features(third)[21]) // at most as much of the feature goes left
	c, err := NewClassifier(device(t), f, classes, weights)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Predict(t.Context(), set, alone(set, 2))
	if err != nil || len(got) != set.Len()+1 || c.Size() != side || c.Classes() != classes {
		t.Fatalf("%d predictions, size %d, %v", len(got), c.Size(), err)
	}
	forest, err := train.ReadForest(weights)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[float32]bool{}
	for i := range set.Len() {
		pixels, err := set.Pixels(i)
		if err != nil {
			t.Fatal(err)
		}
		if p := forest.Positive(pixels); got[i] != [2]float32{p, 1 - p} {
			t.Errorf("image %d: %v, the forest says %g", i, got[i], p)
		}
		seen[got[i][0]] = true
	}
	if got[set.Len()] != got[2] || len(seen) != 2 {
		t.Errorf("alone %v, among others %v; %v", got[set.Len()], got[2], seen)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := NewClassifier(device(t), f, classes, drawn(t, model())); !errors.Is(err, fault.ErrData) {
		t.Errorf("a network's weights: %v", err)
	}
}
