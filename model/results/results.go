// Package results is what finished tasks leave behind for reports and for each
// other, as JSON: the payload checkpoint.Results of each kind of task, the names
// of the sample images beside it, and the side record of what a task cost. It is
// data only.
package results

import (
	"fmt"

	"g2c/internal/stain"
	"g2c/model/metrics"
)

// Pretrain is the payload checkpoint.Results of a pretraining.
type Pretrain struct {
	Losses  []string        `json:"losses"` // names
	Epochs  []PretrainEpoch `json:"epochs"`
	Shown   []int           `json:"shown"` // epochs with images in the payload Samples
	Metrics Generator       `json:"metrics"`
}

// PretrainEpoch is one epoch of a pretraining.
type PretrainEpoch struct {
	Epoch  int       `json:"epoch"` // from 0
	LR     float64   `json:"lr"`
	Losses []float64 `json:"losses"` // means over the epoch, in the order of the names
}

// Generator judges the forward generator on images of the source stain.
type Generator struct {
	Images         int            `json:"images"`
	CycleL1        metrics.Number `json:"cycleL1"`        // mean |G_BA(G_AB(x)) - x| on [0,1]
	CycleSSIM      metrics.Number `json:"cycleSSIM"`      // of the same pairs
	ColourDistance metrics.Number `json:"colourDistance"` // of mean colours, generated and real target stain

	// Against the truth, where it is known: synthetic tissue.
	SSIM *metrics.Number `json:"ssim,omitempty"`
	PSNR *metrics.Number `json:"psnr,omitempty"` // decibels
}

// Paired is the payload checkpoint.Results of a paired training.
type Paired struct {
	Losses  []string        `json:"losses"` // names
	Epochs  []PretrainEpoch `json:"epochs"`
	Shown   []int           `json:"shown"` // epochs with images in the payload Samples
	Metrics Pairs           `json:"metrics"`
}

// Pairs judges a generator on pairs that it was not trained on, by means over images; what
// needs no network stands beside it.
type Pairs struct {
	Split    string   `json:"split"` // test; train where no pair is held out
	Images   int      `json:"images"`
	Model    Likeness `json:"model"`
	Source   Likeness `json:"source"`   // the source images as they are
	Reinhard Likeness `json:"reinhard"` // in the colours of the training targets; undefined where these have none
}

// Likeness is how much images are like their targets.
type Likeness struct {
	SSIM metrics.Number `json:"ssim"` // of grey images: metrics.GreySSIM
	PSNR metrics.Number `json:"psnr"` // decibels; undefined of images that are equal
}

// Finetune is the payload checkpoint.Results of a fine-tuning.
type Finetune struct {
	Epochs   []FinetuneEpoch `json:"epochs"`
	Selected int             `json:"selected"` // epoch whose weights were selected, from 0
}

// FinetuneEpoch is one epoch of a fine-tuning.
type FinetuneEpoch struct {
	Epoch      int             `json:"epoch"` // from 0
	LR         float64         `json:"lr"`
	Frozen     bool            `json:"frozen"` // generators stood still
	Loss       float64         `json:"loss"`   // mean focal loss
	Validation *metrics.Binary `json:"validation,omitempty"`
}

// Evaluate is the payload checkpoint.Results of an evaluation.
type Evaluate struct {
	PositiveName string           `json:"positiveName"`
	NegativeName string           `json:"negativeName"`
	Given        int              `json:"given,omitempty"` // test images left out because the task before got them wrong
	Splits       map[string]Split `json:"splits"`          // train, validation, test
	Gap          metrics.Number   `json:"gap"`             // train less test balanced accuracy
	// GapGiven is the same of equal populations: of the training images, too, only those
	// that the task before got right. Of a task that is given another alone.
	GapGiven *metrics.Number `json:"gapGiven,omitempty"`
	// GapGivenTrain is how many training images GapGiven rests on: those of this task that
	// the task before was trained on too and got right. Where only a part of the images is
	// taken, each task takes its own, and those that the one before never saw are not among
	// them. 0: none, and the gap is undefined; or an older program did not count.
	GapGivenTrain int          `json:"gapGivenTrain,omitempty"`
	Predictions   []Prediction `json:"predictions"`
	Stains        []string     `json:"stains"`
	Size          int          `json:"size"`
}

// Split is the metrics of one split.
type Split struct {
	metrics.Binary
	Precision metrics.Number              `json:"precision"`      // of the positive class
	Groups    [2]int                      `json:"groups"`         // patients, slides or images with images of each class
	Recall    map[string]metrics.Number   `json:"recall"`         // by class name
	CI95      map[string]metrics.Interval `json:"ci95,omitempty"` // by metric; of a recall by Recall's name
}

// The names of the intervals of a split.
const (
	BalancedAccuracy = "balancedAccuracy"
	AUC              = "auc"
	Accuracy         = "accuracy"
	F1               = "f1"
	Precision        = "precision"
)

// RecallOf is the name of the interval of a class's recall.
func RecallOf(class string) string { return "recall " + class }

// Judge is the metrics of a split's samples; positive and negative are the names of the
// classes.
func Judge(samples []metrics.Sample, positive, negative string) Split {
	b, e := metrics.Judge(samples), metrics.Intervals(samples, metrics.Level)
	return Split{
		Binary: b, Precision: e.Precision.Value, Groups: e.Groups,
		Recall: map[string]metrics.Number{positive: b.Recall[0], negative: b.Recall[1]},
		CI95: map[string]metrics.Interval{
			BalancedAccuracy: e.BalancedAccuracy.Interval, AUC: e.AUC.Interval, Accuracy: e.Accuracy.Interval, F1: e.F1.Interval,
			Precision: e.Precision.Interval, RecallOf(positive): e.Recall[0].Interval, RecallOf(negative): e.Recall[1].Interval,
		},
	}
}

// Prediction is the judgement of one image.
type Prediction struct {
	Name  string  `json:"name"`
	Split string  `json:"split"`
	Group string  `json:"group"`
	Label string  `json:"label"` // of the data
	Class int     `json:"class"` // 0 positive, 1 negative
	P     float64 `json:"p"`     // of the positive class
}

// Sample is what metrics judges.
func (p Prediction) Sample() metrics.Sample {
	return metrics.Sample{P: p.P, Class: p.Class, Group: p.Group}
}

// Stain is the results of a stain that was made without training.
type Stain struct {
	Method string `json:"method"`
	// Images are those of the target, and Pixels those that its numbers were taken from; 0
	// of methods without a target.
	Images   int             `json:"images,omitempty"`
	Pixels   int             `json:"pixels,omitempty"`
	Reinhard *stain.Reinhard `json:"reinhard,omitempty"`
	Macenko  *stain.Macenko  `json:"macenko,omitempty"`
}

// Samples is the payload of sample images: a safetensors file of 8-bit tensors.
const Samples = "samples"

// Backward is the payload of a pretraining's generator back to the source stain: a safetensors
// file like that of its weights. What comes back through it tells how much of an image a
// generator keeps, also after joint training. Older programs left none.
const Backward = "backward"

// ShowImages is the number of images of each stain in a pretraining's samples.
const ShowImages = 3

// ShowKinds are the sample images of one epoch of a pretraining, each
// (images,S,S,3): the real images, their translations, what comes back, and the
// identity images. A is the source stain.
var ShowKinds = []string{"real_A", "fake_B", "cycle_A", "identity_A", "real_B", "fake_A", "cycle_B", "identity_B"}

// PairKinds are the sample images of one epoch of a paired training: source, translation and
// target.
var PairKinds = []string{"real_A", "fake_B", "real_B"}

// ShowName is the name of an epoch's sample images; the tensor is flat.
func ShowName(epoch int, kind string) string { return fmt.Sprintf("epoch.%d.%s", epoch, kind) }

// Timing is the side record of a task: what it cost, outside every hash.
type Timing struct {
	Seconds      float64 `json:"seconds"`      // in the loop, over the attempts that ended or were interrupted; not those killed
	StallSeconds float64 `json:"stallSeconds"` // of them, waiting for checkpoints
	Saves        int     `json:"saves"`

	// DeviceSeconds counts the seconds of every slot that trained, of a gang those of all its
	// members; older records have none.
	DeviceSeconds float64 `json:"deviceSeconds,omitempty"`
	// Joules is what the counters of this machine say was used meanwhile, by whomever; nil
	// where none can be read, or a part of the time none was, or a gang had other machines.
	Joules *float64 `json:"joules,omitempty"`
	Meter  string   `json:"meter,omitempty"` // where Joules comes from
}

// TimingRecord is the name of the side record.
const TimingRecord = "timing"
