package report

import (
	"encoding/json"

	"g2c/api"
	"g2c/experiments/record"
	"g2c/experiments/spec"
	"g2c/experiments/sweep"
	"g2c/model/metrics"
	"g2c/model/results"
)

// Data is the results of an experiment. Its JSON is results.json; the order of
// the fields is the order of the bytes.
type Data struct {
	Experiment    string        `json:"experiment"`
	RunHash       string        `json:"runHash"` // of the spec and the keys of all tasks
	SpecHash      string        `json:"specHash"`
	NumericsClass string        `json:"numericsClass"`
	Arms          []Arm         `json:"arms"`             // finished evaluations, in the order of the plan
	Generators    []Generator   `json:"generators"`       // finished pretrainings, in the order of the plan
	Groups        []Summary     `json:"groups"`           // of arms: the rows that differ in seed and fold alone
	Comparisons   []Comparison  `json:"comparisons"`      // of a task together
	Costs         []Cost        `json:"costs,omitempty"`  // where energy or prices are known
	Search        *sweep.Search `json:"search,omitempty"` // its trials, of which the winner's values are an arm's
	Unfinished    []Unfinished  `json:"unfinished"`       // what the plan asks for and the store lacks
	// Authenticity says what joint training made of the generators; nil where nobody looked.
	Authenticity *Authenticity `json:"authenticity,omitempty"`

	// Run is what was run, where and by what. It is shown on the page and enters neither
	// results.json nor results.csv.
	Run *record.Experiment `json:"-"`

	asked    []spec.Comparison // pairs of arms that the spec names
	baseline string            // name of the arm
	groups   []*group          // of Arms, in the order of the plan
	tuned    []tuning          // finished fine-tunings
	samples  []showcase        // sample images of the generators
	examples []exampleOf       // rescued and lost patches
	boards   []board           // a task each
	gallery  gallery           // images of these
	costs    []Cost
	items    int      // tasks of the plan
	shared   int      // requests that another request's task answers
	ready    []string // keys of generators that the plan does not make
}

// Arm is a row: a fine-tuning and its evaluation.
type Arm struct {
	Task          string   `json:"task"` // of the spec
	Arm           string   `json:"arm"`
	Stains        []string `json:"stains"`            // generated ones
	Methods       []string `json:"methods,omitempty"` // how each is made; "" by a trained generator; none where all are
	Blocks        int      `json:"blocks"`            // residual blocks of the generators
	Seed          uint32   `json:"seed"`
	Name          string   `json:"name"`          // of the fine-tuning
	Key           api.Key  `json:"key"`           // of the fine-tuning
	Inputs        []string `json:"inputs"`        // keys of the generators, in the order of Stains
	WeightsSHA256 string   `json:"weightsSHA256"` // of the selected weights
	Steps         int64    `json:"steps"`
	Seconds       *float64 `json:"seconds"` // in the training loop; null if not recorded
	Metrics       Metrics  `json:"metrics"`

	Width         int        `json:"width"` // of the generators
	Options       string     `json:"options,omitempty"`
	SelectedEpoch int        `json:"selectedEpoch"` // from 0
	Evaluation    api.Key    `json:"evaluation"`
	Parameters    Parameters `json:"parameters"`
	Given         string     `json:"given,omitempty"` // task on whose rightly recognised positives this one is judged
	LeftOut       int        `json:"leftOut,omitempty"`

	Fold int `json:"fold,omitempty"` // of how many Groups says; 0 without folds

	// Title is the arm with what tells it from other points of the sweep, for people.
	Title string `json:"-"`

	positive, negative string // names of the classes
	predictions        []results.Prediction
	folds              int // how many there are
	use                sweep.Use
	source             string // which images are tested; see testSource
	parts              []*Arm // the folds of a row that stands for all of them
	partOf             map[string]*Arm
}

// Metrics is what an evaluation found.
type Metrics struct {
	Test       Split          `json:"test"`
	Train      Split          `json:"train"` // without augmentation
	Validation Split          `json:"validation"`
	Gap        metrics.Number `json:"gap"` // train less test balanced accuracy
	// GapGiven is the same with training images, too, that the task before got right.
	GapGiven      *metrics.Number `json:"gapGiven,omitempty"`
	GapGivenTrain int             `json:"gapGivenTrain,omitempty"` // training images that it rests on
}

// Split is the metrics of one split; one without images is {} in JSON.
type Split struct {
	N                int                       `json:"n"`
	BalancedAccuracy metrics.Number            `json:"balancedAccuracy"`
	Accuracy         metrics.Number            `json:"accuracy"`
	AUC              metrics.Number            `json:"auc"`
	F1               metrics.Number            `json:"f1"`
	Precision        metrics.Number            `json:"precision"` // of the positive class
	Recall           map[string]metrics.Number `json:"recall"`    // by class name
	Confusion        [2][2]int                 `json:"confusion"` // rows truth, columns prediction, positive first
	Groups           [2]int                    `json:"groups"`    // patients, slides or images with images of each class
	CI95             CI95                      `json:"ci95"`
}

// CI95 is intervals over the choice of groups of images; docs/statistics.md says how they
// are computed. Those of the recalls are by class name.
type CI95 struct {
	BalancedAccuracy metrics.Interval            `json:"balancedAccuracy"`
	AUC              metrics.Interval            `json:"auc"`
	Accuracy         metrics.Interval            `json:"accuracy"`
	F1               metrics.Interval            `json:"f1"`
	Precision        metrics.Interval            `json:"precision"`
	Recall           map[string]metrics.Interval `json:"recall"`
}

// MarshalJSON implements json.Marshaler.
func (s Split) MarshalJSON() ([]byte, error) {
	if s.N == 0 {
		return []byte("{}"), nil
	}
	type plain Split
	return json.Marshal(plain(s))
}

// Generator is a finished pretraining, or training on pairs.
type Generator struct {
	Stain         string           `json:"stain"`
	Width         int              `json:"width"`
	Blocks        int              `json:"blocks"`
	Seed          uint32           `json:"seed"`
	Name          string           `json:"name"`
	Key           api.Key          `json:"key"`
	WeightsSHA256 string           `json:"weightsSHA256"`   // of the forward generator
	Metrics       GeneratorMetrics `json:"metrics"`         // undefined of one that was trained on pairs
	Pairs         *results.Pairs   `json:"pairs,omitempty"` // of one that was trained on pairs

	Steps   int64    `json:"steps"`
	Seconds *float64 `json:"seconds"`

	source  string // stain
	options string // what tells it from others, of one that was trained on pairs
	losses  []string
	epochs  []results.PretrainEpoch
}

// GeneratorMetrics judges a forward generator; see results.Generator.
type GeneratorMetrics struct {
	CycleL1        metrics.Number  `json:"cycleL1"`
	CycleSSIM      metrics.Number  `json:"cycleSSIM"`
	ColourDistance metrics.Number  `json:"colourDistance"`
	SSIM           *metrics.Number `json:"ssim,omitempty"` // against the truth, of synthetic tissue
	PSNR           *metrics.Number `json:"psnr,omitempty"` // decibels
	Images         int             `json:"images"`
}

// Unfinished is a task of the plan without a final checkpoint.
type Unfinished struct {
	Name string   `json:"name"`
	Key  api.Key  `json:"key"`
	Kind api.Kind `json:"kind"`
	Why  string   `json:"why,omitempty"` // as the run last ended
}

// tuning is a finished fine-tuning, for its curves.
type tuning struct {
	task, arm, options    string
	name                  string
	width, blocks, frozen int
	seed                  uint32
	fold                  int
	stains                []string
	key                   api.Key
	epochs                []results.FinetuneEpoch
	selected              int
}

// showcase is the sample images of a generator: for each epoch and kind of
// results.ShowKinds, or of results.PairKinds, the images in a row, RGB, size×size each.
type showcase struct {
	generator int // index in Data.Generators
	size      int
	epochs    []int
	images    int
	pixels    map[string][]uint8 // by results.ShowName
}
