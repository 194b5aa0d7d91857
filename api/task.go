package api

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"

	"g2c/internal/field"
)

// Kind is what a task does.
type Kind string

// The kinds of task.
const (
	KindPretrain Kind = "pretrain" // one CycleGAN, source stain to one other
	KindFinetune Kind = "finetune" // generators and classifier, jointly
	KindEvaluate Kind = "evaluate" // a fine-tuned model on every split
	KindStain    Kind = "stain"    // a stain made without training
	KindPaired   Kind = "paired"   // one pix2pix, source stain to one other
)

// The values of the enumerated fields.
const (
	FitResize  = "resize"  // crop to the centre square, then resize; one far too small is an error
	FitEnlarge = "enlarge" // the same, however small it is
	FitRefuse  = "refuse"  // an image of another size is an error

	StemInceptionV4 = "inception-v4"
	StemConv7       = "conv7"

	SelectLast = "last"
	SelectBest = "best"

	FP32 = "fp32"
	BF16 = "bf16"
)

// Task is the canonical description of one task in normal form: every field is
// filled in, lists of stains and labels are sorted, and what does not change the
// numbers is left out. Exactly one of the bodies is set.
type Task struct {
	Kind     Kind      `json:"kind" f:"1"`
	Numerics string    `json:"numerics" f:"2"` // numerics class
	Pretrain *Pretrain `json:"pretrain,omitempty" f:"3"`
	Finetune *Finetune `json:"finetune,omitempty" f:"4"`
	Evaluate *Evaluate `json:"evaluate,omitempty" f:"5"`
	Paired   *Paired   `json:"paired,omitempty" f:"6" was:"" level:"8"`
	Stain    *Stain    `json:"stain,omitempty" f:"7" was:"" level:"8"`
}

// Pretrain is the unpaired training of one CycleGAN between the source stain and
// one other. Batches are one shard, whatever their size.
type Pretrain struct {
	Origin               // stain A
	Stain         string `json:"stain" f:"2" rule:"text"` // stain B
	View          `f:"3"`
	Generator     Generator `json:"generator" f:"5"`
	Discriminator `f:"6"`
	CycleGAN      // 7 to 17
	Random        `f:"18"`
	Data          Key         `json:"data" f:"20"`                                  // fingerprint of both unlabelled sets
	Normaliser    *Normaliser `json:"normaliser,omitempty" f:"32" was:"" level:"8"` // of A; nil for none
}

// LoadSide is the side in pixels to which images are resized before the random
// crop: size × load, halves rounded up.
func LoadSide(size int, load float64) int {
	return int(math.Floor(float64(float64(size)*load) + 0.5))
}

// Finetune is the joint training of the generators and the classifier. Logit and
// label 0 are the positive class, 1 the negative.
type Finetune struct {
	Origin
	Stains       []string `json:"stains" f:"2"`     // generated ones, sorted
	Generators   []Key    `json:"generators" f:"3"` // tasks that give their generators, in the order of Stains
	View         `f:"4"`
	Positive     []string   `json:"positive" f:"6"` // labels of the data, sorted
	Negative     []string   `json:"negative" f:"7"`
	PositiveName string     `json:"positiveName" f:"8" rule:"text"` // the joined labels (JoinLabels); older tasks have what the user called the class
	NegativeName string     `json:"negativeName" f:"9" rule:"text"`
	Generator    *Generator `json:"generator,omitempty" f:"10"` // nil without networks
	Classifier   Classifier `json:"classifier" f:"11"`
	Tuning                  // 12 to 21; FrozenEpochs at most Epochs, 0 without networks
	Augment      bool       `json:"augment" f:"22"` // flips and jitter of the training images
	Sums         `f:"23"`
	Random       `f:"24"`
	Data         Key `json:"data" f:"26"` // fingerprint of training and validation images of these labels
	Replacement      // 42; 40 and 41 are Tuning's. With one the classifier's fields are the defaults
	Branches     `f:"31"`
	JitterStains bool        `json:"jitterStains,omitempty" f:"33" was:"false" level:"8"` // the jitter is that of stains, in place of brightness and saturation
	Normaliser   *Normaliser `json:"normaliser,omitempty" f:"32" was:"" level:"8"`        // nil for none
}

// Evaluate judges a fine-tuned model on the test, training and validation
// images. It holds the model's whole description, from which the model's key
// follows, so that a worker needs nothing else.
type Evaluate struct {
	Model Finetune `json:"model" f:"1"`
	Given Key      `json:"given,omitzero" f:"2" was:"" level:"1"` // evaluation whose rightly recognised positives alone are judged; zero for none
	Data  Key      `json:"data" f:"3"`                            // fingerprint of the test images of the model's labels

	// Metrics is the version of the statistics: 0 for the first.
	Metrics int `json:"metrics,omitempty" f:"4" was:"0" level:"2" rule:"min=0"`
	// What the classes are called in outputs; empty: the model's joined labels.
	PositiveName string `json:"positiveName,omitempty" f:"5" was:"" level:"2"`
	NegativeName string `json:"negativeName,omitempty" f:"6" was:"" level:"2"`
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
			h.Write(field.AppendBytes(nil, []byte(l)))
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
	case t.Stain != nil:
		return t.Stain.Data
	case t.Paired != nil:
		return t.Paired.Data
	}
	return Key{}
}

// Inputs are the keys of the tasks whose results this one reads: the generators
// of a fine-tuning in the order of its stains; the model of an evaluation, then
// the evaluation it is given, if any. A normaliser's stain comes last.
func (t Task) Inputs() []Key {
	switch t.Kind {
	case KindPretrain:
		return t.Pretrain.Normaliser.inputs()
	case KindFinetune:
		return append(append([]Key(nil), t.Finetune.Generators...), t.Finetune.Normaliser.inputs()...)
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
