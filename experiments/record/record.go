// Package record keeps what a store must know of an experiment so that its report
// can be made again without the spec or the data: the plan, the spec's text, and
// the notes for readers. A record is a small object of the store,
// experiments/<name>.json; the last run under a name wins. It holds no results:
// those are in the checkpoints that the plan names.
//
// The functions may be called from many goroutines.
package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"g2c/checkpoint/store"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
)

// Limits and names.
const (
	// Version is the version of the format that this program writes.
	Version = 1
	// MaxBytes is far more than the largest sweep needs.
	MaxBytes = 256 << 20

	prefix = "experiments/"
	suffix = ".json"
)

// Experiment is a record.
type Experiment struct {
	Format  int         `json:"format"`
	Spec    string      `json:"spec"` // text, as it was read
	Sets    []string    `json:"sets"` // edits of --set, in order
	Command string      `json:"command"`
	Notes   []string    `json:"notes"` // about the data, one sentence each
	Plan    *sweep.Plan `json:"plan"`
}

// Put stores a record under its plan's name.
func Put(ctx context.Context, s store.Store, e Experiment) error {
	e.Format = Version
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode the record of %s: %w", e.Plan.Experiment, err)
	}
	key, err := key(e.Plan.Experiment)
	if err != nil {
		return err
	}
	return s.Put(ctx, key, bytes.NewReader(append(data, '\n')))
}

// Get reads the record of an experiment; none is fault.ErrNotFound, a damaged one
// fault.ErrData.
func Get(ctx context.Context, s store.Reader, name string) (*Experiment, error) {
	key, err := key(name)
	if err != nil {
		return nil, err
	}
	body, err := s.Get(ctx, key)
	if errors.Is(err, store.ErrNotExist) {
		return nil, fault.New(fault.ErrNotFound, "the store has no experiment %s", name).WithHint("`g2c run` records one")
	}
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(body, MaxBytes+1))
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read %s: %w", key, err)
	}
	e, err := Decode(data)
	if err == nil && e.Plan.Experiment != name {
		err = fault.New(fault.ErrData, "it is the record of %s", e.Plan.Experiment)
	}
	if err != nil {
		return nil, fault.New(fault.ErrData, "%s: %w", key, err).WithHint("`g2c run` records the experiment again")
	}
	return e, nil
}

// Decode reads the bytes of a record.
func Decode(data []byte) (*Experiment, error) {
	if len(data) > MaxBytes {
		return nil, fault.New(fault.ErrData, "%d bytes, the limit is %d", len(data), MaxBytes)
	}
	var e Experiment
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fault.New(fault.ErrData, "no record of an experiment: %w", err)
	}
	if e.Format != Version {
		return nil, fault.New(fault.ErrData, "format %d, this program reads %d", e.Format, Version)
	}
	if e.Plan == nil || len(e.Plan.Items) == 0 {
		return nil, fault.New(fault.ErrData, "a record without a plan")
	}
	return &e, nil
}

// Names lists the experiments of a store, sorted.
func Names(ctx context.Context, s store.Reader) ([]string, error) {
	infos, err := s.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, info := range infos {
		if name, ok := strings.CutSuffix(info.Key[len(prefix):], suffix); ok && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	return names, nil
}

func key(name string) (string, error) {
	key := prefix + name + suffix
	if err := store.CheckKey(key); err != nil || strings.Contains(name, "/") {
		return "", fault.New(fault.ErrNotFound, "%q is not the name of an experiment", name)
	}
	return key, nil
}
