package api

import (
	"fmt"

	"g2c/internal/field"
)

// The structs below are the hyper-parameters of tasks, each field described once by its
// tags (internal/field says what they mean). The same structs stand in specs, so that a
// field that is added here is read, checked, written into keys, shown and documented.
//
// Numbers are the canonical encoding: they are never used again. A field that is added
// takes a new one and the tag was, the value that stands for what older programs did:
// there it is left out, so that old tasks keep their keys.

// Origin is where a translation begins.
type Origin struct {
	Source string `json:"source" f:"1" rule:"stain" doc:"the stain of the labelled images, such as PAS"`
}

// View is what the networks see of an image.
type View struct {
	Size int    `json:"size" f:"1" default:"224" rule:"min=64,max=8192,multiple=4" unit:"pixels" doc:"side of what the networks see; never adjusted"`
	Fit  string `json:"fit" f:"2" default:"resize" rule:"one=resize|enlarge|refuse" levels:"enlarge=3" doc:"resize: an image of another size is cropped to its centre square and resized, unless it has less than a quarter of the side; enlarge: however small it is; refuse: it is an error"`
}

// Random is what a task draws with and computes in.
type Random struct {
	Seed      uint32 `json:"seed" f:"1" default:"1" doc:"of weights, order and augmentation; an arm's generators carry the arm's seed"`
	Precision string `json:"precision" f:"2" default:"fp32" rule:"one=fp32|bf16" doc:"bf16: activations and the weights of convolutions in bfloat16; sums, statistics, losses and the weights that are updated stay float32. On a CUDA card, or on ref to compare with"`
}

// Sums is how partial sums are added.
type Sums struct {
	Gradients string `json:"gradients" f:"1" default:"fp32" rule:"one=fp32|bf16" levels:"bf16=5" doc:"how the shards' gradients are added; bf16 rounds every node of their sum, also on one device, and halves what goes between runners; losses and batch statistics stay float32"`
}

// Generator is the shape of a generator.
type Generator struct {
	Width  int    `json:"width" f:"1" default:"64" rule:"min=1,max=4096" unit:"channels" doc:"channels of a generator's first layer"`
	Blocks int    `json:"blocks" f:"2" default:"6" rule:"min=1,max=256" doc:"residual blocks of a generator"`
	Up     string `json:"up" f:"3" default:"k4" was:"k4" level:"7" rule:"one=k4|k3" doc:"how a generator goes up, twice: k4, by 4×4 transposed convolutions, as the paper's; k3, by 3×3 ones with an output padding of 1, as the original CycleGAN's, of which most published weights are"`
}

// How a generator goes up.
const (
	UpK4 = "k4"
	UpK3 = "k3"
)

// Discriminator is the shape of a discriminator.
type Discriminator struct {
	DiscriminatorWidth int `json:"discriminatorWidth" yaml:"width" f:"1" default:"64" rule:"min=1,max=4096" unit:"channels" doc:"channels of a discriminator's first layer"`
}

// Classifier is the shape of the classifier; its branches are the source stain
// and then the generated ones.
type Classifier struct {
	Width     int    `json:"width" f:"1" default:"256" rule:"min=1,max=16384" unit:"channels" doc:"channels of the classifier's stem"`
	Units     int    `json:"units" f:"2" default:"3" rule:"min=1,max=8" doc:"units of 3 residual blocks, with a pooling between two"`
	Hidden    int    `json:"hidden" f:"3" default:"32" rule:"min=1,max=65536" doc:"hidden features of the attention"`
	Attention bool   `json:"attention" f:"4" default:"true" doc:"weigh the branches by attention; false: they are only joined"`
	Stem      string `json:"stem" f:"5" default:"inception-v4" rule:"one=inception-v4|conv7" doc:"first layers; conv7 is the ablation: one 7×7 convolution"`
	Shared    bool   `json:"shared" f:"6" default:"true" doc:"the branches share weights"`
}

// Replacement is what stands in the classifier's place.
type Replacement struct {
	Baseline string `json:"baseline" f:"42" default:"none" was:"none" level:"8" rule:"one=none|fuzzy-histogram|shallow-cnn|cifar10-quick|alexnet" doc:"what the paper's classifier is compared with, in its place, on the source alone: a fuzzy colour histogram under a random forest, or one of three small networks; docs/baselines.md says what each is"`
}

// What stands in the classifier's place.
const (
	BaselineNone           = "none"            // nothing: the classifier itself
	BaselineFuzzyHistogram = "fuzzy-histogram" // no network: it is grown, not trained in steps
	BaselineShallowCNN     = "shallow-cnn"
	BaselineCIFAR10Quick   = "cifar10-quick"
	BaselineAlexNet        = "alexnet"
)

// CycleGAN are the hyper-parameters of a pretraining.
type CycleGAN struct {
	Epochs         int     `json:"epochs" f:"7" default:"200" rule:"min=1,max=1000000" unit:"epochs" doc:"of the larger of both sets of images"`
	ConstantEpochs int     `json:"constantEpochs" f:"8" default:"100" rule:"min=0,max=1000000" unit:"epochs" doc:"before the learning rate falls, linearly; as many as epochs, or more: it never does"`
	Batch          int     `json:"batch" f:"9" default:"1" rule:"min=1,max=65536" unit:"images" doc:"images of each stain a step, in one shard"`
	Pool           int     `json:"pool" f:"10" default:"50" rule:"min=0,max=65536" unit:"images" doc:"generated images from which discriminators learn too; 0 for none"`
	LambdaCycle    float64 `json:"lambdaCycle" f:"11" default:"10" rule:"min=0" doc:"weight of the cycle loss"`
	LambdaIdentity float64 `json:"lambdaIdentity" f:"12" default:"0.5" rule:"min=0" doc:"weight of the identity loss, as a part of lambdaCycle"`
	Load           float64 `json:"load" f:"13" default:"1.117" rule:"min=1,max=4" doc:"side before the random crop, in sides: round(size × load) pixels"`
	Flip           bool    `json:"flip" f:"14" default:"true" doc:"flip images at random, left to right"`
	LR             float64 `json:"lr" f:"15" default:"2e-4" rule:"above=0" doc:"learning rate of Adam"`
	Beta1          float64 `json:"beta1" f:"16" default:"0.5" rule:"min=0,below=1" doc:"decay of Adam's mean"`
	Beta2          float64 `json:"beta2" f:"17" default:"0.999" rule:"min=0,below=1" doc:"decay of Adam's variance"`
}

// Tuning are the hyper-parameters of a fine-tuning.
type Tuning struct {
	Epochs       int     `json:"epochs" f:"12" default:"30" rule:"min=1,max=1000000" unit:"epochs" doc:"of the labelled training images"`
	FrozenEpochs int     `json:"frozenEpochs" yaml:"freezeEpochs" f:"13" default:"5" rule:"min=0,max=2147483647" word:"all=-1" unit:"epochs" doc:"in which the generators stay as they are; all, or as many as epochs: for ever"`
	Batch        int     `json:"batch" f:"14" default:"16" rule:"min=1,max=65536" unit:"images" doc:"images a step: a multiple of shards"`
	Shards       int     `json:"shards" f:"15" default:"4" rule:"min=1,max=4096,power=2" doc:"equal parts of the batch, with batch statistics of their own: the most devices that can train together"`
	Select       string  `json:"select" f:"16" default:"last" rule:"one=last|best" doc:"the weights of the last epoch, or of the one with the highest validation balanced accuracy, the earliest on a tie"`
	Gamma        float64 `json:"gamma" f:"17" default:"2" rule:"min=0" doc:"of the focal loss"`
	LR           float64 `json:"lr" f:"18" default:"0.01" rule:"above=0" doc:"learning rate of gradient descent"`
	Momentum     float64 `json:"momentum" f:"19" default:"0.5" rule:"min=0,below=1" doc:"of gradient descent"`
	DropEvery    int     `json:"dropEvery" f:"20" default:"5" rule:"min=1,max=1000000" unit:"epochs" doc:"after which the learning rate drops, again and again"`
	DropBy       float64 `json:"dropBy" f:"21" default:"10" rule:"min=1" doc:"what the learning rate is divided by"`
	Optimizer    string  `json:"optimizer" f:"40" default:"sgd" was:"sgd" level:"8" rule:"one=sgd|adagrad" doc:"gradient descent with momentum, or AdaGrad, which has no use for momentum"`
	WeightDecay  float64 `json:"weightDecay" f:"41" default:"0" was:"0" level:"8" rule:"min=0" doc:"of every weight and bias that is trained, beside its gradient: L2"`
}

// The optimizers of a fine-tuning.
const (
	OptimizerSGD     = "sgd"
	OptimizerAdagrad = "adagrad"
)

// kindNumbers are the kinds on the wire.
var kindNumbers = map[Kind]uint64{KindPretrain: 1, KindFinetune: 2, KindEvaluate: 3, KindPaired: 4, KindStain: 5}

// Number is the kind in the canonical encoding.
func (k Kind) Number() uint64 { return kindNumbers[k] }

// SetNumber reads the kind from the canonical encoding.
func (k *Kind) SetNumber(n uint64) error {
	for kind, number := range kindNumbers {
		if number == n {
			*k = kind
			return nil
		}
	}
	return fmt.Errorf("unknown kind %d", n)
}

// MarshalJSON writes the pretraining without the fields that are as before these were there.
func (p Pretrain) MarshalJSON() ([]byte, error) { return field.MarshalJSON(p) }

// UnmarshalJSON reads a pretraining of this version or an older one.
func (p *Pretrain) UnmarshalJSON(b []byte) error { return field.UnmarshalJSON(b, p) }

// MarshalJSON writes the fine-tuning without the fields that are as before these were there.
func (f Finetune) MarshalJSON() ([]byte, error) { return field.MarshalJSON(f) }

// UnmarshalJSON reads a fine-tuning of this version or an older one.
func (f *Finetune) UnmarshalJSON(b []byte) error { return field.UnmarshalJSON(b, f) }

// MarshalJSON writes the evaluation without the fields that are as before these were there.
func (e Evaluate) MarshalJSON() ([]byte, error) { return field.MarshalJSON(e) }

// UnmarshalJSON reads an evaluation of this version or an older one.
func (e *Evaluate) UnmarshalJSON(b []byte) error { return field.UnmarshalJSON(b, e) }

// MarshalJSON writes the shape without the fields that are as before these were there.
func (g Generator) MarshalJSON() ([]byte, error) { return field.MarshalJSON(g) }

// UnmarshalJSON reads a shape of this version or an older one.
func (g *Generator) UnmarshalJSON(b []byte) error { return field.UnmarshalJSON(b, g) }

// MarshalJSON writes the shape without the fields that are as before these were there.
func (k Classifier) MarshalJSON() ([]byte, error) { return field.MarshalJSON(k) }

// UnmarshalJSON reads a shape of this version or an older one.
func (k *Classifier) UnmarshalJSON(b []byte) error { return field.UnmarshalJSON(b, k) }
