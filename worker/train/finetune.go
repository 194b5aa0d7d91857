package train

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/philox"
	"g2c/kernels"
	"g2c/model/g2c"
	"g2c/model/metrics"
	"g2c/model/nn"
	"g2c/model/results"
	"g2c/worker/gang"
)

// EvalBatch is the number of images of an evaluation batch; the last one is
// padded. It does not change results.
const EvalBatch = 16

// bucketBytes closes a gradient bucket: large enough to hide a message's latency,
// small enough to leave while the backward program runs.
const bucketBytes = 4 << 20

// GeneratorConfig is the configuration of a generator's layers.
func GeneratorConfig(g api.Generator) nn.GeneratorConfig {
	return nn.GeneratorConfig{Width: g.Width, Blocks: g.Blocks, Up3: g.Up == api.UpK3}
}

// ModelConfig is the configuration of a task's programs.
func ModelConfig(f *api.Finetune) g2c.Config {
	c := g2c.Config{
		Size: f.Size, Batch: f.Batch, Shards: f.Shards, EvalBatch: EvalBatch, Generators: len(f.Stains),
		Classifier: nn.ClassifierConfig{
			Width: f.Classifier.Width, Units: f.Classifier.Units, Hidden: f.Classifier.Hidden,
			Attention: f.Classifier.Attention, Conv7: f.Classifier.Stem == api.StemConv7,
			Unshared: !f.Classifier.Shared, Classes: 2,
		},
		Gamma: f.Gamma, Momentum: f.Momentum, Jitter: f.Augment && !f.JitterStains, BucketBytes: bucketBytes, BF16: f.Precision == api.BF16,
		HalfGradients: f.Gradients == api.BF16,
	}
	c.Adagrad, c.WeightDecay = f.Optimizer == api.OptimizerAdagrad, f.WeightDecay
	if f.Baseline != "" && f.Baseline != api.BaselineNone {
		c.Baseline = nn.Baseline(f.Baseline)
	}
	c.Given = f.Given()
	if f.Generator != nil {
		c.Generator = GeneratorConfig(*f.Generator)
	}
	return c
}

// classOf is the class of a label: 0 positive, 1 negative, -1 neither.
func classOf(f *api.Finetune, label string) int {
	switch {
	case slices.Contains(f.Positive, label):
		return 0
	case slices.Contains(f.Negative, label):
		return 1
	}
	return -1
}

// finetuneGroups are the groups of slots that training goes on from; the first
// selected of them are the weights.
var finetuneGroups = []string{
	g2c.GroupGenerators, g2c.GroupClassifier, g2c.GroupRunning,
	g2c.GroupGeneratorsMoment, g2c.GroupClassifierMoment,
}

const selectedGroups = 3

// bestPrefix marks copies of the best weights so far.
const bestPrefix = "best."

type finetuneLog struct {
	Epochs   []results.FinetuneEpoch `json:"epochs"`
	Sum      float64                 `json:"sum"`      // of the loss in the epoch so far
	Selected int                     `json:"selected"` // best epoch so far, -1 before the first
}

// finetuner is the state of one fine-tuning.
type finetuner struct {
	*session
	f          *api.Finetune
	train      *dataset.Set
	validation *dataset.Set        // empty for none
	generators []*safetensors.File // that training starts from, or what branches without a network need
	branches   *Branches
	numbers    []safetensors.Tensor // of the normaliser, as weights hold them
	whole      *g2c.Model           // of all shards: its state and names are those of any part's
	models     *models
	devices    *replicas     // nil before the first meeting, and between two
	step       *G2CStep      // of the first device
	meeting    *gang.Meeting // the last; nil of a process that trains alone
	host       hostState     // where the state is not on the devices
	resized    []kernels.Device
	slots      int   // that those are for
	coming     []int // slots of each member of the gang that programs were prepared for
	place      int   // of this process in it
	watch      watch
	log        finetuneLog
	best       map[string][]float32
	placer     placer
	batch      []uint8
	given      GivenPixels // the batch, of branches without a network
	labels     []int32
	order      []int32
	t          int64
	fed        int64 // the step whose batch is on the device, -1 for none
	perEpoch   int
	shuffled   int // the epoch that order is of, -1 for none
}

// Finetune trains generators and classifier, from the newest checkpoint or from
// the generators given, one safetensors file a stain in the order of the task's. With a
// gang it trains its part, and stores what is to be stored if it is the first.
// It returns the manifest of its end.
func Finetune(ctx context.Context, task api.Task, set *dataset.Set, generators []*safetensors.File, opt Options) (*checkpoint.Manifest, error) {
	if isForest(task.Finetune) {
		return growForest(ctx, task, set, opt)
	}
	f, err := newFinetuner(ctx, task, set, generators, opt)
	if err != nil {
		return nil, err
	}
	m, err := f.resumeOrStart()
	if err == nil && m == nil {
		err = f.regroup()
	}
	if err == nil && m == nil {
		err = f.loop()
	}
	err = f.closeDevices(err)
	f.models.building.Wait()
	if err := f.close(err); err != nil {
		return nil, err
	}
	m, _, err = opt.Repo.Final(context.WithoutCancel(ctx), f.key, checkpoint.Present)
	return m, err
}

func newFinetuner(ctx context.Context, task api.Task, set *dataset.Set, generators []*safetensors.File, opt Options) (*finetuner, error) {
	c := ModelConfig(task.Finetune)
	normaliser, numbers, err := newNormaliser(task.Finetune.Normaliser, opt.Normaliser, "", keepPainted)
	if err != nil {
		return nil, err
	}
	if normaliser != nil {
		set = set.Painted(normaliser)
	}
	f := &finetuner{numbers: numbers, f: task.Finetune, generators: generators, train: set.Split(dataset.Train), validation: set.Split(dataset.Validation)}
	if set.Side() != c.Size {
		return nil, fault.New(fault.ErrData, "images of %d pixels, the task reads %d", set.Side(), c.Size)
	}
	if f.train.Len() < c.Batch {
		return nil, fault.New(fault.ErrData, "%d training images are fewer than a batch of %d", f.train.Len(), c.Batch).
			WithHint("set finetune.batch to %d or less", f.train.Len())
	}
	if f.f.Select == api.SelectBest && f.validation.Len() == 0 {
		return nil, fault.New(fault.ErrSpec, "finetune.select is best, and there are no validation images")
	}
	if err := SameClass(opt.devices()...); err != nil {
		return nil, err
	}
	if f.whole, err = g2c.New(c); err != nil {
		return nil, err
	}
	if f.branches, err = newBranches(f.f, func(i int) (*safetensors.File, string) { return at(generators, i), "" }, opt.Truth, keepPainted); err != nil {
		return nil, err
	}
	f.models = newModels(c)
	f.given = f.branches.NewGivenPixels(c.Batch * c.Size * c.Size * 3)
	f.batch = make([]uint8, c.Batch*c.Size*c.Size*3)
	f.labels, f.order = make([]int32, c.Batch), make([]int32, f.train.Len())
	f.placer = placer{
		seed: f.f.Seed, purpose: philox.AugmentA, jitterPurpose: philox.Jitter, flipH: f.f.Augment || c.Baseline.Mirrors(), flipV: f.f.Augment,
		place: make([]int32, 4*c.Batch), jitter: make([]float32, 2*c.Batch), dropout: make([]float32, c.Batch*c.Baseline.Dropped()),
	}
	f.fed, f.shuffled, f.log.Selected = -1, -1, -1
	f.best = map[string][]float32{}
	f.perEpoch = f.train.Len() / c.Batch
	f.session = newSession(ctx, task, opt, func() *bundle {
		b := newBundle(f.whole.State, finetuneGroups...)
		b.weights = f.weights
		return b
	})
	f.epochs, f.samples = f.f.Epochs, c.Batch
	f.steps = int64(f.epochs) * int64(f.perEpoch)
	return f, nil
}

// resumeOrStart finds what training goes on from. It returns the final manifest if the task
// is done already.
func (f *finetuner) resumeOrStart() (*checkpoint.Manifest, error) {
	if len(f.generators) != len(f.f.Stains) {
		return nil, fmt.Errorf("train: %d generators for %d stains", len(f.generators), len(f.f.Stains))
	}
	m, data, err := f.resume()
	if err != nil || m != nil && m.Final {
		return m, err
	}
	if m == nil {
		f.host.fresh = true
		return nil, nil
	}
	return nil, f.take(data, m.Step)
}

// start is the state before the first step.
func (f *finetuner) start() error {
	if err := f.step.Initialise(f.f.Seed); err != nil {
		return err
	}
	for i, file := range f.generators {
		if !api.Network(f.f.Method(i)) {
			continue
		}
		net := g2c.GeneratorNet(i)
		rename := func(name string) string { return strings.TrimPrefix(name, net+".") }
		if err := f.step.SetWeights(file, rename, net); err != nil {
			return fmt.Errorf("generator %s: %w", f.f.Stains[i], err)
		}
	}
	return nil
}

// loop is the training loop. Its end is stored by the first of the gang; the others wait
// until they are told that it is over, or are the first themselves.
func (f *finetuner) loop() error {
	for {
		for f.t < f.steps {
			if err := f.next(); err != nil {
				return err
			}
		}
		if f.first() {
			return f.finish()
		}
		if err := f.regroup(); err != nil {
			return err
		}
	}
}

// next is one step, and what is due after it. If the gang is another by now, or breaks, it
// meets instead, and no step is done.
func (f *finetuner) next() error {
	epoch, at := int(f.t)/f.perEpoch, int(f.t)%f.perEpoch
	if err := f.interrupted(); err != nil {
		return err
	}
	if f.opt.Gang != nil {
		if f.opt.Gang.Changed() {
			return f.regroup()
		}
		f.prepare()
	}
	if f.shuffled != epoch {
		var shuffler philox.Shuffler
		shuffler.Shuffle(f.f.Seed, philox.OrderA, uint32(epoch), f.order)
		f.shuffled = epoch
	}
	lr := f.learningRate(epoch)
	if err := f.one(at, lr, f.frozen(epoch)); err != nil {
		if f.broken(err) {
			return f.regroup()
		}
		return f.stepFailed(f.t, err)
	}
	f.t++
	f.watch.step(f)
	if at+1 < f.perEpoch {
		if !f.due(f.t, epoch, false) {
			return nil
		}
		return f.store(f.fill, false)
	}
	if err := f.settle(); err != nil {
		return err
	}
	return f.endEpoch(epoch, lr)
}

// learningRate falls by a factor every few epochs.
// Source: paper, "learning rate 0.01 divided by 10 every 5 epochs".
func (f *finetuner) learningRate(epoch int) float64 {
	return f.f.LR / power(f.f.DropBy, int64(epoch/f.f.DropEvery))
}

func (f *finetuner) frozen(epoch int) bool { return epoch < f.f.FrozenEpochs }

// one is one step. The next batch is brought in while it runs; its loss is read in the
// next step.
func (f *finetuner) one(at int, lr float64, frozen bool) error {
	if f.fed != f.t {
		if err := f.feed(at, f.t); err != nil {
			return err
		}
	}
	if err := f.devices.train(lr, frozen, f.t); err != nil {
		return err
	}
	if at+1 == f.perEpoch {
		return nil
	}
	return f.feed(at+1, f.t+1)
}

// feed brings in the batch of step t, which is the one at a place of the epoch. Labels
// come last: the device reads them to the end of a step.
func (f *finetuner) feed(at int, t int64) error {
	f.fed = -1
	batch := f.f.Batch
	index := func(i int) int { return int(f.order[at*batch+i]) }
	if err := gather(f.batch, f.train, index); err != nil {
		return err
	}
	for i := range f.labels {
		f.labels[i] = int32(classOf(f.f, f.train.Image(index(i)).Label))
	}
	f.placer.draw(t, batch)
	f.placer.drawDropout(t, batch)
	if err := f.branches.gather(f.given, f.train, index); err != nil {
		return err
	}
	if f.f.JitterStains {
		f.placer.jitterStains(t, f.f.Size, append([][]uint8{f.batch}, f.given...)...)
	}
	in := trainingBatch{pixels: f.batch, given: f.given, place: f.placer.place, labels: f.labels, dropout: f.placer.dropout}
	if f.whole.Config.Jitter {
		f.placer.drawJitter(t, batch)
		in.jitter = f.placer.jitter
	}
	if err := f.devices.feed(in); err != nil {
		return err
	}
	f.fed = t
	return nil
}

// again brings in the batch of a step of this epoch once more.
func (f *finetuner) again(t int64) error {
	if err := f.feed(int(t)%f.perEpoch, t); err != nil {
		return err
	}
	return f.step.input.Run()
}

// addLoss adds the loss of a step to the epoch's and reports the step.
func (f *finetuner) addLoss(r *training) {
	f.log.Sum += r.losses[0]
	epoch, at := int(r.t)/f.perEpoch, int(r.t)%f.perEpoch
	if f.first() {
		f.progress(r.t+1, epoch, f.log.Sum/float64(at+1))
	}
}

// settle reads the loss that is still on its way.
func (f *finetuner) settle() error {
	if err := f.step.settle(); err != nil {
		return f.stepFailed(f.t, err)
	}
	return nil
}

// endEpoch records the epoch, judges the validation images, keeps the best
// weights and saves if it is time, or if a checkpoint of the best is to stay. The last epoch is saved by finish.
func (f *finetuner) endEpoch(epoch int, lr float64) error {
	e := results.FinetuneEpoch{Epoch: epoch, LR: lr, Frozen: f.frozen(epoch), Loss: f.log.Sum / float64(f.perEpoch)}
	f.log.Sum = 0
	if f.validation.Len() > 0 {
		b, err := f.judge()
		if err != nil {
			return err
		}
		e.Validation = &b
	}
	if f.better(e) {
		f.log.Selected = epoch
		if err := f.keepBest(); err != nil {
			return err
		}
	}
	f.log.Epochs = append(f.log.Epochs, e)
	if f.first() {
		f.epochEnded(Epoch{Step: f.t, Finetune: &e})
	}
	f.rank()
	if epoch+1 == f.epochs || !f.due(f.t, epoch, true) {
		return nil
	}
	return f.store(f.fill, false)
}

// better reports whether an epoch's weights are to be selected so far: the last,
// or the highest validation balanced accuracy, the earliest on a tie.
func (f *finetuner) better(e results.FinetuneEpoch) bool {
	if f.f.Select != api.SelectBest || f.log.Selected < 0 {
		return true
	}
	return e.Validation.BalancedAccuracy > f.log.Epochs[f.log.Selected].Validation.BalancedAccuracy
}

// rank tells the session how each epoch's end did on the validation images.
func (f *finetuner) rank() {
	scores := map[int64]float64{}
	for _, e := range f.log.Epochs {
		if e.Validation != nil && !math.IsNaN(float64(e.Validation.BalancedAccuracy)) {
			scores[int64(e.Epoch+1)*int64(f.perEpoch)] = float64(e.Validation.BalancedAccuracy)
		}
	}
	f.scores.Store(&scores)
}

func (f *finetuner) keepBest() error {
	if f.f.Select != api.SelectBest {
		return nil
	}
	for _, g := range finetuneGroups[:selectedGroups] {
		t, _ := f.step.state.Spec().Type(g)
		if len(f.best[g]) == 0 {
			f.best[g] = make([]float32, t.Shape.Len())
		}
		if err := f.step.state.GetF32(g, f.best[g]); err != nil {
			return err
		}
	}
	return nil
}

// judge evaluates the validation images. Members of the gang that are lost meanwhile leave
// their part to each of the others, who stand at the same step as before.
func (f *finetuner) judge() (metrics.Binary, error) {
	v, err := f.devices.validate(f.validation)
	if err != nil && f.broken(err) {
		err = f.devices.finish(v)
	}
	if err != nil {
		return metrics.Binary{}, err
	}
	return metrics.Judge(samplesOf(f.f, f.validation, v.p)), nil
}

// fill copies the state at a step boundary.
func (f *finetuner) fill(b *bundle) error {
	if err := f.settle(); err != nil {
		return err
	}
	b.step, b.epoch = f.t, int(f.t)/f.perEpoch
	for g, v := range f.best {
		b.real(bestPrefix+g, v)
	}
	return b.capture(f.step.state, &f.log)
}

// weights are the selected weights: all networks and running statistics, and the numbers of
// branches without a network and of the normaliser.
func (f *finetuner) weights(b *bundle) ([]safetensors.Tensor, error) {
	from := b.groups
	if len(b.reals) > 0 {
		from = map[string][]float32{}
		for _, g := range finetuneGroups[:selectedGroups] {
			from[g] = b.reals[bestPrefix+g]
		}
	}
	same := func(name string) string { return name }
	var out []safetensors.Tensor
	for _, part := range []struct {
		group  string
		params []nn.Param
	}{
		{g2c.GroupGenerators, f.nets(true)}, {g2c.GroupClassifier, f.nets(false)}, {g2c.GroupRunning, f.whole.Catalog.Running},
	} {
		ts, err := b.exportGroup(from, part.group, part.params, same)
		if err != nil {
			return nil, err
		}
		out = append(out, ts...)
	}
	return append(append(out, f.branches.tensors...), f.numbers...), nil
}

// nets are the parameters of the generators, or of the classifier.
func (f *finetuner) nets(generators bool) []nn.Param {
	var out []nn.Param
	for _, p := range f.whole.Catalog.Params {
		if (p.Net != g2c.ClassifierNet) == generators {
			out = append(out, p)
		}
	}
	return out
}

// finish stores the end; before it, what a longer training goes on from, so that whoever
// finds the end finds that too.
func (f *finetuner) finish() error {
	if longer := f.opt.Longer; longer != nil {
		if err := f.save(func(b *bundle) error {
			b.as = longer
			return f.fill(b)
		}, false); err != nil {
			return err
		}
	}
	judged, err := json.Marshal(results.Finetune{Epochs: f.log.Epochs, Selected: f.log.Selected})
	if err != nil {
		return err
	}
	return f.save(func(b *bundle) error {
		b.results = judged
		return f.fill(b)
	}, true)
}
