package train

import (
	"context"
	"time"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/model/fuzzy"
	"g2c/model/g2c"
	"g2c/model/metrics"
	"g2c/model/results"
)

// A fuzzy histogram under a random forest is a fine-tuning without steps: it is grown at once,
// on the host, and judges images as a network does.

// judging is a model that judges images: an evaluator of a network, or a Forest.
type judging interface {
	// batches is how many a set has.
	batches(set *dataset.Set) int
	// probabilitiesOf puts the probabilities of the positive class, of a batch's images, to
	// their places.
	probabilitiesOf(set *dataset.Set, batch int, to []float32) error
}

// openJudging loads a fine-tuned model. The error of closing it is the second result's.
func openJudging(opt Options, f *api.Finetune, weights *safetensors.File) (judging, func() error, error) {
	if isForest(f) {
		forest, err := ReadForest(weights)
		return forest, func() error { return nil }, err
	}
	step, err := openEvaluation(opt.Device, f)
	if err != nil {
		return nil, nil, err
	}
	if err := step.SetWeights(weights, nil); err != nil {
		step.Close()
		return nil, nil, err
	}
	branches, err := NewBranches(f, weights, opt.Truth)
	if err != nil {
		step.Close()
		return nil, nil, err
	}
	return newEvaluator(step, branches), step.Close, nil
}

// Forest is a grown fuzzy histogram with its random forest.
type Forest struct {
	histogram *fuzzy.Histogram
	forest    *fuzzy.Forest
}

// Positive is the probability of the positive class for an image of 8-bit RGB.
func (m *Forest) Positive(pixels []uint8) float32 {
	return m.forest.Positive(m.histogram.Features(pixels))
}

func (m *Forest) batches(set *dataset.Set) int { return (set.Len() + EvalBatch - 1) / EvalBatch }

func (m *Forest) probabilitiesOf(set *dataset.Set, batch int, to []float32) error {
	for i := batch * EvalBatch; i < min((batch+1)*EvalBatch, set.Len()); i++ {
		pixels, err := set.Pixels(i)
		if err != nil {
			return err
		}
		to[i] = m.Positive(pixels)
	}
	return nil
}

// Names of a forest's tensors: (64,3) centres in CIELAB, nodes a tree, and columns of nodes.
const forestPrefix = g2c.ClassifierNet + ".forest."

const centresTensor = g2c.ClassifierNet + ".histogram.centres"

// tensors are the model as its weights, by name.
func (m *Forest) tensors() []safetensors.Tensor {
	var centres []float32
	for _, c := range m.histogram.Centres {
		centres = append(centres, c[:]...)
	}
	c := m.forest.Columns()
	var out []safetensors.Tensor
	for _, column := range []struct {
		name string
		v    []float32
	}{{"feature", c.Feature}, {"left", c.Left}, {"nodes", c.Nodes}, {"positive", c.Positive}, {"right", c.Right}, {"threshold", c.Threshold}} {
		out = append(out, safetensors.Float32(forestPrefix+column.name, []int{len(column.v)}, column.v))
	}
	return append(out, safetensors.Float32(centresTensor, []int{fuzzy.Bins, 3}, centres))
}

// ReadForest reads a grown model from its weights.
func ReadForest(weights *safetensors.File) (*Forest, error) {
	read := func(name string) ([]float32, error) {
		t, ok := weights.Tensor(name)
		if !ok {
			return nil, fault.New(fault.ErrData, "weights have no tensor %s", name)
		}
		v, err := t.Float32s()
		if err != nil {
			return nil, fault.New(fault.ErrData, "weights: %w", err)
		}
		return v, nil
	}
	flat, err := read(centresTensor)
	if err != nil {
		return nil, err
	}
	var centres fuzzy.Centres
	if len(flat) != 3*fuzzy.Bins {
		return nil, fault.New(fault.ErrData, "weights: %s has %d numbers, want %d", centresTensor, len(flat), 3*fuzzy.Bins)
	}
	for j := range centres {
		centres[j] = [3]float32(flat[3*j:])
	}
	var c fuzzy.Columns
	for _, column := range []struct {
		name string
		to   *[]float32
	}{{"feature", &c.Feature}, {"left", &c.Left}, {"nodes", &c.Nodes}, {"positive", &c.Positive}, {"right", &c.Right}, {"threshold", &c.Threshold}} {
		if *column.to, err = read(forestPrefix + column.name); err != nil {
			return nil, err
		}
	}
	forest, err := fuzzy.FromColumns(c)
	if err != nil {
		return nil, fault.New(fault.ErrData, "weights: %w", err)
	}
	return &Forest{fuzzy.NewHistogram(centres), forest}, nil
}

// growForest is Finetune of a fuzzy histogram. There is nothing to go on from: what is not
// finished is grown anew.
func growForest(ctx context.Context, task api.Task, set *dataset.Set, opt Options) (*checkpoint.Manifest, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	key, cost := task.Key().String(), newBill(opt)
	cost.use(1, opt.devices()) // nobody else takes part
	m, _, err := opt.Repo.Final(ctx, key, checkpoint.Present)
	if err != nil || m != nil {
		return m, err
	}
	if opt.Gang != nil { // of one, since the task has one shard
		meeting, err := opt.Gang.Meet(ctx, 0)
		if err != nil {
			return nil, fault.New(fault.ErrInterrupted, "left before the forest was grown: %w", err)
		}
		if opt.Began != nil {
			opt.Began(meeting.Generation)
		}
	}
	if opt.Resumed != nil {
		opt.Resumed(0)
	}
	model, loss, err := grow(ctx, task.Finetune, set.Split(dataset.Train))
	if err != nil {
		return nil, err
	}
	epoch := results.FinetuneEpoch{Loss: loss}
	if validation := set.Split(dataset.Validation); validation.Len() > 0 {
		judged, err := judgeAll(model, task.Finetune, validation)
		if err != nil {
			return nil, err
		}
		epoch.Validation = &judged
	}
	if opt.Progress != nil {
		opt.Progress(Progress{Step: 1, Steps: 1, Epochs: 1, Samples: set.Split(dataset.Train).Len(), Loss: loss})
	}
	if opt.Epoch != nil {
		opt.Epoch(Epoch{Step: 1, Finetune: &epoch})
	}
	found := results.Finetune{Epochs: []results.FinetuneEpoch{epoch}}
	saved, err := saveWhole(context.WithoutCancel(ctx), opt.Repo, task, 1, model.tensors(), found)
	if err != nil {
		return nil, err
	}
	timing := cost.total(results.Timing{})
	timing.Saves = 1
	return saved, opt.Repo.PutRecord(context.WithoutCancel(ctx), key, results.TimingRecord, timing)
}

// grow grows the model, and gives the mean distance of its probabilities from the training
// images' classes.
func grow(ctx context.Context, f *api.Finetune, train *dataset.Set) (*Forest, float64, error) {
	model := &Forest{histogram: fuzzy.Standard()}
	features, positive := make([][fuzzy.Bins]float32, train.Len()), make([]bool, train.Len())
	of := [2]int{}
	for i := range features {
		pixels, err := train.Pixels(i)
		if err != nil {
			return nil, 0, err
		}
		class := classOf(f, train.Image(i).Label)
		features[i], positive[i] = model.histogram.Features(pixels), class == 0
		of[class]++
	}
	if of[0] == 0 || of[1] == 0 {
		return nil, 0, fault.New(fault.ErrData, "%d positive and %d negative training images: a forest needs both", of[0], of[1])
	}
	var err error
	if model.forest, err = fuzzy.Grow(ctx, features, positive, f.Seed); err != nil {
		return nil, 0, fault.New(fault.ErrInterrupted, "stopped while the forest grew: %w", err).WithHint("the same command starts it again")
	}
	off := 0.0
	for i, x := range features {
		p := float64(model.forest.Positive(x))
		if positive[i] {
			p = 1 - p
		}
		off += p
	}
	return model, off / float64(len(features)), nil
}

// judgeAll judges a set by the metrics of an epoch.
func judgeAll(model judging, f *api.Finetune, set *dataset.Set) (metrics.Binary, error) {
	p := make([]float32, set.Len())
	for b := range model.batches(set) {
		if err := model.probabilitiesOf(set, b, p); err != nil {
			return metrics.Binary{}, err
		}
	}
	return metrics.Judge(samplesOf(f, set, p)), nil
}

// samplesOf are the images of a set with the probabilities given them.
func samplesOf(f *api.Finetune, set *dataset.Set, p []float32) []metrics.Sample {
	samples := make([]metrics.Sample, len(p))
	for i, v := range p {
		im := set.Image(i)
		samples[i] = metrics.Sample{P: float64(v), Class: classOf(f, im.Label), Group: im.Group}
	}
	return samples
}
