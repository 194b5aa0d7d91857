package main

import (
	"bytes"
	"context"
	"os"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/store"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
)

// resolveKey finds a pretrained generator: a folder or manifest, or a finished
// pretraining by a prefix of its key, or by its name.
func resolveKey(ctx context.Context, repo *checkpoint.Repo, model string) (api.Key, error) {
	m, err := readyGenerator(ctx, repo, model)
	if err != nil {
		return api.Key{}, err
	}
	return m.task.Key(), nil
}

// generatorKinds are the kinds of tasks that train a generator alone.
var generatorKinds = []api.Kind{api.KindPretrain, api.KindPaired}

func readyGenerator(ctx context.Context, repo *checkpoint.Repo, model string) (*storedModel, error) {
	if _, err := os.Stat(model); err == nil {
		return findModel(ctx, "", model, generatorKinds...)
	}
	if repo == nil {
		return nil, fault.New(fault.ErrNotFound, "there is no store to find model %s in, and no file of that name", model)
	}
	return modelOfText(ctx, repo, model, generatorKinds)
}

// bringModels copies pretrained generators that lie elsewhere into the experiment's
// store, so that it holds all that its tasks read, and refuses those of another
// shape than the spec's.
func (e *experiment) bringModels(ctx context.Context, repo *checkpoint.Repo) error {
	done := map[api.Key]bool{}
	for _, item := range e.plan.Items {
		if item.Task.Kind != api.KindFinetune {
			continue
		}
		for _, g := range item.Where.Generators {
			if done[g.Key] {
				continue
			}
			done[g.Key] = true
			m, err := readyGenerator(ctx, repo, g.Model)
			if err != nil {
				return err
			}
			if err := fitsSpec(m, item, g.Stain); err != nil {
				return err
			}
			if m.repo == repo {
				continue
			}
			if err := copyModel(ctx, repo, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func fitsSpec(m *storedModel, item *sweep.Item, stain string) error {
	trained, _ := m.task.Translator() // which a ready generator is
	got, want := trained.Generator, *item.Task.Finetune.Generator
	if got == want {
		return nil
	}
	return fault.New(fault.ErrSpec, "generators.%s: model %s has %s; the spec's model.generator has %s", stain, m, shapeWords(got), shapeWords(want)).
		WithHint("set model.generator to the model's")
}

// copyModel saves a model's manifest and payloads again, in another store.
func copyModel(ctx context.Context, to *checkpoint.Repo, m *storedModel) error {
	payloads := map[string]store.Body{}
	for _, name := range m.manifest.PayloadNames() {
		data, err := m.repo.Payload(ctx, m.manifest, name)
		if err != nil {
			return err
		}
		payloads[name] = bytes.NewReader(data)
	}
	_, err := to.Save(ctx, checkpoint.Snapshot{
		Kind: m.manifest.Kind, Task: m.manifest.Task, Class: m.manifest.Class, Step: m.manifest.Step, Epoch: m.manifest.Epoch,
		Final: m.manifest.Final, Description: m.manifest.Description, Payloads: payloads,
	})
	return err
}
