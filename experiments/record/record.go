// Package record keeps what a store must know of a run so that its report can be
// made again without the spec or the data: the plan, the spec's text, the notes for
// readers, what was run where, and why what is missing is missing. It holds no results:
// those are in the checkpoints that the plan names.
//
// The id of the first run under an experiment's name is that name; of every other, which
// has another plan, name@hash, with the first 12 digits of the plan's hash. Thus no run
// replaces what belongs to another, and the same run again has the same id. The record of
// a part of a plan never takes the plain name.
//
// A record is a small object of the store, experiments/NAME.json or
// experiments/NAME/HASH.json; example patches lie beside it, as .examples, and what joint
// training made of generators as .authentic/KEY, an object for each fine-tuning.
//
// The functions may be called from many goroutines and processes. Of runs that begin under
// one new name at the same instant one takes the plain name.
package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"g2c/checkpoint/store"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
)

// Limits and names.
const (
	// Version is the version of the format that this program writes; it reads the
	// first, too, which had no Run, Data and Missing.
	Version = 2
	// MaxBytes is far more than the largest sweep needs.
	MaxBytes = 256 << 20

	prefix   = "experiments/"
	suffix   = ".json"
	examples = ".examples"
	// authentic is the folder of what joint training made of the generators: an object a
	// fine-tuning, by its key.
	authentic = ".authentic/"
)

// Experiment is a record.
type Experiment struct {
	Format  int         `json:"format"`
	Spec    string      `json:"spec"` // text, as it was read
	Sets    []string    `json:"sets"` // edits of --set, in order
	Command string      `json:"command"`
	Notes   []string    `json:"notes"` // about the data, one sentence each
	Plan    *sweep.Plan `json:"plan"`

	Part    bool              `json:"part,omitempty"` // of the spec's plan: --only
	Run     *Run              `json:"run,omitempty"`
	Data    []Data            `json:"data,omitempty"`
	Missing map[string]string `json:"missing,omitempty"` // why a task is not done, by key, when the run last ended
}

// Run is what ran an experiment last, and where.
type Run struct {
	Version  string   `json:"version"`
	Commit   string   `json:"commit"`
	Device   string   `json:"device"`
	Hardware []string `json:"hardware"` // processor, memory, GPUs
	SkipBad  bool     `json:"skipBad,omitempty"`
}

// Put stores the record of a run and returns its id.
func Put(ctx context.Context, s store.Store, e Experiment) (id string, err error) {
	e.Format = Version
	data, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("encode the record of %s: %w", e.Plan.Experiment, err)
	}
	body := bytes.NewReader(append(data, '\n'))
	for {
		id, free, err := claim(ctx, s, e.Plan, e.Part)
		if err != nil {
			return "", err
		}
		key, err := key(id, suffix)
		if err != nil {
			return "", err
		}
		if !free {
			return id, s.Put(ctx, key, body)
		}
		if won, err := s.PutIfAbsent(ctx, key, body); won || err != nil {
			return id, err
		} // another run has taken the name meanwhile
	}
}

// ID is the id of the run of a plan: its name, unless that belongs to another run, or the
// plan is a part of one.
func ID(ctx context.Context, s store.Reader, p *sweep.Plan, part bool) (string, error) {
	id, _, err := claim(ctx, s, p, part)
	return id, err
}

// claim is ID; free says that nobody has the plain name yet.
func claim(ctx context.Context, s store.Reader, p *sweep.Plan, part bool) (id string, free bool, err error) {
	own := p.Experiment + "@" + p.Hash()[:hashDigits]
	if part {
		return own, false, nil
	}
	first, err := Get(ctx, s, p.Experiment)
	switch {
	case errors.Is(err, fault.ErrNotFound):
		return p.Experiment, true, nil
	case errors.Is(err, fault.ErrData): // nobody can say whose it is
		return own, false, nil
	case err != nil:
		return "", false, err
	case first.Plan.Hash() == p.Hash():
		return p.Experiment, false, nil
	}
	return own, false, nil
}

// hashDigits is how many digits of a plan's hash an id has.
const hashDigits = 12

// Get reads the record of an id; none is fault.ErrNotFound, a damaged one
// fault.ErrData.
func Get(ctx context.Context, s store.Reader, id string) (*Experiment, error) {
	key, err := key(id, suffix)
	if err != nil {
		return nil, err
	}
	data, err := read(ctx, s, key)
	if errors.Is(err, store.ErrNotExist) {
		return nil, notFound(ctx, s, id)
	}
	if err != nil {
		return nil, err
	}
	e, err := Decode(data)
	if err == nil {
		if name, hash, own := strings.Cut(id, "@"); e.Plan.Experiment != name || own && !strings.HasPrefix(e.Plan.Hash(), hash) {
			err = fault.New(fault.ErrData, "it is the record of %s@%s", e.Plan.Experiment, e.Plan.Hash()[:hashDigits])
		}
	}
	if err != nil {
		return nil, fault.New(fault.ErrData, "%s: %w", key, err).WithHint("`g2c run` records the experiment again")
	}
	return e, nil
}

// notFound names the other runs under a name, if there are any.
func notFound(ctx context.Context, s store.Reader, id string) error {
	err := fault.New(fault.ErrNotFound, "the store has no experiment %s", id)
	ids, _ := IDs(ctx, s) // without them the hint is another
	var others []string
	for _, other := range ids {
		if name, _, _ := strings.Cut(id, "@"); other == name || strings.HasPrefix(other, name+"@") {
			others = append(others, other)
		}
	}
	if len(others) > 0 {
		return err.WithHint("it has %s", strings.Join(others, ", "))
	}
	return err.WithHint("`g2c run` records one")
}

func read(ctx context.Context, s store.Reader, key string) ([]byte, error) {
	body, err := s.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(body, MaxBytes+1))
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read %s: %w", key, err)
	}
	if len(data) > MaxBytes {
		return nil, fault.New(fault.ErrData, "%s has %d bytes, the limit is %d", key, len(data), MaxBytes)
	}
	return data, nil
}

// PutExamples stores the example patches of a run.
func PutExamples(ctx context.Context, s store.Store, id string, body store.Body) error {
	return put(ctx, s, id, examples, body)
}

// Examples are the example patches of a run; nil where none were made.
func Examples(ctx context.Context, s store.Reader, id string) ([]byte, error) {
	return get(ctx, s, id, examples)
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
	if e.Format < 1 || e.Format > Version {
		return nil, fault.New(fault.ErrData, "format %d, this program reads 1 to %d", e.Format, Version)
	}
	if e.Plan == nil || len(e.Plan.Items) == 0 {
		return nil, fault.New(fault.ErrData, "a record without a plan")
	}
	return &e, nil
}

// IDs lists the runs of a store, sorted: the first of a name before the others.
func IDs(ctx context.Context, s store.Reader) ([]string, error) {
	infos, err := s.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, info := range infos {
		path, ok := strings.CutSuffix(info.Key[len(prefix):], suffix)
		if ok && strings.Count(path, "/") <= 1 {
			ids = append(ids, strings.Replace(path, "/", "@", 1))
		}
	}
	return ids, nil
}

// When is the time at which a run was last recorded, by the store's clock.
func When(ctx context.Context, s store.Reader, id string) (time.Time, error) {
	key, err := key(id, suffix)
	if err != nil {
		return time.Time{}, err
	}
	info, err := s.Stat(ctx, key)
	return info.Modified, err
}

// key is the key of an object of a run: experiments/NAME.json, experiments/NAME/HASH.json.
func key(id, suffix string) (string, error) {
	name, hash, own := strings.Cut(id, "@")
	if own {
		name += "/" + hash
	}
	key := prefix + name + suffix
	if err := store.CheckKey(key); err != nil || strings.Contains(id, "/") || own && hash == "" {
		return "", fault.New(fault.ErrNotFound, "%q is not the name of an experiment", id)
	}
	return key, nil
}
