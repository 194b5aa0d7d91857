package train

import (
	"bytes"
	"context"
	"encoding/json"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/store"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/model/g2c"
	"g2c/model/metrics"
	"g2c/model/results"
)

// evaluator runs a model in evaluation mode over sets, in padded batches.
type evaluator struct {
	step     *G2CStep
	branches *Branches // without a network; nil for none
	pixels   []uint8
	given    GivenPixels
	place    []int32
	prob     []float32
}

func newEvaluator(s *G2CStep, b *Branches) *evaluator {
	c := s.Model.Config
	return &evaluator{
		step: s, branches: b, given: b.NewGivenPixels(c.EvalBatch * c.Size * c.Size * 3), pixels: make([]uint8, c.EvalBatch*c.Size*c.Size*3), place: make([]int32, 4*c.EvalBatch),
		prob: make([]float32, c.EvalBatch*c.Classifier.Classes),
	}
}

// run evaluates one batch from an index on; the last image fills it up.
func (e *evaluator) run(set *dataset.Set, from int) error {
	index := func(i int) int { return min(from+i, set.Len()-1) }
	if err := gather(e.pixels, set, index); err != nil {
		return err
	}
	if err := e.branches.gather(e.given, set, index); err != nil {
		return err
	}
	s := e.step.state
	if err := e.given.Put(s, g2c.EvalPixels, e.step.Model.Config.Given); err != nil {
		return err
	}
	if err := s.PutU8(g2c.EvalPixels, e.pixels); err != nil {
		return err
	}
	if err := s.PutI32(g2c.EvalPlace, e.place); err != nil {
		return err
	}
	if err := e.step.evalInput.Run(); err != nil {
		return err
	}
	if err := e.step.evaluate.Run(); err != nil {
		return err
	}
	if err := s.GetF32(g2c.EvalProb, e.prob); err != nil {
		return err
	}
	if !allFinite(e.prob) {
		return fault.New(fault.ErrTraining, "the model gives a probability that is not a number for %s or one of the %d images after it",
			set.Image(from).Name, min(len(e.prob)/e.step.Model.Config.Classifier.Classes, set.Len()-from)-1)
	}
	return nil
}

// batches is how many a set has.
func (e *evaluator) batches(set *dataset.Set) int {
	size := e.step.Model.Config.EvalBatch
	return (set.Len() + size - 1) / size
}

// probabilitiesOf puts those of the positive class, of a batch's images, to their places.
func (e *evaluator) probabilitiesOf(set *dataset.Set, batch int, to []float32) error {
	size, classes := e.step.Model.Config.EvalBatch, e.step.Model.Config.Classifier.Classes
	if err := e.run(set, batch*size); err != nil {
		return err
	}
	for i := batch * size; i < min((batch+1)*size, set.Len()); i++ {
		to[i] = e.prob[(i-batch*size)*classes]
	}
	return nil
}

// EvaluateInputs is what an evaluation reads beside images.
type EvaluateInputs struct {
	Weights *safetensors.File
	// Given is the evaluation whose rightly recognised positives alone are judged,
	// nil for none.
	Given *results.Evaluate
}

// Evaluate judges a fine-tuned model on every split and stores the predictions.
// It returns the manifest.
func Evaluate(ctx context.Context, task api.Task, set *dataset.Set, in EvaluateInputs, opt Options) (*checkpoint.Manifest, error) {
	if v := task.Evaluate.Metrics; v != metrics.Version {
		return nil, fault.New(fault.ErrSpec, "the evaluation asks for version %d of the metrics, this program computes version %d", v, metrics.Version).
			WithHint("plan the experiment again with this program")
	}
	f := &task.Evaluate.Model
	model, closeModel, err := openJudging(opt, f, in.Weights)
	if err != nil {
		return nil, err
	}
	defer closeModel()
	if set, err = Normalised(set, f.Normaliser, in.Weights); err != nil {
		return nil, err
	}
	e := &evaluation{f: f, eval: model, opt: opt}
	names := task.Evaluate.ClassNames()
	e.out = results.Evaluate{
		PositiveName: names[0], NegativeName: names[1], Stains: f.Stains, Size: f.Size,
		Splits: map[string]results.Split{}, Gap: metrics.Undefined(),
	}
	if err := e.splits(ctx, set, in.Given); err != nil {
		return nil, err
	}
	return e.save(ctx, task)
}

// evaluation is one evaluation as it goes on.
type evaluation struct {
	f    *api.Finetune
	eval judging
	opt  Options
	out  results.Evaluate
}

func (e *evaluation) splits(ctx context.Context, set *dataset.Set, given *results.Evaluate) error {
	done := 0
	for _, name := range dataset.Splits {
		split := set.Split(name)
		if name == dataset.Test && given != nil {
			all := split.Len()
			split = split.Select(rightlyPositive(given, name))
			e.out.Given = all - split.Len()
		}
		if split.Len() == 0 {
			continue
		}
		if err := e.split(ctx, string(name), split); err != nil {
			return err
		}
		done += split.Len()
		if e.opt.Progress != nil {
			e.opt.Progress(Progress{Step: int64(done), Steps: int64(set.Len()), Epochs: 1, Samples: 1})
		}
	}
	train, ok1 := e.out.Splits[string(dataset.Train)]
	test, ok2 := e.out.Splits[string(dataset.Test)]
	if ok1 && ok2 {
		e.out.Gap = train.BalancedAccuracy - test.BalancedAccuracy
	}
	if ok1 && ok2 && given != nil {
		samples := e.trainGiven(given)
		gap := metrics.Judge(samples).BalancedAccuracy - test.BalancedAccuracy
		e.out.GapGiven, e.out.GapGivenTrain = &gap, len(samples)
	}
	return nil
}

// trainGiven are the training images that the task before was trained on too, and got
// right. One that it never saw, because each task takes a part of the images of its own,
// is left out: whether it is right there is not known.
func (e *evaluation) trainGiven(given *results.Evaluate) []metrics.Sample {
	keep := rightlyPositive(given, dataset.Train)
	var samples []metrics.Sample
	for _, p := range e.out.Predictions {
		if p.Split == string(dataset.Train) && keep(dataset.Image{Name: p.Name}) {
			samples = append(samples, p.Sample())
		}
	}
	return samples
}

// rightlyPositive keeps the images of a split that an evaluation called positive, and
// that are.
func rightlyPositive(given *results.Evaluate, split dataset.Split) func(dataset.Image) bool {
	right := map[string]bool{}
	for _, p := range given.Predictions {
		if p.Split == string(split) && p.Class == 0 && p.Sample().Right() {
			right[p.Name] = true
		}
	}
	return func(im dataset.Image) bool { return right[im.Name] }
}

// split judges one split, batch by batch.
func (e *evaluation) split(ctx context.Context, name string, set *dataset.Set) error {
	probabilities := make([]float32, set.Len())
	for b := range e.eval.batches(set) {
		if err := ctx.Err(); err != nil {
			return fault.New(fault.ErrInterrupted, "evaluation stopped: %w", err).WithHint("the same command starts it again")
		}
		if err := e.eval.probabilitiesOf(set, b, probabilities); err != nil {
			return err
		}
	}
	var samples []metrics.Sample
	for i, positive := range probabilities {
		im := set.Image(i)
		p := results.Prediction{
			Name: im.Name, Split: name, Group: im.Group, Label: im.Label,
			Class: classOf(e.f, im.Label), P: float64(positive),
		}
		e.out.Predictions = append(e.out.Predictions, p)
		samples = append(samples, p.Sample())
	}
	e.out.Splits[name] = results.Judge(samples, e.out.PositiveName, e.out.NegativeName)
	return nil
}

// save stores the results as the task's only checkpoint, step 0.
func (e *evaluation) save(ctx context.Context, task api.Task) (*checkpoint.Manifest, error) {
	description, err := json.Marshal(task)
	if err != nil {
		return nil, err
	}
	judged, err := json.Marshal(e.out)
	if err != nil {
		return nil, err
	}
	m, err := e.opt.Repo.Save(ctx, checkpoint.Snapshot{
		Kind: checkpoint.Evaluate, Task: task.Key().String(), Class: task.Numerics, Final: true,
		Description: description, Payloads: map[string]store.Body{checkpoint.Results: bytes.NewReader(judged)},
	})
	return &m, err
}

// ReadEvaluation reads the results of a finished evaluation.
func ReadEvaluation(ctx context.Context, repo *checkpoint.Repo, key api.Key) (*results.Evaluate, error) {
	m, _, err := repo.Final(ctx, key.String(), checkpoint.Present)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fault.New(fault.ErrNotFound, "evaluation %s has no finished result", key.Short())
	}
	data, err := repo.Payload(ctx, *m, checkpoint.Results)
	if err != nil {
		return nil, err
	}
	out := &results.Evaluate{}
	if err := json.Unmarshal(data, out); err != nil {
		return nil, fault.New(fault.ErrData, "results of %s: %w", key.Short(), err)
	}
	return out, nil
}
