package report

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/experiments/record"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
	"g2c/model/metrics"
	"g2c/model/results"
)

// Collect reads the results of every finished task of a run's plan. A task without a
// final checkpoint is listed as unfinished, with the reason that the record gives; one
// whose final checkpoint is damaged is an error of class fault.ErrData that names the
// damage.
func Collect(ctx context.Context, repo *checkpoint.Repo, run *record.Experiment) (*Data, error) {
	plan := run.Plan
	c := &collector{
		ctx: ctx, repo: repo, plan: plan, finals: map[api.Key]*checkpoint.Manifest{}, timings: map[api.Key]*results.Timing{},
		data: &Data{
			Experiment: plan.Experiment, RunHash: plan.Hash(), SpecHash: plan.SpecHash, NumericsClass: plan.Numerics,
			Search: plan.Search, Run: run, asked: plan.Comparisons, items: len(plan.Items),
			Arms: []Arm{}, Generators: []Generator{}, Comparisons: []Comparison{}, Unfinished: []Unfinished{},
		},
	}
	for _, item := range plan.Items {
		if err := c.item(item); err != nil {
			return nil, fmt.Errorf("report on %s: %w", item.Name(), err)
		}
	}
	c.data.group()
	c.data.compare()
	c.data.summarise()
	c.data.choose()
	c.data.reckon(c.timings)
	return c.data, nil
}

// collector is a collection as it goes on.
type collector struct {
	ctx    context.Context
	repo   *checkpoint.Repo
	plan   *sweep.Plan
	data   *Data
	finals map[api.Key]*checkpoint.Manifest // nil for unfinished

	timings map[api.Key]*results.Timing // of trainings, nil where there is no record
}

func (c *collector) item(item *sweep.Item) error {
	c.data.shared += item.Requests - 1
	_, ready := c.plan.Needs(item)
	for _, key := range ready {
		if item.Task.Kind == api.KindFinetune && !slices.Contains(c.data.ready, key.String()) {
			c.data.ready = append(c.data.ready, key.String())
		}
	}
	m, err := c.final(item.Key)
	if err != nil {
		return err
	}
	if m == nil {
		c.data.Unfinished = append(c.data.Unfinished, Unfinished{Name: item.Name(), Key: item.Key, Kind: item.Task.Kind, Why: c.data.Run.Missing[item.Key.String()]})
		return nil
	}
	switch item.Task.Kind {
	case api.KindPretrain:
		return c.pretrain(item, m)
	case api.KindPaired:
		return c.paired(item, m)
	case api.KindFinetune:
		return c.finetune(item, m)
	case api.KindStain:
		return nil // what it makes is seen in the arms
	}
	return c.evaluate(item, m)
}

// final is the manifest that says that a task is done, nil if it is not.
func (c *collector) final(key api.Key) (*checkpoint.Manifest, error) {
	if m, ok := c.finals[key]; ok {
		return m, nil
	}
	m, damages, err := c.repo.Final(c.ctx, key.String(), checkpoint.Present)
	if err != nil {
		return nil, err
	}
	if m == nil && len(damages) > 0 {
		return nil, fault.New(fault.ErrData, "%s", damages[0]).WithHint("`g2c ckpt verify` lists all damage; `g2c run` makes again what is missing")
	}
	c.finals[key] = m
	return m, nil
}

// results reads the results of a task.
func (c *collector) results(m *checkpoint.Manifest, to any) error {
	data, err := c.repo.Payload(c.ctx, *m, checkpoint.Results)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return damaged(m, checkpoint.Results, "%w", err)
	}
	return nil
}

func damaged(m *checkpoint.Manifest, payload, format string, a ...any) error {
	return fault.New(fault.ErrData, "payload %s of %s: %w", payload, m.Key(), fmt.Errorf(format, a...)).
		WithHint("it was not written by this program, or by another version of it")
}

// seconds is what a task took, nil if that was not recorded.
func (c *collector) seconds(key api.Key) (*float64, error) {
	var t results.Timing
	found, err := c.repo.Record(c.ctx, key.String(), results.TimingRecord, &t)
	if err != nil || !found {
		return nil, err
	}
	c.timings[key] = &t
	return &t.Seconds, nil
}

func (c *collector) pretrain(item *sweep.Item, m *checkpoint.Manifest) error {
	var r results.Pretrain
	if err := c.results(m, &r); err != nil {
		return err
	}
	metrics := GeneratorMetrics{
		CycleL1: r.Metrics.CycleL1, CycleSSIM: r.Metrics.CycleSSIM, ColourDistance: r.Metrics.ColourDistance,
		SSIM: r.Metrics.SSIM, PSNR: r.Metrics.PSNR, Images: r.Metrics.Images,
	}
	return c.generator(item, m, Generator{losses: r.Losses, epochs: r.Epochs, Metrics: metrics}, r.Shown, results.ShowKinds)
}

// paired collects a generator that was trained on pairs.
func (c *collector) paired(item *sweep.Item, m *checkpoint.Manifest) error {
	var r results.Paired
	if err := c.results(m, &r); err != nil {
		return err
	}
	none := metrics.Undefined()
	g := Generator{
		losses: r.Losses, epochs: r.Epochs, Pairs: &r.Metrics,
		Metrics: GeneratorMetrics{CycleL1: none, CycleSSIM: none, ColourDistance: none, Images: r.Metrics.Images},
	}
	return c.generator(item, m, g, r.Shown, results.PairKinds)
}

// generator collects a generator of which the results are known, with its sample images.
func (c *collector) generator(item *sweep.Item, m *checkpoint.Manifest, g Generator, shown []int, kinds []string) error {
	if err := checkLosses(g.losses, g.epochs); err != nil {
		return damaged(m, checkpoint.Results, "%w", err)
	}
	var err error
	if g.Seconds, err = c.seconds(item.Key); err != nil {
		return err
	}
	t, _ := item.Task.Translator()
	g.Stain, g.source, g.Key, g.WeightsSHA256, g.Steps = t.Stain, t.Source, item.Key, m.WeightsSHA256(), m.Step
	first := len(c.data.Generators)
	for i, use := range item.Uses {
		g.Width, g.Blocks, g.Seed, g.Name = use.Width, use.Blocks, use.Seed, item.Names[i]
		if g.Pairs != nil {
			g.options = options(use)
		}
		c.data.Generators = append(c.data.Generators, g)
	}
	s, err := c.showcase(m, t.Size, shown, kinds)
	if err != nil || s == nil {
		return err
	}
	s.generator = first
	c.data.samples = append(c.data.samples, *s)
	return nil
}

func (c *collector) finetune(item *sweep.Item, m *checkpoint.Manifest) error {
	var r results.Finetune
	if err := c.results(m, &r); err != nil {
		return err
	}
	for _, use := range item.Uses {
		if use.Trial { // the curves are of arms; the table of trials has the rest
			continue
		}
		c.data.tuned = append(c.data.tuned, tuning{
			task: use.Task, arm: use.Arm, name: use.Name, options: options(use), width: use.Width, blocks: use.Blocks, seed: use.Seed,
			fold: use.Fold, stains: use.Stains, frozen: item.Task.Finetune.FrozenEpochs, key: item.Key, epochs: r.Epochs, selected: r.Selected,
		})
	}
	return nil
}

func (c *collector) evaluate(item *sweep.Item, m *checkpoint.Manifest) error {
	var r results.Evaluate
	if err := c.results(m, &r); err != nil {
		return err
	}
	if err := checkEvaluate(&r); err != nil {
		return damaged(m, checkpoint.Results, "%w", err)
	}
	if item.Task.Evaluate.Metrics != metrics.Version {
		judgeAnew(&r)
	}
	model := item.Task.Inputs()[0]
	tuned, err := c.final(model)
	if err != nil {
		return err
	}
	made := c.plan.Find(model)
	if tuned == nil || made == nil {
		return fault.New(fault.ErrData, "its model %s is gone from the store", model.Short()).WithHint("`g2c run` makes it again")
	}
	var tuning results.Finetune
	if err := c.results(tuned, &tuning); err != nil {
		return err
	}
	seconds, err := c.seconds(model)
	if err != nil {
		return err
	}
	counts, err := c.parameters(tuned)
	if err != nil {
		return err
	}
	for _, use := range item.Uses {
		c.data.Arms = append(c.data.Arms, Arm{
			Task: use.Task, Arm: use.Arm, Stains: append([]string{}, use.Stains...), Methods: made.Task.Finetune.Methods, Blocks: use.Blocks, Seed: use.Seed,
			Name: modelName(made, use), Key: model, Inputs: keys(made.Task.Inputs()), WeightsSHA256: tuned.WeightsSHA256(),
			Steps: tuned.Step, Seconds: seconds, Metrics: judged(&r), Width: use.Width, Options: options(use),
			SelectedEpoch: tuning.Selected, Parameters: counts, Evaluation: item.Key, Given: c.given(item), LeftOut: r.Given,
			Fold: use.Fold, use: use, folds: folds(item), source: testSource(item), positive: r.PositiveName, negative: r.NegativeName, predictions: r.Predictions,
		})
	}
	return nil
}

// judgeAnew computes the metrics of an evaluation of an older version from what it
// predicted.
func judgeAnew(r *results.Evaluate) {
	samples := map[string][]metrics.Sample{}
	for _, p := range r.Predictions {
		samples[p.Split] = append(samples[p.Split], p.Sample())
	}
	for name := range r.Splits {
		r.Splits[name] = results.Judge(samples[name], r.PositiveName, r.NegativeName)
	}
}

// checkLosses holds results against what the report indexes by.
func checkLosses(losses []string, epochs []results.PretrainEpoch) error {
	for _, e := range epochs {
		if len(e.Losses) != len(losses) {
			return fmt.Errorf("epoch %d has %d losses, want %d", e.Epoch, len(e.Losses), len(losses))
		}
	}
	return nil
}

// checkEvaluate holds results against what the report indexes by.
func checkEvaluate(r *results.Evaluate) error {
	for _, p := range r.Predictions {
		if p.Class != 0 && p.Class != 1 {
			return fmt.Errorf("image %s is of class %d", p.Name, p.Class)
		}
	}
	return nil
}

// given is the name of the task that an evaluation is given, "" for none.
func (c *collector) given(item *sweep.Item) string {
	if in := c.plan.Find(item.Task.Evaluate.Given); in != nil && len(in.Uses) > 0 {
		return in.Uses[0].Task
	}
	return ""
}

// modelName is the name of a fine-tuning that belongs to a use of its evaluation.
func modelName(model *sweep.Item, use sweep.Use) string {
	for _, exact := range []bool{true, false} {
		for _, u := range model.Uses {
			same := u.Task == use.Task && u.Arm == use.Arm && u.Width == use.Width && u.Blocks == use.Blocks && u.Seed == use.Seed && u.Fold == use.Fold
			if same && (!exact || options(u) == options(use)) {
				return u.Name
			}
		}
	}
	return model.Name()
}

// options are what tells a use from others, but the stains and the fold, which have places
// of their own: `path=value path=value`.
func options(use sweep.Use) string {
	var out []string
	for _, o := range use.Options {
		if o.Path != "stains" && o.Path != "fold" {
			out = append(out, o.String())
		}
	}
	return strings.Join(out, " ")
}

// testSource names the images that an evaluation is tested on, whatever side they are
// resized to and whichever fold is tested: equal texts, equal images of equal names.
func testSource(item *sweep.Item) string {
	source := struct {
		Synthetic *api.Synthetic
		Labelled  api.Labelled
	}{Synthetic: item.Where.Synthetic}
	if l := item.Where.Labelled; l != nil {
		source.Labelled = api.Labelled{Test: l.Test, Pattern: l.Pattern, By: l.By, Columns: l.Columns, Folds: l.Folds}
		if l.Folds > 0 {
			source.Labelled.Train, source.Labelled.Seed = l.Train, l.Seed
		}
	}
	text, err := json.Marshal(source)
	if err != nil {
		panic("report: a source of images without JSON: " + err.Error())
	}
	return string(text)
}

// folds is into how many parts the images of an evaluation are dealt, 0 for none.
func folds(item *sweep.Item) int {
	if l := item.Where.Labelled; l != nil {
		return l.Folds
	}
	return 0
}

func keys(in []api.Key) []string {
	out := []string{}
	for _, key := range in {
		out = append(out, key.String())
	}
	return out
}

func judged(r *results.Evaluate) Metrics {
	return Metrics{Test: split(r.Splits["test"]), Train: split(r.Splits["train"]), Validation: split(r.Splits["validation"]), Gap: r.Gap, GapGiven: r.GapGiven, GapGivenTrain: r.GapGivenTrain}
}

func split(s results.Split) Split {
	ci := noIntervals()
	if s.N == 0 { // nothing was judged, which is not the same as all wrong
		none := metrics.Undefined()
		return Split{BalancedAccuracy: none, Accuracy: none, AUC: none, F1: none, Precision: none, Recall: map[string]metrics.Number{}, CI95: ci}
	}
	for _, f := range []struct {
		to   *metrics.Interval
		name string
	}{
		{&ci.BalancedAccuracy, results.BalancedAccuracy}, {&ci.AUC, results.AUC}, {&ci.Accuracy, results.Accuracy},
		{&ci.F1, results.F1}, {&ci.Precision, results.Precision},
	} {
		if i, ok := s.CI95[f.name]; ok {
			*f.to = i
		}
	}
	for class := range s.Recall {
		if i, ok := s.CI95[results.RecallOf(class)]; ok {
			ci.Recall[class] = i
		}
	}
	return Split{
		N: s.N, BalancedAccuracy: s.BalancedAccuracy, Accuracy: s.Accuracy, AUC: s.AUC, F1: s.F1, Precision: s.Precision,
		Recall: s.Recall, Confusion: s.Confusion, Groups: s.Groups, CI95: ci,
	}
}

// noIntervals are intervals that nobody knows.
func noIntervals() CI95 {
	none := metrics.Interval{metrics.Undefined(), metrics.Undefined()}
	return CI95{BalancedAccuracy: none, AUC: none, Accuracy: none, F1: none, Precision: none, Recall: map[string]metrics.Interval{}}
}

func testOnly(all []results.Prediction) []results.Prediction {
	var out []results.Prediction
	for _, p := range all {
		if p.Split == "test" {
			out = append(out, p)
		}
	}
	return out
}
