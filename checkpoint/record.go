package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

// MaxRecordBytes bounds a side record, which holds a few times and counts.
const MaxRecordBytes = 1 << 20

// PutRecord stores a side record of a task as JSON: durations, hosts, attempts,
// whatever may differ between runs of one task. No hash covers it, nothing that
// is computed may depend on it, and the last writer wins.
func (r *Repo) PutRecord(ctx context.Context, task, name string, value any) error {
	key, err := recordKey(task, name)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encode record %s: %w", key, err)
	}
	if len(data) >= MaxRecordBytes {
		return fmt.Errorf("record %s has %d bytes, the limit is %d", key, len(data), MaxRecordBytes)
	}
	return r.store.Put(ctx, key, bytes.NewReader(append(data, '\n')))
}

// Record reads a side record into value and reports whether there is one. One
// that cannot be decoded is fault.ErrData; most callers can do without it.
func (r *Repo) Record(ctx context.Context, task, name string, value any) (bool, error) {
	key, err := recordKey(task, name)
	if err != nil {
		return false, err
	}
	data, err := r.readAll(ctx, key, MaxRecordBytes)
	if isAbsent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return false, fault.New(fault.ErrData, "record %s: %w", key, err)
	}
	return true, nil
}

// bestRecord names the checkpoint of a task that did best on its validation images, so
// that a collection can keep it.
const bestRecord = "best"

// bestStep is the best record. There is no best where it is missing.
type bestStep struct {
	Step int64 `json:"step"`
}

func (r *Repo) putBest(ctx context.Context, m Manifest) error {
	if known, err := r.best(ctx, m.Task); err != nil || known == m.Step {
		return err
	}
	return r.PutRecord(ctx, m.Task, bestRecord, bestStep{m.Step})
}

// best is the step of a task's best checkpoint, negative for none that is known.
func (r *Repo) best(ctx context.Context, task string) (int64, error) {
	best := bestStep{Step: -1}
	_, err := r.Record(ctx, task, bestRecord, &best)
	if errors.Is(err, fault.ErrData) { // a record may be damaged
		return -1, nil
	}
	return best.Step, err
}

func recordKey(task, name string) (string, error) {
	if !isHash(task) || !isName(name) {
		return "", fmt.Errorf("%w: record %q of task %q", store.ErrBadKey, name, task)
	}
	return recordPrefix + task + "/" + name + jsonSuffix, nil
}
