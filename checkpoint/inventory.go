package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"g2c/internal/fault"
)

// Task is what a store holds of one task.
type Task struct {
	Key       string
	Kind      Kind
	Class     string
	Manifests []Manifest // those that could be read, by step
	Final     bool
	Bytes     int64 // of the distinct objects named; tasks can share objects
}

// Tasks lists every task of the store by key, and the manifests that could not
// be read. Payloads are not looked at.
func (r *Repo) Tasks(ctx context.Context) ([]Task, []Damage, error) {
	infos, err := r.manifests(ctx, "")
	if err != nil {
		return nil, nil, fmt.Errorf("list tasks: %w", err)
	}
	var (
		tasks   []Task
		damages []Damage
	)
	read, err := r.readMany(ctx, infos)
	if err != nil {
		return nil, nil, fmt.Errorf("list tasks: %w", err)
	}
	for i, info := range infos { // sorted: the manifests of a task are together
		m, damage := read[i].manifest, read[i].damage
		key, _, _ := parseManifestKey(info.Key)
		if len(tasks) == 0 || tasks[len(tasks)-1].Key != key {
			tasks = append(tasks, Task{Key: key})
		}
		if damage != nil {
			damages = append(damages, *damage)
			continue
		}
		t := &tasks[len(tasks)-1]
		t.Kind, t.Class, t.Final = m.Kind, m.Class, t.Final || m.Final
		t.Manifests = append(t.Manifests, m)
	}
	for i := range tasks {
		tasks[i].Bytes = distinctBytes(tasks[i].Manifests)
	}
	return tasks, damages, nil
}

func distinctBytes(manifests []Manifest) int64 {
	sizes := map[string]int64{}
	for _, m := range manifests {
		for _, p := range m.Payloads {
			sizes[p.SHA256] = p.Bytes
		}
	}
	var total int64
	for _, n := range sizes {
		total += n
	}
	return total
}

// Find is the key of the one task whose key begins with prefix. No such task
// is fault.ErrNotFound; more than one is fault.ErrSpec.
func (r *Repo) Find(ctx context.Context, prefix string) (string, error) {
	if prefix == "" || strings.Trim(prefix, "0123456789abcdef") != "" {
		return "", fault.New(fault.ErrNotFound, "%q is not the beginning of a task key", prefix).WithHint("`g2c ckpt ls` lists them")
	}
	infos, err := r.store.List(ctx, manifestPrefix+prefix)
	if err != nil {
		return "", fmt.Errorf("find task %s: %w", prefix, err)
	}
	found := map[string]bool{}
	for _, info := range infos {
		if task, _, ok := parseManifestKey(info.Key); ok {
			found[task] = true
		}
	}
	keys := slices.Sorted(maps.Keys(found))
	switch len(keys) {
	case 0:
		return "", fault.New(fault.ErrNotFound, "no task in the store has a key that begins with %s", prefix).WithHint("`g2c ckpt ls` lists them")
	case 1:
		return keys[0], nil
	}
	return "", fault.New(fault.ErrSpec, "%d tasks have keys that begin with %s, %s and %s among them", len(keys), prefix, keys[0], keys[1]).
		WithHint("give more digits")
}

// Audit is what Verify found.
type Audit struct {
	Manifests int
	Objects   int
	Bytes     int64 // read and hashed
	Damages   []Damage
	Unnamed   []string // whole objects that no manifest names
	Strays    []string // keys among objects and manifests that are neither
}

// Verify reads every manifest and every object, each once. progress, which may
// be nil, is told of each object as it begins.
func (r *Repo) Verify(ctx context.Context, progress func(key string)) (Audit, error) {
	var a Audit
	checked := map[string]*Damage{} // object -> what is wrong with it, nil for nothing
	infos, err := r.store.List(ctx, manifestPrefix)
	if err != nil {
		return a, fmt.Errorf("verify: %w", err)
	}
	for _, info := range infos {
		if _, _, ok := parseManifestKey(info.Key); !ok {
			a.Strays = append(a.Strays, info.Key)
			continue
		}
		if err := r.auditManifest(ctx, &a, info.Key, checked, progress); err != nil {
			return a, fmt.Errorf("verify: %w", err)
		}
	}
	return a, r.auditObjects(ctx, &a, checked, progress)
}

func (r *Repo) auditManifest(ctx context.Context, a *Audit, key string, checked map[string]*Damage, progress func(string)) error {
	a.Manifests++
	m, damage, err := r.readManifest(ctx, key)
	if err != nil {
		return err
	}
	if damage != nil {
		a.Damages = append(a.Damages, *damage)
		return nil
	}
	for _, name := range m.PayloadNames() {
		p := m.Payloads[name]
		damage, done := checked[p.Key()]
		if !done {
			if progress != nil {
				progress(p.Key())
			}
			if damage, err = r.verify(ctx, m, name, io.Discard); err != nil {
				return err
			}
			checked[p.Key()] = damage
			a.Objects++
			a.Bytes += p.Bytes
		}
		if damage != nil {
			again := *damage // the same object as this manifest names it
			again.Manifest, again.Payload = m.Key(), name
			a.Damages = append(a.Damages, again)
		}
	}
	return nil
}

// auditObjects checks the objects that no manifest names against their names.
func (r *Repo) auditObjects(ctx context.Context, a *Audit, checked map[string]*Damage, progress func(string)) error {
	infos, err := r.store.List(ctx, objectPrefix)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for _, info := range infos {
		want := info.Key[len(objectPrefix):]
		if _, done := checked[info.Key]; done {
			continue
		}
		if !isHash(want) {
			a.Strays = append(a.Strays, info.Key)
			continue
		}
		if progress != nil {
			progress(info.Key)
		}
		got, n, err := r.hashObject(ctx, info.Key)
		if isAbsent(err) {
			continue // deleted since it was listed
		}
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		a.Objects++
		a.Bytes += n
		if got == want {
			a.Unnamed = append(a.Unnamed, info.Key)
		} else {
			a.Damages = append(a.Damages, Damage{Key: info.Key, Reason: "its SHA-256 is " + got})
		}
	}
	return nil
}

func (r *Repo) hashObject(ctx context.Context, key string) (sum string, bytes int64, err error) {
	body, err := r.store.Get(ctx, key)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	n, err := io.Copy(h, contextReader{ctx, body})
	if err := errors.Join(err, body.Close()); err != nil {
		return "", 0, readFailed(key, err)
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}
