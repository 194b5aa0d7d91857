package train

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/store"
)

// saveWhole stores a task that has one checkpoint, its last: weights and results, after so
// many steps in as many epochs.
func saveWhole(ctx context.Context, repo *checkpoint.Repo, task api.Task, steps int, tensors []safetensors.Tensor, found any) (*checkpoint.Manifest, error) {
	description, err := json.Marshal(task)
	if err != nil {
		return nil, fmt.Errorf("describe task: %w", err)
	}
	judged, err := json.Marshal(found)
	if err != nil {
		return nil, fmt.Errorf("encode results: %w", err)
	}
	weights, err := safetensors.Encode(tensors, nil)
	if err != nil {
		return nil, fmt.Errorf("encode weights: %w", err)
	}
	m, err := repo.Save(ctx, checkpoint.Snapshot{
		Kind: checkpoint.Kind(task.Kind), Task: task.Key().String(), Class: task.Numerics, Step: int64(steps), Epoch: steps, Final: true,
		Description: description, Payloads: map[string]store.Body{checkpoint.Weights: weights, checkpoint.Results: bytes.NewReader(judged)},
	})
	if err != nil {
		return nil, err
	}
	return &m, nil
}
