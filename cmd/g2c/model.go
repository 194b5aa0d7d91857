package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/s3store"
	"g2c/checkpoint/safetensors"
	"g2c/experiments/record"
	"g2c/internal/fault"
)

// storedModel is a model found in a store.
type storedModel struct {
	repo     *checkpoint.Repo
	manifest checkpoint.Manifest
	task     api.Task      // a pretraining or a fine-tuning
	judged   *api.Evaluate // the evaluation that stands for it, if one does
}

// modelHelp explains MODEL.
const modelHelp = `MODEL is a task's key or the beginning of one, or its name or parts of it that mean one
finished model (PAS_ALL+, gs-vs-nongs/PAS_ALL+/b3/s1, RUN/...), in --store; a store (a directory or
s3://BUCKET/PREFIX) that holds one such model; or the path of a manifest. An evaluation stands for its model.`

// findModel finds what MODEL means among models of some kinds.
func findModel(ctx context.Context, storeDir, model string, kinds ...api.Kind) (*storedModel, error) {
	if s3store.Is(model) {
		return modelOfBucket(ctx, model, kinds)
	}
	if err := knownScheme(model); err != nil {
		return nil, err
	}
	info, err := os.Stat(model)
	switch {
	case err == nil && info.IsDir():
		return modelOfStore(ctx, model, kinds)
	case err == nil:
		return modelOfManifest(ctx, model, kinds)
	}
	s, err := openRead(ctx, storeDir)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", model, err)
	}
	repo := checkpoint.New(s)
	found, err := modelOfText(ctx, repo, model, kinds)
	if err != nil {
		return nil, fmt.Errorf("model %s in store %s: %w", model, storeDir, err)
	}
	return found, nil
}

// modelOfText finds a model by the beginning of its key, or else by its name.
func modelOfText(ctx context.Context, repo *checkpoint.Repo, text string, kinds []api.Kind) (*storedModel, error) {
	key, err := repo.Find(ctx, text)
	if err == nil {
		return modelOfKey(ctx, repo, key, kinds)
	}
	if !errors.Is(err, fault.ErrNotFound) {
		return nil, err
	}
	named, e := record.Find(ctx, repo.Store(), text)
	if e != nil {
		return nil, e
	}
	var finished []record.Named
	unfinished := 0
	for _, n := range named {
		if !slices.Contains(kinds, n.Kind) {
			continue
		}
		m, _, err := repo.Final(ctx, n.Key.String(), checkpoint.Present)
		if err != nil {
			return nil, err
		}
		if m == nil {
			unfinished++
			continue
		}
		finished = append(finished, n)
	}
	switch {
	case len(finished) == 1:
		return modelOfKey(ctx, repo, finished[0].Key.String(), kinds)
	case len(finished) > 1:
		return nil, fault.New(fault.ErrSpec, "%d finished models have that name: %s", len(finished), someNames(finished)).WithHint("give more of the name, or a key")
	case unfinished > 0:
		return nil, fault.New(fault.ErrNotFound, "no task of that name is finished").WithHint("`g2c run` goes on with it")
	case len(named) > 0:
		return nil, fault.New(fault.ErrSpec, "%s is a %s, and a %s is wanted", named[0].Name, named[0].Kind, joined(kinds)).WithHint("`g2c ls` lists what runs there are")
	}
	return nil, fault.New(fault.ErrNotFound, "no task is called so, and no key begins so").WithHint("`g2c ls` lists what runs there are, `g2c ckpt ls` the keys")
}

// someNames are the first of some tasks' names, with their keys.
func someNames(all []record.Named) string {
	var out []string
	for _, n := range all[:min(len(all), 6)] {
		out = append(out, fmt.Sprintf("%s (%s)", n.Name, n.Key.Short()))
	}
	if len(all) > len(out) {
		out = append(out, "...")
	}
	return strings.Join(out, ", ")
}

// modelOfKey takes a finished task, or the model of a finished evaluation.
func modelOfKey(ctx context.Context, repo *checkpoint.Repo, key string, kinds []api.Kind) (*storedModel, error) {
	m, damage, err := repo.Final(ctx, key, checkpoint.Present)
	if err != nil {
		return nil, err
	}
	if m == nil && len(damage) > 0 {
		return nil, fault.New(fault.ErrData, "%s", damage[0]).WithHint("`g2c ckpt verify` lists all damage; `g2c run` makes again what is missing")
	}
	if m == nil {
		return nil, fault.New(fault.ErrNotFound, "task %.12s is not finished", key).WithHint("`g2c run` goes on with it; a manifest's path takes an earlier checkpoint")
	}
	return modelOf(ctx, repo, *m, kinds)
}

// modelOf reads the task of a manifest.
func modelOf(ctx context.Context, repo *checkpoint.Repo, m checkpoint.Manifest, kinds []api.Kind) (*storedModel, error) {
	found := &storedModel{repo: repo, manifest: m}
	if err := json.Unmarshal(m.Description, &found.task); err != nil {
		return nil, fault.New(fault.ErrData, "description of %s: %w", m.Key(), err)
	}
	if err := found.task.Validate(); err != nil {
		return nil, fault.New(fault.ErrData, "description of %s: %w", m.Key(), err)
	}
	if e := found.task.Evaluate; e != nil {
		model, err := modelOfKey(ctx, repo, found.task.Inputs()[0].String(), kinds)
		if err == nil {
			model.judged = e
		}
		return model, err
	}
	if !slices.Contains(kinds, found.task.Kind) {
		return nil, fault.New(fault.ErrSpec, "%s is a %s, and a %s is wanted", found, found.task.Kind, joined(kinds)).
			WithHint("`g2c ckpt ls` lists what a store holds")
	}
	return found, nil
}

func joined(kinds []api.Kind) string {
	var names []string
	for _, k := range kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, " or a ")
}

// modelOfManifest takes a manifest by its path in a store: manifests/KEY/STEP.json.
func modelOfManifest(ctx context.Context, path string, kinds []api.Kind) (*storedModel, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read manifest: %w", err)
	}
	m, err := checkpoint.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "file %s: %w", path, err)
	}
	root, inStore := strings.CutSuffix(filepath.ToSlash(full), "/"+m.Key())
	if !inStore {
		return nil, fault.New(fault.ErrNotFound, "manifest %s lies outside a store, so its payloads cannot be found", path).
			WithHint("give its path inside the store, which ends in %s", m.Key())
	}
	s, err := openRead(ctx, filepath.FromSlash(root))
	if err != nil {
		return nil, err
	}
	return modelOf(ctx, checkpoint.New(s), m, kinds)
}

// modelOfBucket takes the only model of a bucket, or that of a manifest in it.
func modelOfBucket(ctx context.Context, name string, kinds []api.Kind) (*storedModel, error) {
	path, options, _ := strings.Cut(name, "?")
	root, rest, ok := strings.Cut(path, "/manifests/")
	task, file, both := strings.Cut(rest, "/")
	step, err := strconv.ParseInt(strings.TrimSuffix(file, ".json"), 10, 64)
	if !ok || !both || err != nil {
		return modelOfStore(ctx, name, kinds)
	}
	if options != "" {
		root += "?" + options
	}
	s, err := openRead(ctx, root)
	if err != nil {
		return nil, err
	}
	repo := checkpoint.New(s)
	m, err := repo.Manifest(ctx, task, step)
	if err != nil {
		return nil, err
	}
	return modelOf(ctx, repo, m, kinds)
}

// modelOfStore takes the only model of the kinds that a store holds.
func modelOfStore(ctx context.Context, dir string, kinds []api.Kind) (*storedModel, error) {
	s, err := openRead(ctx, dir)
	if err != nil {
		return nil, err
	}
	repo := checkpoint.New(s)
	tasks, _, err := repo.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	var found []*storedModel
	for _, t := range tasks {
		if !t.Final || !slices.Contains(kinds, api.Kind(t.Kind)) {
			continue
		}
		m, err := modelOfKey(ctx, repo, t.Key, kinds)
		if err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	switch len(found) {
	case 0:
		return nil, fault.New(fault.ErrNotFound, "store %s holds no finished %s", dir, joined(kinds)).WithHint("`g2c ckpt ls %s` lists what it holds", dir)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, m := range found {
		names = append(names, m.String())
	}
	return nil, fault.New(fault.ErrSpec, "store %s holds %d models: %s", dir, len(found), strings.Join(names, "; ")).
		WithHint("give one by its key, with --store %s", dir)
}

// String is the model for people: the beginning of its key, and what it is.
func (m *storedModel) String() string {
	key := m.manifest.Task[:12]
	if p, ok := m.task.Translator(); ok {
		return fmt.Sprintf("%s (%s to %s, %s, seed %d)", key, p.Source, p.Stain, shapeWords(p.Generator), p.Seed)
	}
	if f := m.task.Finetune; f != nil {
		return fmt.Sprintf("%s (%s against %s on %s, seed %d)", key, f.PositiveName, f.NegativeName, strings.Join(append([]string{f.Source}, f.Stains...), "+"), f.Seed)
	}
	return key
}

// shapeWords is a generator's shape for people.
func shapeWords(g api.Generator) string {
	words := fmt.Sprintf("width %d, %d blocks", g.Width, g.Blocks)
	if g.Up != api.UpK4 {
		words += ", up by " + g.Up
	}
	return words
}

// classes are what a classifier's classes are called, the positive one first: as the
// evaluation that stands for it says, or those of the store that judge it. Where they
// disagree the labels of the data stand for the classes.
func (m *storedModel) classes(ctx context.Context) ([2]string, error) {
	f := m.task.Finetune
	own := [2]string{f.PositiveName, f.NegativeName}
	if m.judged != nil {
		return m.judged.ClassNames(), nil
	}
	tasks, _, err := m.repo.Tasks(ctx)
	if err != nil {
		return own, err
	}
	var names [][2]string
	for _, t := range tasks {
		if api.Kind(t.Kind) != api.KindEvaluate || !t.Final {
			continue
		}
		var task api.Task
		if json.Unmarshal(t.Manifests[len(t.Manifests)-1].Description, &task) != nil || task.Validate() != nil {
			continue // damaged, and no matter here
		}
		if n := task.Evaluate.ClassNames(); task.Inputs()[0].String() == m.manifest.Task && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if len(names) == 1 {
		return names[0], nil
	}
	if len(names) > 1 {
		say("note: the evaluations of model %s call its classes differently; here they are called by their labels. The key of an evaluation chooses its names", m)
	}
	return own, nil
}

// weights reads the model's weights, verified. Weights that are not all finite are
// refused: whatever they would make is worth nothing.
func (m *storedModel) weights(ctx context.Context) ([]byte, *safetensors.File, error) {
	data, err := m.repo.Payload(ctx, m.manifest, checkpoint.Weights)
	if err != nil {
		return nil, nil, err
	}
	f, err := safetensors.Decode(data)
	if err == nil {
		err = safetensors.CheckFinite(f.Tensors)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("weights of model %s: %w", m, err)
	}
	return data, f, nil
}
