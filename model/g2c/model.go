// Package g2c builds the programs of the fine-tuning stage: M generators and a
// classifier over M+1 branches, trained together on labelled patches with the
// focal loss. It describes slots and programs; the training loop is in
// worker/train.
// Source: paper, "Fine-tuning" and "Classifier".
package g2c

import (
	"slices"
	"strconv"
	"strings"

	"g2c/kernels"
	"g2c/kernels/mixed"
	"g2c/model/graph"
	"g2c/model/nn"
)

// Config is what the programs depend on.
type Config struct {
	Size          int   // side of an image in pixels
	Batch         int   // global batch of a training step
	Shards        int   // logical shards of it
	Own           int   // of them, those that the programs compute, a divisor; 0 for all
	EvalBatch     int   // padded batch of evaluation
	Generators    int   // M
	Given         []int // of the M branches, those whose images are given, sorted: they have no network
	Generator     nn.GeneratorConfig
	Classifier    nn.ClassifierConfig
	Baseline      nn.Baseline // in the classifier's place, without generators; empty for none
	Gamma         float64     // focal loss
	Momentum      float64
	Adagrad       bool    // in place of gradient descent: moments are sums of squares then
	WeightDecay   float64 // 0 for none
	Jitter        bool    // brightness and saturation in the input program
	BF16          bool    // mixed precision: see kernels/mixed
	HalfGradients bool    // every node of the gradients' sums over shards in bf16
	// BucketBytes closes a gradient bucket; 0 keeps one.
	BucketBytes int
}

// Groups of slots.
const (
	GroupGenerators       = "weights.generators"
	GroupGeneratorsGrad   = "gradients.generators"
	GroupGeneratorsMoment = "moments.generators"
	GroupClassifier       = "weights.classifier"
	GroupClassifierGrad   = "gradients.classifier"
	GroupClassifierMoment = "moments.classifier"
	GroupRunning          = "running"
	GroupStatistics       = "statistics"
)

// ClassifierNet and GeneratorPrefix name the networks.
const (
	ClassifierNet   = "classifier"
	GeneratorPrefix = "generators."
)

// runningMomentum is batch norm's, torch.nn.BatchNorm2d's default.
const runningMomentum = 0.1

// Slots beside the parameters'.
const (
	Pixels     = "pixels"  // (N,S,S,3) bytes
	Place      = "place"   // (N,4): see kernels.Pixels
	Jitter     = "jitter"  // (N,2)
	X          = "x"       // (N,S,S,3) in [0,1]
	Labels     = "labels"  // (N) classes
	Hyper      = "hyper"   // (1): see kernels.SGD
	Dropout    = "dropout" // (N,units): what the baseline's units are multiplied by
	Loss       = "loss/focal"
	Prob       = "probabilities" // (N,classes) of the training batch
	EvalPixels = "eval_pixels"   // (E,S,S,3) bytes
	EvalPlace  = "eval_place"
	EvalX      = "eval_x"
	EvalProb   = "eval_probabilities" // (E,classes)
	// EvalImage, with a generator's number behind it, holds its images of EvalX.
	EvalImage = "eval_image."
)

// GivenSlot is the slot of a branch whose images are given beside one of the source's:
// Pixels, X, EvalPixels or EvalX.
func GivenSlot(source string, branch int) string { return source + "." + strconv.Itoa(branch) }

// GeneratorNet is the name of generator i: generators follow the sorted names of
// their stains.
func GeneratorNet(i int) string { return GeneratorPrefix + strconv.Itoa(i) }

// Model is the programs of one configuration and the slots they share.
type Model struct {
	Config    Config
	Catalog   nn.Catalog
	State     *kernels.StateSpec
	Input     *kernels.Program // pixels to X, and to those that are given
	Frozen    *kernels.Program // training step of the classifier alone
	Joint     *kernels.Program // training step of everything; nil without generators
	EvalInput *kernels.Program // pixels to EvalX
	Evaluate  *kernels.Program // probabilities and generated images of EvalX
}

// New builds the programs.
func New(c Config) (*Model, error) {
	m := &Model{Config: c}
	frozen, err := m.trainGraph(nil, false)
	if err != nil {
		return nil, err
	}
	if m.State, err = m.slots(frozen.stats); err != nil {
		return nil, err
	}
	if m.Frozen, err = m.step("g2c_frozen", frozen); err != nil {
		return nil, err
	}
	if c.networks() > 0 {
		joint, err := m.trainGraph(nil, true)
		if err != nil {
			return nil, err
		}
		if m.Joint, err = m.step("g2c_joint", joint); err != nil {
			return nil, err
		}
	}
	if m.Input, err = m.input("g2c_input", Pixels, Place, X, c.OwnBatch(), c.Jitter); err != nil {
		return nil, err
	}
	if m.EvalInput, err = m.input("g2c_eval_input", EvalPixels, EvalPlace, EvalX, c.EvalBatch, false); err != nil {
		return nil, err
	}
	if m.Evaluate, err = m.evaluate(); err != nil {
		return nil, err
	}
	return m, m.mix()
}

// mix turns the programs into mixed precision, if the configuration says so.
func (m *Model) mix() error {
	if !m.Config.BF16 {
		return nil
	}
	programs := []**kernels.Program{&m.Frozen, &m.Joint, &m.Input, &m.EvalInput, &m.Evaluate}
	state, err := mixed.Programs(m.State, programs...)
	m.State = state
	return err
}

// trainGraph is a training step, differentiated.
type trainGraph struct {
	b          *graph.Builder
	loss, prob *graph.Value
	stats      []nn.Stats
	params     []*graph.Param
	grads      []*graph.Value
}

// trainGraph builds the step over all shards or, given that, the step over those
// that are computed here.
func (m *Model) trainGraph(whole *trainGraph, joint bool) (*trainGraph, error) {
	c := m.Config
	shards, batch := c.Shards, c.Batch
	if whole != nil {
		shards, batch = c.OwnShards(), c.OwnBatch()
	}
	t := &trainGraph{}
	define := func(b *graph.Builder) {
		b.HalfGradients = c.HalfGradients
		x := b.Slot(X, kernels.Real(batch, c.Size, c.Size, 3))
		labels := b.Slot(Labels, kernels.Ints(batch))
		logits, stats := m.forward(b, m.branches(b, x, X, false), false)
		t.loss, t.prob = b.Focal(logits, labels, c.Gamma, c.Batch)
		t.stats = stats
	}
	var err error
	if whole == nil {
		t.b, err = graph.Build(shards, define)
	} else {
		t.b, err = graph.BuildPart(whole.b, shards, define)
	}
	if err != nil {
		return nil, err
	}
	for _, p := range t.b.Params() {
		if joint || m.isClassifier(p.Name) {
			t.params = append(t.params, p)
		}
	}
	if t.grads, err = t.b.Differentiate(t.loss, t.params); err != nil {
		return nil, err
	}
	if whole == nil && c.OwnShards() != shards {
		return m.trainGraph(t, joint)
	}
	return t, nil
}

// given tells whether a branch's images are given.
func (c *Config) given(branch int) bool { return slices.Contains(c.Given, branch) }

// networks is the number of generators.
func (c *Config) networks() int { return c.Generators - len(c.Given) }

// branches are the image, which a slot holds, and what it is in every other stain: its
// translation by a generator, or what is given.
func (m *Model) branches(b *graph.Builder, x *graph.Value, slot string, infer bool) []*graph.Value {
	xs := []*graph.Value{x}
	for i := range m.Config.Generators {
		if m.Config.given(i) {
			xs = append(xs, b.Slot(GivenSlot(slot, i), kernels.Real(x.Shape()...)))
			continue
		}
		s := nn.NewScope(b, &m.Catalog, GeneratorNet(i))
		s.Infer = infer
		xs = append(xs, nn.Generator(s, x, m.Config.Generator))
	}
	return xs
}

func (m *Model) forward(b *graph.Builder, branches []*graph.Value, infer bool) (*graph.Value, []nn.Stats) {
	s := nn.NewScope(b, &m.Catalog, ClassifierNet)
	s.Infer, s.Weights = infer, nn.FanIn
	if baseline := m.Config.Baseline; baseline != "" {
		var dropout *graph.Value
		if n := baseline.Dropped(); n > 0 && !infer {
			dropout = b.Slot(Dropout, kernels.Real(branches[0].Shape()[0], n))
		}
		return baseline.Logits(s, branches[0], dropout, m.Config.Classifier.Classes), nil
	}
	logits := nn.Classifier(s, branches, m.Config.Classifier)
	return logits, s.BatchStats()
}

// step compiles a training graph with the optimizer and the running statistics as its
// updates.
func (m *Model) step(name string, t *trainGraph) (*kernels.Program, error) {
	plan := graph.Plan{Name: name, BucketBytes: m.Config.BucketBytes}
	plan.Outputs = []graph.Output{{Slot: Loss, Value: t.loss, Exchange: true}, {Slot: Prob, Value: t.prob}}
	joint := false
	for i, p := range t.params {
		joint = joint || !m.isClassifier(p.Name)
		plan.Outputs = append(plan.Outputs, graph.Output{Slot: nn.GradPrefix + p.Name, Value: t.grads[i], Exchange: true})
	}
	for _, s := range t.stats {
		sums := nn.SumsPrefix + s.Mean
		plan.Outputs = append(plan.Outputs, graph.Output{Slot: sums, Value: s.Sums, Exchange: true})
		plan.Updates = append(plan.Updates, graph.Update{
			Op: kernels.RunningStats{Momentum: runningMomentum, Shards: m.Config.Shards, Count: s.Count},
			In: []string{s.Mean, s.Var, sums}, Out: []string{s.Mean, s.Var},
		})
	}
	plan.Updates = append(plan.Updates, m.optimize(GroupClassifier, GroupClassifierMoment, GroupClassifierGrad)...)
	if joint {
		plan.Updates = append(plan.Updates, m.optimize(GroupGenerators, GroupGeneratorsMoment, GroupGeneratorsGrad)...)
	}
	return t.b.Compile(plan, m.State)
}

// adagradEps is torch.optim.Adagrad's; Caffe's delta, 1e-8, differs where a weight has had next
// to no gradient yet.
const adagradEps = 1e-10

// optimize is the optimizer of a group, behind the decay of its weights.
func (m *Model) optimize(weights, moments, grads string) []graph.Update {
	var updates []graph.Update
	if rate := m.Config.WeightDecay; rate > 0 {
		updates = append(updates, graph.Update{Op: kernels.WeightDecay{Rate: rate}, In: []string{grads, weights}, Out: []string{grads}})
	}
	var op kernels.Op = kernels.SGD{Momentum: m.Config.Momentum}
	if m.Config.Adagrad {
		op = kernels.Adagrad{Eps: adagradEps}
	}
	return append(updates, graph.Update{
		Op:  op,
		In:  []string{weights, moments, grads, Hyper},
		Out: []string{weights, moments},
	})
}

func (m *Model) isClassifier(name string) bool { return strings.HasPrefix(name, ClassifierNet+".") }
