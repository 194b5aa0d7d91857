package api

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Kind is what a task does.
type Kind string

// The kinds of task.
const (
	KindPretrain Kind = "pretrain" // one CycleGAN, source stain to one other
	KindFinetune Kind = "finetune" // generators and classifier, jointly
	KindEvaluate Kind = "evaluate" // a fine-tuned model on every split
)

// The values of the enumerated fields.
const (
	FitResize = "resize" // crop to the centre square, then resize
	FitRefuse = "refuse" // an image of another size is an error

	StemInceptionV4 = "inception-v4"
	StemConv7       = "conv7"

	SelectLast = "last"
	SelectBest = "best"

	FP32 = "fp32"
	BF16 = "bf16"
)

// Task is the canonical description of one task in normal form: every field is
// filled in, lists of stains and labels are sorted, and what does not change the
// numbers is left out. Exactly one of the three bodies is set.
type Task struct {
	Kind     Kind      `json:"kind"`
	Numerics string    `json:"numerics"` // numerics class
	Pretrain *Pretrain `json:"pretrain,omitempty"`
	Finetune *Finetune `json:"finetune,omitempty"`
	Evaluate *Evaluate `json:"evaluate,omitempty"`
}

// Generator is the shape of a generator.
type Generator struct {
	Width  int `json:"width"`  // channels of the first layer
	Blocks int `json:"blocks"` // residual blocks
}

// Pretrain is the unpaired training of one CycleGAN between the source stain and
// one other. Batches are one shard, whatever their size.
type Pretrain struct {
	Source             string    `json:"source"` // stain A
	Stain              string    `json:"stain"`  // stain B
	Size               int       `json:"size"`   // side in pixels of what the networks see
	Fit                string    `json:"fit"`
	Generator          Generator `json:"generator"`
	DiscriminatorWidth int       `json:"discriminatorWidth"`
	Epochs             int       `json:"epochs"`
	ConstantEpochs     int       `json:"constantEpochs"` // epochs before the learning rate falls; at most Epochs
	Batch              int       `json:"batch"`
	Pool               int       `json:"pool"` // images a pool holds; 0 for none
	LambdaCycle        float64   `json:"lambdaCycle"`
	LambdaIdentity     float64   `json:"lambdaIdentity"`
	Load               float64   `json:"load"` // side before the crop = round(Size × Load)
	Flip               bool      `json:"flip"`
	LR                 float64   `json:"lr"`
	Beta1              float64   `json:"beta1"`
	Beta2              float64   `json:"beta2"`
	Seed               uint32    `json:"seed"`
	Precision          string    `json:"precision"`
	Data               Key       `json:"data"` // fingerprint of both unlabelled sets
}

// LoadSide is the side in pixels to which images are resized before the random
// crop: size × load, halves rounded up.
func LoadSide(size int, load float64) int {
	return int(math.Floor(float64(float64(size)*load) + 0.5))
}

// Classifier is the shape of the classifier; its branches are the source stain
// and then the generated ones.
type Classifier struct {
	Width     int    `json:"width"`
	Units     int    `json:"units"`  // of 3 residual blocks and one pooling each
	Hidden    int    `json:"hidden"` // of the attention
	Attention bool   `json:"attention"`
	Stem      string `json:"stem"`
	Shared    bool   `json:"shared"` // the branches share weights
}

// Finetune is the joint training of the generators and the classifier. Logit and
// label 0 are the positive class, 1 the negative.
type Finetune struct {
	Source       string     `json:"source"`
	Stains       []string   `json:"stains"`     // generated ones, sorted
	Generators   []Key      `json:"generators"` // tasks that give their generators, in the order of Stains
	Size         int        `json:"size"`
	Fit          string     `json:"fit"`
	Positive     []string   `json:"positive"` // labels of the data, sorted
	Negative     []string   `json:"negative"`
	PositiveName string     `json:"positiveName"` // the joined labels (JoinLabels); older tasks have what the user called the class
	NegativeName string     `json:"negativeName"`
	Generator    *Generator `json:"generator,omitempty"` // nil without stains
	Classifier   Classifier `json:"classifier"`
	Epochs       int        `json:"epochs"`
	FrozenEpochs int        `json:"frozenEpochs"` // epochs with generators frozen: at most Epochs, 0 without stains
	Batch        int        `json:"batch"`
	Shards       int        `json:"shards"` // a power of two that divides Batch
	Select       string     `json:"select"`
	Gamma        float64    `json:"gamma"` // of the focal loss
	LR           float64    `json:"lr"`
	Momentum     float64    `json:"momentum"`
	DropEvery    int        `json:"dropEvery"` // epochs
	DropBy       float64    `json:"dropBy"`
	Augment      bool       `json:"augment"`
	Gradients    string     `json:"gradients"`
	Seed         uint32     `json:"seed"`
	Precision    string     `json:"precision"`
	Data         Key        `json:"data"` // fingerprint of training and validation images of these labels
}

// Evaluate judges a fine-tuned model on the test, training and validation
// images. It holds the model's whole description, from which the model's key
// follows, so that a worker needs nothing else.
type Evaluate struct {
	Model Finetune `json:"model"`
	Given Key      `json:"given,omitzero"` // evaluation whose rightly recognised positives alone are judged; zero for none
	Data  Key      `json:"data"`           // fingerprint of the test images of the model's labels

	// Metrics is the version of the statistics: 0 for the first.
	Metrics int `json:"metrics,omitempty"`
	// What the classes are called in outputs; empty: the model's joined labels.
	PositiveName string `json:"positiveName,omitempty"`
	NegativeName string `json:"negativeName,omitempty"`
}

// ClassNames are what the classes are called in outputs, the positive one first.
func (e *Evaluate) ClassNames() [2]string {
	names := [2]string{e.Model.PositiveName, e.Model.NegativeName}
	if e.PositiveName != "" {
		names[0] = e.PositiveName
	}
	if e.NegativeName != "" {
		names[1] = e.NegativeName
	}
	return names
}

// JoinLabels are the names of two classes that are given none: their labels, sorted and
// joined by plus signs. Where those are too long for a name, or are equal, the beginning
// of a hash of the labels stands for them.
func JoinLabels(positive, negative []string) (string, string) {
	join := func(labels []string) string { return strings.Join(slices.Sorted(slices.Values(labels)), "+") }
	p, n := join(positive), join(negative)
	if p != n && len(p) <= maxText && len(n) <= maxText {
		return p, n
	}
	hashed := func(class string, labels []string) string {
		h := sha256.New()
		for _, l := range slices.Sorted(slices.Values(labels)) {
			h.Write(appendBytes(nil, []byte(l)))
		}
		return fmt.Sprintf("%s %x", class, h.Sum(nil)[:6])
	}
	return hashed("positive", positive), hashed("negative", negative)
}

// PretrainTask wraps a pretraining.
func PretrainTask(class string, p Pretrain) Task {
	return Task{Kind: KindPretrain, Numerics: class, Pretrain: &p}
}

// FinetuneTask wraps a fine-tuning.
func FinetuneTask(class string, f Finetune) Task {
	return Task{Kind: KindFinetune, Numerics: class, Finetune: &f}
}

// EvaluateTask wraps an evaluation.
func EvaluateTask(class string, e Evaluate) Task {
	return Task{Kind: KindEvaluate, Numerics: class, Evaluate: &e}
}

// Key is the SHA-256 of the canonical encoding.
func (t Task) Key() Key { return sha256.Sum256(t.Canonical()) }

// Data is the fingerprint of the data that the task reads.
func (t *Task) Data() Key {
	switch {
	case t.Pretrain != nil:
		return t.Pretrain.Data
	case t.Finetune != nil:
		return t.Finetune.Data
	case t.Evaluate != nil:
		return t.Evaluate.Data
	}
	return Key{}
}

// Inputs are the keys of the tasks whose results this one reads: the generators
// of a fine-tuning in the order of its stains; the model of an evaluation, then
// the evaluation it is given, if any.
func (t Task) Inputs() []Key {
	switch t.Kind {
	case KindFinetune:
		return append([]Key(nil), t.Finetune.Generators...)
	case KindEvaluate:
		in := []Key{FinetuneTask(t.Numerics, t.Evaluate.Model).Key()}
		if !t.Evaluate.Given.IsZero() {
			in = append(in, t.Evaluate.Given)
		}
		return in
	}
	return nil
}

// Labels are the labels of both classes, sorted.
func (f *Finetune) Labels() []string {
	all := append(append([]string{}, f.Positive...), f.Negative...)
	slices.Sort(all)
	return all
}
