package report

import (
	"encoding/json"

	"g2c/api"
	"g2c/model/metrics"
	"g2c/model/results"
)

// Data is the results of an experiment. Its JSON is results.json; the order of
// the fields is the order of the bytes.
type Data struct {
	Experiment    string       `json:"experiment"`
	SpecHash      string       `json:"specHash"`
	NumericsClass string       `json:"numericsClass"`
	Arms          []Arm        `json:"arms"`        // finished evaluations, in the order of the plan
	Generators    []Generator  `json:"generators"`  // finished pretrainings, in the order of the plan
	Comparisons   []Comparison `json:"comparisons"` // the seeds together first, then each
	Unfinished    []Unfinished `json:"unfinished"`  // what the plan asks for and the store lacks

	// What the caller knows of the run; Collect leaves it empty. It is shown on
	// the page and enters neither results.json nor results.csv.
	Notes Notes `json:"-"`

	baseline string      // name of the arm
	groups   []*group    // of Arms, in the order of the plan
	tuned    []tuning    // finished fine-tunings
	samples  []showcase  // sample images of the generators
	examples []exampleOf // rescued and lost patches
	items    int         // tasks of the plan
	shared   int         // requests that another request's task answers
	ready    []string    // keys of generators that the plan does not make
}

// Notes is what only the caller of Collect knows.
type Notes struct {
	Warnings []string // about the data, one sentence each
	Command  string   // what makes the same results again; `g2c run SPEC` if empty
}

// Arm is a row: a fine-tuning and its evaluation.
type Arm struct {
	Task          string   `json:"task"` // of the spec
	Arm           string   `json:"arm"`
	Stains        []string `json:"stains"` // generated ones
	Blocks        int      `json:"blocks"` // residual blocks of the generators
	Seed          uint32   `json:"seed"`
	Name          string   `json:"name"`          // of the fine-tuning
	Key           api.Key  `json:"key"`           // of the fine-tuning
	Inputs        []string `json:"inputs"`        // keys of the generators, in the order of Stains
	WeightsSHA256 string   `json:"weightsSHA256"` // of the selected weights
	Steps         int64    `json:"steps"`
	Seconds       *float64 `json:"seconds"` // in the training loop; null if not recorded
	Metrics       Metrics  `json:"metrics"`

	Width         int     `json:"width"` // of the generators
	Options       string  `json:"options,omitempty"`
	SelectedEpoch int     `json:"selectedEpoch"` // from 0
	Evaluation    api.Key `json:"evaluation"`
	Given         string  `json:"given,omitempty"` // task on whose rightly recognised positives this one is judged
	LeftOut       int     `json:"leftOut,omitempty"`

	positive, negative string // names of the classes
	predictions        []results.Prediction
}

// Metrics is what an evaluation found.
type Metrics struct {
	Test       Split          `json:"test"`
	Train      Split          `json:"train"` // without augmentation
	Validation Split          `json:"validation"`
	Gap        metrics.Number `json:"gap"` // train less test balanced accuracy
}

// Split is the metrics of one split; one without images is {} in JSON.
type Split struct {
	N                int                       `json:"n"`
	BalancedAccuracy metrics.Number            `json:"balancedAccuracy"`
	Accuracy         metrics.Number            `json:"accuracy"`
	AUC              metrics.Number            `json:"auc"`
	F1               metrics.Number            `json:"f1"`
	Recall           map[string]metrics.Number `json:"recall"`    // by class name
	Confusion        [2][2]int                 `json:"confusion"` // rows truth, columns prediction, positive first
	CI95             CI95                      `json:"ci95"`
}

// CI95 is bootstrap intervals over groups of images.
type CI95 struct {
	BalancedAccuracy metrics.Interval `json:"balancedAccuracy"`
	AUC              metrics.Interval `json:"auc"`
}

// MarshalJSON implements json.Marshaler.
func (s Split) MarshalJSON() ([]byte, error) {
	if s.N == 0 {
		return []byte("{}"), nil
	}
	type plain Split
	return json.Marshal(plain(s))
}

// Generator is a finished pretraining.
type Generator struct {
	Stain         string           `json:"stain"`
	Width         int              `json:"width"`
	Blocks        int              `json:"blocks"`
	Seed          uint32           `json:"seed"`
	Name          string           `json:"name"`
	Key           api.Key          `json:"key"`
	WeightsSHA256 string           `json:"weightsSHA256"` // of the forward generator
	Metrics       GeneratorMetrics `json:"metrics"`

	Steps   int64    `json:"steps"`
	Seconds *float64 `json:"seconds"`

	source string // stain
	losses []string
	epochs []results.PretrainEpoch
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

// Comparison is a McNemar test on paired test predictions of two arms.
type Comparison struct {
	A     string         `json:"a"` // the baseline
	B     string         `json:"b"`
	Test  string         `json:"test"`
	P     metrics.Number `json:"p"`
	Task  string         `json:"task"`
	Width int            `json:"width"`
	// Blocks and Options are those of B.
	Blocks  int     `json:"blocks"`
	Options string  `json:"options,omitempty"`
	Seed    *uint32 `json:"seed"`  // null: the seeds together, an image counted once with its mean probability
	OnlyA   int     `json:"onlyA"` // pairs that only A judged right
	OnlyB   int     `json:"onlyB"`
	N       int     `json:"n"` // pairs
}

// Unfinished is a task of the plan without a final checkpoint.
type Unfinished struct {
	Name string   `json:"name"`
	Key  api.Key  `json:"key"`
	Kind api.Kind `json:"kind"`
}

// tuning is a finished fine-tuning, for its curves.
type tuning struct {
	task, arm, options    string
	width, blocks, frozen int
	seed                  uint32
	stains                []string
	key                   api.Key
	epochs                []results.FinetuneEpoch
	selected              int
}

// showcase is the sample images of a generator: for each epoch and kind of
// results.ShowKinds the images in a row, RGB, size×size each.
type showcase struct {
	generator int // index in Data.Generators
	size      int
	epochs    []int
	images    int
	pixels    map[string][]uint8 // by results.ShowName
}

// example is one test patch that two arms judge differently.
type example struct {
	Name, Group, Truth string
	Seed               uint32
	PBaseline, PArm    float64 // of the positive class
	size               int
	source             []uint8   // RGB
	generated          [][]uint8 // by stain
}

// exampleOf is the examples of a group against the baseline.
type exampleOf struct {
	group           *group
	rescued, lost   []example // a few, with images
	nRescued, nLost int       // patches judged differently, summed over seeds
}
