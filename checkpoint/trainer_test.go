package checkpoint_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/store"
)

// taskKey makes a task key of one digit.
func taskKey(digit string) string { return strings.Repeat(digit, 64) }

var task = taskKey("a")

// stateFloats is the length of the little trainer's state.
const stateFloats = 3000

// advance is one step of a training that is nothing but deterministic.
func advance(state []float32) {
	for i := range state {
		state[i] = float32(int(state[i]*3+float32(i)+1) % 1009)
	}
}

// snapshot is the state as a checkpoint.
func snapshot(key string, state []float32, step int64, final bool) (checkpoint.Snapshot, error) {
	weights, err := safetensors.Encode([]safetensors.Tensor{safetensors.Float32("w", []int{len(state) / 2}, state[:len(state)/2])}, nil)
	if err != nil {
		return checkpoint.Snapshot{}, err
	}
	resume, err := safetensors.Encode([]safetensors.Tensor{safetensors.Float32("all", []int{len(state)}, state)}, nil)
	if err != nil {
		return checkpoint.Snapshot{}, err
	}
	return checkpoint.Snapshot{
		Kind: checkpoint.Pretrain, Task: key, Class: "cpu-1", Step: step, Epoch: int(step), Final: final,
		Description: json.RawMessage(`{"epochs":3}`),
		Payloads:    map[string]store.Body{checkpoint.Weights: weights, checkpoint.Resume: resume},
	}, nil
}

// train goes on from the newest checkpoint to the last step, saves every step,
// and tells saved of each.
func train(ctx context.Context, repo *checkpoint.Repo, key string, last int64, saved func(step int64)) error {
	state := make([]float32, stateFloats)
	m, _, err := repo.Latest(ctx, key)
	if err != nil {
		return err
	}
	step := int64(0)
	if m != nil {
		if err := load(ctx, repo, *m, state); err != nil {
			return err
		}
		step = m.Step
	}
	for step < last {
		advance(state)
		step++
		s, err := snapshot(key, state, step, step == last)
		if err != nil {
			return err
		}
		if _, err := repo.Save(ctx, s); err != nil {
			return err
		}
		saved(step)
	}
	return nil
}

func load(ctx context.Context, repo *checkpoint.Repo, m checkpoint.Manifest, state []float32) error {
	data, err := repo.Payload(ctx, m, checkpoint.Resume)
	if err != nil {
		return err
	}
	file, err := safetensors.Decode(data)
	if err != nil {
		return err
	}
	t, ok := file.Tensor("all")
	if !ok {
		return fmt.Errorf("no state in %s", m)
	}
	return t.CopyFloat32(state, []int{len(state)})
}

// undisturbed is the hash of the weights after so many steps.
func undisturbed(t *testing.T, last int64) string {
	t.Helper()
	state := make([]float32, stateFloats)
	for range last {
		advance(state)
	}
	e, err := safetensors.Encode([]safetensors.Tensor{safetensors.Float32("w", []int{stateFloats / 2}, state[:stateFloats/2])}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := e.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(file.Bytes()))
}

func openRepo(t *testing.T, dir string) *checkpoint.Repo {
	t.Helper()
	s, err := filestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint.New(s)
}

func mustTrain(t *testing.T, repo *checkpoint.Repo, key string, last int64) {
	t.Helper()
	if err := train(t.Context(), repo, key, last, func(int64) {}); err != nil {
		t.Fatal(err)
	}
}

// mustFinish trains to the end and holds that the result is the undisturbed one.
func mustFinish(t *testing.T, repo *checkpoint.Repo, last int64, what string) {
	t.Helper()
	mustTrain(t, repo, task, last)
	m, damages, err := repo.Final(t.Context(), task, checkpoint.Whole)
	if err != nil || m == nil || len(damages) > 0 {
		t.Fatalf("%s: final %v, damages %v, %v", what, m, damages, err)
	}
	if want := undisturbed(t, last); m.WeightsSHA256() != want {
		t.Errorf("%s: weights %s, an undisturbed run has %s", what, m.WeightsSHA256(), want)
	}
}

// latestStep is the step of the newest whole checkpoint, 0 for none.
func latestStep(t *testing.T, repo *checkpoint.Repo) (int64, []checkpoint.Damage) {
	t.Helper()
	m, damages, err := repo.Latest(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if m == nil {
		return 0, damages
	}
	return m.Step, damages
}
