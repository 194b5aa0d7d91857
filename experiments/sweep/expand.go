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
	e, err := begin(f, o)
	if err != nil {
		return nil, err
	}
	if err := e.variants(f); err != nil {
		return nil, err
	}
	return e.end(f)
}

// begin is an expansion without tasks.
func begin(f *spec.File, o Options) (*expansion, error) {
	if err := api.CheckNumerics(o.Numerics); err != nil {
		return nil, fault.New(fault.ErrSpec, "%w", err)
	}
	if err := f.CheckClass(o.Numerics, api.HasBF16(o.Numerics)); err != nil {
		return nil, err
	}
	return &expansion{
		Options: o,
		plan: &Plan{
			Experiment: f.Spec.Metadata.Name, SpecHash: f.Hash(), Numerics: o.Numerics,
			Labels: f.Spec.Metadata.Labels, Cost: costOf(&f.Spec), Comparisons: f.Spec.Comparisons,
			byKey: map[api.Key]*Item{},
		},
		prints: map[string]api.Key{},
	}, nil
}

// variants requests what the arms ask for.
func (e *expansion) variants(f *spec.File) error {
	for i := range f.Variants {
		if err := e.variant(&f.Variants[i]); err != nil {
			return err
		}
	}
	return nil
}

// end gives the tasks names.
func (e *expansion) end(f *spec.File) (*Plan, error) {
	if err := e.nameAll(); err != nil {
		return nil, err
	}
	e.plan.Notes = e.notes(f)
	return e.plan, nil
}

// expansion is a plan being made.
type expansion struct {
	Options
	plan     *Plan
	requests []request
	prints   map[string]api.Key // fingerprints, by the JSON of the question
	differ   []*Item            // asked for with different gangs, checkpoints or watchdogs
}

// request is a variant asking for an item.
type request struct {
	item    *Item
	variant *spec.Variant
	task    *spec.Task // nil of a pretraining, and of a stain
	fold    int        // 0 for none
	trial   bool       // of a search, not of an arm
	longer  int        // epochs of a fine-tuning that goes on from this one; 0 for none
	use     Use        // with the base name
}

func (e *expansion) variant(v *spec.Variant) error {
	generators, models, err := e.generators(v)
	if err != nil {
		return err
	}
	for _, fold := range folds(&v.Spec) {
		if err := e.fold(v, fold, generators, models); err != nil {
			return err
		}
	}
	return nil
}

// folds are the folds of a spec, each a training and an evaluation of its own; 0 alone
// where the spec has none.
func folds(s *spec.Spec) []int {
	if s.Data.Labelled.Folds == 0 {
		return []int{0}
	}
	var out []int
	for i := range s.Data.Labelled.Folds {
		out = append(out, i+1)
	}
	return out
}

// fold requests the fine-tunings and evaluations of one fold of a variant.
func (e *expansion) fold(v *spec.Variant, fold int, generators []api.Key, models []api.StainModel) error {
	evaluations := map[string]api.Key{} // by task
	for _, t := range givenFirst(v.Spec.Tasks) {
		r := request{variant: v, task: t, fold: fold}
		model, err := e.finetune(r, generators, models)
		if err != nil {
			return err
		}
		evaluations[t.Name], err = e.evaluate(r, model, models, evaluations[t.Given])
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
		ready, ok := v.Spec.Generators[stain]
		if !ok || ready.Method != "" {
			request := e.pretrain
			switch {
			case ok:
				request = e.stain
			case v.Spec.Data.Paired[stain] != nil:
				request = e.paired
			}
			key, err := request(v, stain)
			if err != nil {
				return nil, nil, err
			}
			keys = append(keys, key)
			continue
		}
		key, err := e.resolve(ready.Model)
		if err != nil {
			return nil, nil, fmt.Errorf("generators.%s: %w", stain, err)
		}
		keys = append(keys, key)
		models = append(models, api.StainModel{Stain: stain, Model: ready.Model, Key: key})
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
	print, err := e.fingerprint(api.Pair(s.Data.View, stain, s.Pretrain.Load, where))
	if err != nil {
		return api.Key{}, err
	}
	body := normalPretrain(s, stain, print)
	if body.Normaliser, err = e.normaliser(v); err != nil {
		return api.Key{}, err
	}
	work := api.Work{Task: api.PretrainTask(e.Numerics, body), Where: where, Gang: api.Gang{Min: 1, Max: 1}}
	return e.request(request{variant: v}, work, generatorUse(api.KindPretrain, s, stain))
}

// paired requests the training of a generator on pairs, in place of a pretraining.
func (e *expansion) paired(v *spec.Variant, stain string) (api.Key, error) {
	s := &v.Spec
	where := pairedWhere(s, stain)
	print, err := e.fingerprint(api.Pairs(s.Data.View, stain, s.Pretrain.Load, where))
	if err != nil {
		return api.Key{}, err
	}
	work := api.Work{Task: api.PairedTask(e.Numerics, normalPaired(s, stain, print)), Where: where, Gang: api.Gang{Min: 1, Max: 1}}
	return e.request(request{variant: v}, work, generatorUse(api.KindPaired, s, stain))
}

// generatorUse is what a task that trains a generator is called, but for the options.
func generatorUse(kind api.Kind, s *spec.Spec, stain string) Use {
	g := s.Model.Generator
	return Use{
		Name:   fmt.Sprintf("%s/%s/w%d/b%d/s%d", kind, stain, g.Width, g.Blocks, s.Seed),
		Stains: []string{stain}, Width: g.Width, Blocks: g.Blocks, Seed: s.Seed,
	}
}

func (e *expansion) finetune(r request, generators []api.Key, models []api.StainModel) (api.Finetune, error) {
	s := &r.variant.Spec
	where := labelledWhere(s, r.fold, api.PartTraining)
	print, err := e.fingerprint(api.DataSet{
		Part: api.PartTraining, Side: s.Data.Size, Fit: s.Data.Fit, Labels: labels(r.task), Where: where,
	})
	if err != nil {
		return api.Finetune{}, err
	}
	body := normalFinetune(r.variant, r.task, generators, print)
	if body.Normaliser, err = e.normaliser(r.variant); err != nil {
		return api.Finetune{}, err
	}
	where.Generators = models
	work := api.Work{Task: api.FinetuneTask(e.Numerics, body), Where: where, Gang: gang(s, &body)}
	_, err = e.request(r, work, r.named(api.KindFinetune))
	return body, err
}

func (e *expansion) evaluate(r request, model api.Finetune, models []api.StainModel, given api.Key) (api.Key, error) {
	s := &r.variant.Spec
	print, err := e.fingerprint(api.DataSet{
		Part: api.PartTest, Side: s.Data.Size, Fit: s.Data.Fit, Labels: labels(r.task), Where: labelledWhere(s, r.fold, api.PartTest),
	})
	if err != nil {
		return api.Key{}, err
	}
	where := labelledWhere(s, r.fold, api.PartTraining, api.PartTest)
	where.Generators = models
	body := normalEvaluate(r.task, model, given, print)
	work := api.Work{Task: api.EvaluateTask(e.Numerics, body), Where: where, Gang: api.Gang{Min: 1, Max: 1}}
	return e.request(r, work, r.named(api.KindEvaluate))
}

// named is what a request calls its fine-tuning or evaluation, but for the options.
func (r *request) named(kind api.Kind) Use {
	v := r.variant
	g := v.Spec.Model.Generator
	return Use{
		Name: fmt.Sprintf("%s/%s/%s/b%d/s%d", kind, r.task.Name, v.Arm, g.Blocks, v.Spec.Seed),
		Task: r.task.Name, Arm: v.Arm, Trial: r.trial, Stains: v.Stains, Width: g.Width, Blocks: g.Blocks, Seed: v.Spec.Seed, Fold: r.fold,
	}
}

// request adds a task to the plan, or finds the one of equal key.
func (e *expansion) request(r request, work api.Work, use Use) (api.Key, error) {
	if err := work.Task.Validate(); err != nil {
		return api.Key{}, fault.New(fault.ErrSpec, "%s: %w", use.Name, err)
	}
	s := &r.variant.Spec
	work.Key = work.Task.Key()
	work.Checkpoint = api.Checkpoint{
		EveryEpochs: s.Checkpoint.Every.Epochs, EverySteps: s.Checkpoint.Every.Steps,
		Keep: s.Checkpoint.Keep, KeepBest: s.Checkpoint.KeepBest,
	}
	if r.longer > 0 {
		work.Checkpoint.Longer, work.Checkpoint.LongerFrozen = r.longer, longerFrozen(s, work.Task.Finetune, r.longer)
	}
	work.Watchdog = s.Watchdog
	work.Priority, work.Project, work.Experiment = s.Metadata.Priority, s.Metadata.Project, s.Metadata.Name
	item := e.plan.byKey[work.Key]
	if item == nil {
		item = &Item{Work: work}
		e.plan.byKey[work.Key] = item
		e.plan.Items = append(e.plan.Items, item)
	}
	if item.Checkpoint.Longer == 0 { // an arm may ask for a trial's task
		item.Checkpoint.Longer, item.Checkpoint.LongerFrozen = work.Checkpoint.Longer, work.Checkpoint.LongerFrozen
	}
	work.Checkpoint.Longer, work.Checkpoint.LongerFrozen = item.Checkpoint.Longer, item.Checkpoint.LongerFrozen
	if item.Gang != work.Gang || item.Checkpoint != work.Checkpoint || item.Watchdog != work.Watchdog {
		e.differ = append(e.differ, item)
	}
	item.Requests++
	r.item, r.use = item, use
	e.requests = append(e.requests, r)
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
