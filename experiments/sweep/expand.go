package sweep

import (
	"encoding/json"
	"fmt"
	"slices"

	"g2c/api"
	"g2c/experiments/spec"
	"g2c/internal/fault"
)

// Options are what an expansion needs from outside the spec.
type Options struct {
	// Numerics is the class of the chosen device.
	Numerics string
	// Fingerprint hashes a part of the data (spec.md, Data fingerprint). It is
	// called once for equal parts.
	Fingerprint func(api.DataSet) (api.Key, error)
	// Resolve finds the key of a MODEL that `generators` names. It may be nil
	// if all are written as whole keys.
	Resolve func(model string) (api.Key, error)
}

// Expand makes the plan of a spec.
func Expand(f *spec.File, o Options) (*Plan, error) {
	if err := api.CheckNumerics(o.Numerics); err != nil {
		return nil, fault.New(fault.ErrSpec, "%w", err)
	}
	if err := f.CheckClass(o.Numerics, api.HasBF16(o.Numerics)); err != nil {
		return nil, err
	}
	e := &expansion{
		Options: o,
		plan: &Plan{
			Experiment: f.Spec.Metadata.Name, SpecHash: f.Hash(), Numerics: o.Numerics,
			byKey: map[api.Key]*Item{},
		},
		prints: map[string]api.Key{},
	}
	for i := range f.Variants {
		if err := e.variant(&f.Variants[i]); err != nil {
			return nil, err
		}
	}
	return e.plan, e.nameAll()
}

// expansion is a plan being made.
type expansion struct {
	Options
	plan     *Plan
	requests []request
	prints   map[string]api.Key // fingerprints, by the JSON of the question
}

// request is a variant asking for an item.
type request struct {
	item    *Item
	variant *spec.Variant
	use     Use // with the base name
}

func (e *expansion) variant(v *spec.Variant) error {
	generators, models, err := e.generators(v)
	if err != nil {
		return err
	}
	evaluations := map[string]api.Key{} // of this variant, by task
	for _, t := range givenFirst(v.Spec.Tasks) {
		model, err := e.finetune(v, t, generators, models)
		if err != nil {
			return err
		}
		evaluations[t.Name], err = e.evaluate(v, t, model, models, evaluations[t.Given])
		if err != nil {
			return err
		}
	}
	return nil
}

// givenFirst orders tasks so that each follows the one it is given; otherwise
// they keep their order. The spec was checked for circles.
func givenFirst(tasks []spec.Task) []*spec.Task {
	var out []*spec.Task
	var add func(t *spec.Task)
	add = func(t *spec.Task) {
		if slices.Contains(out, t) {
			return
		}
		if i := slices.IndexFunc(tasks, func(o spec.Task) bool { return o.Name == t.Given }); i >= 0 {
			add(&tasks[i])
		}
		out = append(out, t)
	}
	for i := range tasks {
		add(&tasks[i])
	}
	return out
}

// generators are the keys of a variant's generators in the order of its stains:
// ready ones are resolved, others requested.
func (e *expansion) generators(v *spec.Variant) ([]api.Key, []api.StainModel, error) {
	keys := []api.Key{}
	var models []api.StainModel
	for _, stain := range v.Stains {
		model, ready := v.Spec.Generators[stain]
		if !ready {
			key, err := e.pretrain(v, stain)
			if err != nil {
				return nil, nil, err
			}
			keys = append(keys, key)
			continue
		}
		key, err := e.resolve(model)
		if err != nil {
			return nil, nil, fmt.Errorf("generators.%s: %w", stain, err)
		}
		keys = append(keys, key)
		models = append(models, api.StainModel{Stain: stain, Model: model, Key: key})
	}
	return keys, models, nil
}

func (e *expansion) resolve(model string) (api.Key, error) {
	if key, err := api.ParseKey(model); err == nil {
		return key, nil
	}
	if e.Resolve == nil {
		return api.Key{}, fault.New(fault.ErrNotFound, "there is no model %s", model).WithHint("`g2c ckpt ls` lists the store's")
	}
	return e.Resolve(model)
}

func (e *expansion) pretrain(v *spec.Variant, stain string) (api.Key, error) {
	s := &v.Spec
	where := pairWhere(s, stain)
	print, err := e.fingerprint(api.DataSet{
		Part: api.PartUnlabelled, Stain: stain, Side: api.LoadSide(s.Data.Size, s.Pretrain.Load), Fit: s.Data.Fit, Where: where,
	})
	if err != nil {
		return api.Key{}, err
	}
	work := api.Work{Task: api.PretrainTask(e.Numerics, normalPretrain(s, stain, print)), Where: where, Gang: api.Gang{Min: 1, Max: 1}}
	g := s.Model.Generator
	return e.request(v, work, Use{
		Name:   fmt.Sprintf("pretrain/%s/w%d/b%d/s%d", stain, g.Width, g.Blocks, s.Seed),
		Stains: []string{stain}, Width: g.Width, Blocks: g.Blocks, Seed: s.Seed,
	})
}

func (e *expansion) finetune(v *spec.Variant, t *spec.Task, generators []api.Key, models []api.StainModel) (api.Finetune, error) {
	s := &v.Spec
	where := labelledWhere(s, api.PartTraining)
	print, err := e.fingerprint(api.DataSet{
		Part: api.PartTraining, Side: s.Data.Size, Fit: s.Data.Fit, Labels: labels(t), Where: where,
	})
	if err != nil {
		return api.Finetune{}, err
	}
	body := normalFinetune(v, t, generators, print)
	where.Generators = models
	work := api.Work{Task: api.FinetuneTask(e.Numerics, body), Where: where, Gang: gang(s)}
	_, err = e.request(v, work, taskUse(api.KindFinetune, v, t))
	return body, err
}

func (e *expansion) evaluate(v *spec.Variant, t *spec.Task, model api.Finetune, models []api.StainModel, given api.Key) (api.Key, error) {
	s := &v.Spec
	print, err := e.fingerprint(api.DataSet{
		Part: api.PartTest, Side: s.Data.Size, Fit: s.Data.Fit, Labels: labels(t), Where: labelledWhere(s, api.PartTest),
	})
	if err != nil {
		return api.Key{}, err
	}
	where := labelledWhere(s, api.PartTraining, api.PartTest)
	where.Generators = models
	body := api.Evaluate{Model: model, Given: given, Data: print}
	work := api.Work{Task: api.EvaluateTask(e.Numerics, body), Where: where, Gang: api.Gang{Min: 1, Max: 1}}
	return e.request(v, work, taskUse(api.KindEvaluate, v, t))
}

func taskUse(kind api.Kind, v *spec.Variant, t *spec.Task) Use {
	g := v.Spec.Model.Generator
	return Use{
		Name: fmt.Sprintf("%s/%s/%s/b%d/s%d", kind, t.Name, v.Arm, g.Blocks, v.Spec.Seed),
		Task: t.Name, Arm: v.Arm, Stains: v.Stains, Width: g.Width, Blocks: g.Blocks, Seed: v.Spec.Seed,
	}
}

// request adds a task to the plan, or finds the one of equal key.
func (e *expansion) request(v *spec.Variant, work api.Work, use Use) (api.Key, error) {
	if err := work.Task.Validate(); err != nil {
		return api.Key{}, fault.New(fault.ErrSpec, "%s: %w", use.Name, err)
	}
	s := &v.Spec
	work.Key = work.Task.Key()
	work.Checkpoint = api.Checkpoint{
		EveryEpochs: s.Checkpoint.Every.Epochs, EverySteps: s.Checkpoint.Every.Steps,
		Keep: s.Checkpoint.Keep, KeepBest: s.Checkpoint.KeepBest,
	}
	work.Priority, work.Project, work.Experiment = s.Metadata.Priority, s.Metadata.Project, s.Metadata.Name
	item := e.plan.byKey[work.Key]
	if item == nil {
		item = &Item{Work: work}
		e.plan.byKey[work.Key] = item
		e.plan.Items = append(e.plan.Items, item)
	}
	item.Requests++
	e.requests = append(e.requests, request{item, v, use})
	return work.Key, nil
}

func (e *expansion) fingerprint(d api.DataSet) (api.Key, error) {
	question, err := json.Marshal(d)
	if err != nil {
		return api.Key{}, fmt.Errorf("data set: %w", err)
	}
	if key, ok := e.prints[string(question)]; ok {
		return key, nil
	}
	key, err := e.Fingerprint(d)
	if err == nil {
		e.prints[string(question)] = key
	}
	return key, err
}
