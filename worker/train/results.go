package train

import "g2c/model/metrics"

// PretrainResults is the payload checkpoint.Results of a pretraining.
type PretrainResults struct {
	Losses  []string         `json:"losses"` // names
	Epochs  []PretrainEpoch  `json:"epochs"`
	Shown   []int            `json:"shown"` // epochs with images in the payload Samples
	Metrics GeneratorMetrics `json:"metrics"`
}

// PretrainEpoch is one epoch of a pretraining.
type PretrainEpoch struct {
	Epoch  int       `json:"epoch"` // from 0
	LR     float64   `json:"lr"`
	Losses []float64 `json:"losses"` // means over the epoch, in the order of the names
}

// GeneratorMetrics judges the forward generator on images of the source stain.
type GeneratorMetrics struct {
	Images         int            `json:"images"`
	CycleL1        metrics.Number `json:"cycleL1"`        // mean |G_BA(G_AB(x)) - x| on [0,1]
	CycleSSIM      metrics.Number `json:"cycleSSIM"`      // of the same pairs
	ColourDistance metrics.Number `json:"colourDistance"` // of mean colours, generated and real target stain

	// Against the truth, where it is known: synthetic tissue.
	SSIM *metrics.Number `json:"ssim,omitempty"`
	PSNR *metrics.Number `json:"psnr,omitempty"` // decibels
}

// FinetuneResults is the payload checkpoint.Results of a fine-tuning.
type FinetuneResults struct {
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

// EvaluateResults is the payload checkpoint.Results of an evaluation.
type EvaluateResults struct {
	PositiveName string                  `json:"positiveName"`
	NegativeName string                  `json:"negativeName"`
	Given        int                     `json:"given,omitempty"` // test images left out because the task before got them wrong
	Splits       map[string]SplitResults `json:"splits"`          // train, validation, test
	Gap          metrics.Number          `json:"gap"`             // train less test balanced accuracy
	Predictions  []Prediction            `json:"predictions"`
	Shown        []int                   `json:"shown"` // predictions whose generated stains are in the payload Samples
	Stains       []string                `json:"stains"`
	Size         int                     `json:"size"`
}

// SplitResults is the metrics of one split.
type SplitResults struct {
	metrics.Binary
	Recall map[string]metrics.Number   `json:"recall"` // by class name
	CI95   map[string]metrics.Interval `json:"ci95,omitempty"`
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
