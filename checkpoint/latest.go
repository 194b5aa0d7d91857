package checkpoint

import (
	"context"
	"fmt"
	"io"
	"slices"

	"g2c/checkpoint/store"
)

// Damage is an object that is missing or not what it should be.
type Damage struct {
	Key      string // of the object
	Manifest string // key of the manifest that is it or names it; "" for none
	Payload  string // the payload's name there; "" for a manifest
	Missing  bool   // there is nothing under the key
	Reason   string
}

// String says what, where and why, on one line.
func (d Damage) String() string {
	switch {
	case d.Manifest == "":
		return fmt.Sprintf("%s, which no manifest names: %s", d.Key, d.Reason)
	case d.Payload == "":
		return fmt.Sprintf("manifest %s: %s", d.Key, d.Reason)
	}
	return fmt.Sprintf("payload %s (%s) of %s: %s", d.Payload, d.Key, d.Manifest, d.Reason)
}

// Depth is how far a search trusts the store.
type Depth int

const (
	// Present takes a manifest whose payloads are there with their lengths:
	// enough to plan by, and cheap in a bucket.
	Present Depth = iota
	// Whole reads and hashes every payload.
	Whole
)

// Latest is the newest manifest of a task whose payloads are all whole, the
// one to go on from, or nil. What was passed over on the way is returned as
// damage: a warning for the user. Nothing is deleted.
func (r *Repo) Latest(ctx context.Context, task string) (*Manifest, []Damage, error) {
	return r.newest(ctx, task, func(Manifest) bool { return true }, Whole, nil)
}

// Final is the manifest that says that a task is done, or nil. The resume
// state is not looked at: nobody goes on from there.
func (r *Repo) Final(ctx context.Context, task string, depth Depth) (*Manifest, []Damage, error) {
	return r.newest(ctx, task, func(m Manifest) bool { return m.Final }, depth, []string{Resume})
}

func (r *Repo) newest(ctx context.Context, task string, wanted func(Manifest) bool, depth Depth, skip []string) (*Manifest, []Damage, error) {
	infos, err := r.manifests(ctx, task)
	if err != nil {
		return nil, nil, fmt.Errorf("look for checkpoints: %w", err)
	}
	var damages []Damage
	for _, info := range slices.Backward(infos) {
		m, damage, err := r.readManifest(ctx, info.Key)
		if err != nil {
			return nil, damages, fmt.Errorf("look for checkpoints: %w", err)
		}
		if damage != nil {
			damages = append(damages, *damage)
			continue
		}
		if !wanted(m) {
			continue
		}
		found, err := r.inspect(ctx, m, depth, skip)
		if err != nil {
			return nil, damages, fmt.Errorf("look for checkpoints: %w", err)
		}
		if len(found) == 0 {
			return &m, damages, nil
		}
		damages = append(damages, found...)
	}
	return nil, damages, nil
}

// inspect lists what is wrong with the payloads of a manifest.
func (r *Repo) inspect(ctx context.Context, m Manifest, depth Depth, skip []string) ([]Damage, error) {
	var damages []Damage
	for _, name := range m.PayloadNames() {
		if slices.Contains(skip, name) {
			continue
		}
		damage, err := r.look(ctx, m, name, depth)
		if err != nil {
			return nil, err
		}
		if damage != nil {
			damages = append(damages, *damage)
		}
	}
	return damages, nil
}

func (r *Repo) look(ctx context.Context, m Manifest, name string, depth Depth) (*Damage, error) {
	if depth == Whole {
		return r.verify(ctx, m, name, io.Discard)
	}
	info, err := r.store.Stat(ctx, m.Payloads[name].Key())
	return sizeDamage(m, name, info, err)
}

// sizeDamage judges a payload by what Stat said of it.
func sizeDamage(m Manifest, name string, info store.Info, err error) (*Damage, error) {
	p := m.Payloads[name]
	d := &Damage{Key: p.Key(), Manifest: m.Key(), Payload: name}
	switch {
	case isAbsent(err):
		d.Missing, d.Reason = true, "missing"
	case err != nil:
		return nil, err
	case info.SizeBytes != p.Bytes:
		d.Reason = fmt.Sprintf("%d bytes, want %d", info.SizeBytes, p.Bytes)
	default:
		return nil, nil
	}
	return d, nil
}
