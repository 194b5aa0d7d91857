package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/experiments/datasource"
	"g2c/experiments/spec"
	"g2c/experiments/specs"
	"g2c/experiments/sweep"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// experiment is a spec read and expanded.
type experiment struct {
	name string // as the user gave it
	file *spec.File
	plan *sweep.Plan
	data *datasource.Opener
	// notes are what the data's readers must know.
	notes []string
}

// experimentFlags are the flags that decide what an experiment is.
type experimentFlags struct {
	store, device, only, cache string
	sets                       []string
	skipBad                    bool
}

// readSpec reads a spec from a file, or an embedded one by its name.
func readSpec(name string, sets []string) (*spec.File, error) {
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) && filepath.Base(name) == name {
		if embedded, ok := specs.Lookup(name); ok {
			return spec.Parse(name, embedded, sets...)
		}
	}
	if os.IsNotExist(err) {
		return nil, fault.New(fault.ErrNotFound, "there is no spec %s", name).WithHint("built in are %s", strings.Join(specs.Names(), ", "))
	}
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read spec: %w", err)
	}
	return spec.Parse(name, text, sets...)
}

// storePath is the store's directory: the flag's, or the spec's.
func (f *experimentFlags) storePath(file *spec.File) string {
	if f.store != "" {
		return f.store
	}
	return file.Spec.Store
}

// cacheDir is where decoded pixels are kept; empty where the machine has no place
// for it.
func (f *experimentFlags) cacheDir() string {
	if f.cache != "" {
		return f.cache
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "g2c", "pixels")
}

// openStore opens a directory store for writing.
func openStore(path string) (*filestore.Store, error) {
	if strings.HasPrefix(path, "s3://") {
		return nil, fault.New(fault.ErrUnavailable, "this build keeps stores in directories only, not in %s", path)
	}
	return filestore.Open(path)
}

// expand reads a spec and opens its data to know what it is.
func (f *experimentFlags) expand(ctx context.Context, name, class string, repo *checkpoint.Repo) (*experiment, error) {
	file, err := readSpec(name, f.sets)
	if err != nil {
		return nil, err
	}
	e := &experiment{name: name, file: file}
	e.data = &datasource.Opener{CacheDir: f.cacheDir(), SkipBad: f.skipBad, Opened: e.opened}
	e.plan, err = sweep.Expand(file, sweep.Options{
		Numerics:    class,
		Fingerprint: func(d api.DataSet) (api.Key, error) { return e.data.Fingerprint(ctx, d) },
		Resolve:     func(model string) (api.Key, error) { return resolveKey(ctx, repo, model) },
	})
	if err != nil {
		return nil, err
	}
	if f.only != "" {
		if e.plan, err = e.plan.Only(f.only); err != nil {
			return nil, err
		}
	}
	return e, e.checkSplits(ctx)
}

// opened notes what reading a set found.
func (e *experiment) opened(what string, r *dataset.Report) {
	for _, n := range r.Notes() {
		e.notes = append(e.notes, what+": "+n)
	}
}

// checkSplits opens the labelled images of each evaluation with all their splits,
// so that a leak between them is found before anything is trained.
func (e *experiment) checkSplits(ctx context.Context) error {
	for _, item := range e.plan.Items {
		if item.Task.Kind != api.KindEvaluate {
			continue
		}
		m := &item.Task.Evaluate.Model
		where := item.Where
		where.Generators = nil
		if _, err := e.data.Labelled(ctx, api.DataSet{Part: api.PartTest, Side: m.Size, Fit: m.Fit, Labels: m.Labels(), Where: where}); err != nil {
			return err
		}
	}
	return nil
}

// resolveKey finds a finished task by a prefix of its key.
func resolveKey(ctx context.Context, repo *checkpoint.Repo, model string) (api.Key, error) {
	if repo == nil {
		return api.Key{}, fault.New(fault.ErrNotFound, "there is no store to find model %s in", model)
	}
	key, err := repo.Find(ctx, model)
	if err != nil {
		return api.Key{}, err
	}
	return api.ParseKey(key)
}
