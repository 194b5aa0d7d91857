package spec

// Tags of the fields: yaml is the name; key says which keys the field enters, as
// the column of the reference does (P pretrain, F fine-tune, E evaluation, - none)
// and holds for what is below it too; rule is checked where the value stands.

// Spec is one complete spec: defaults filled in, an arm and a point of the sweep
// applied.
type Spec struct {
	APIVersion string            `yaml:"apiVersion" key:"-" rule:"one=g2c/v1"`
	Kind       string            `yaml:"kind" key:"-" rule:"one=Experiment"`
	Metadata   Metadata          `yaml:"metadata" key:"-"`
	Data       Data              `yaml:"data"`
	Tasks      []Task            `yaml:"tasks" key:"FE"`
	Model      Model             `yaml:"model"`
	Pretrain   Pretrain          `yaml:"pretrain" key:"P"`
	Finetune   Finetune          `yaml:"finetune" key:"F"`
	Generators map[string]string `yaml:"generators" key:"F"` // stain to task key, or MODEL
	Seed       uint32            `yaml:"seed" key:"PF"`
	Precision  string            `yaml:"precision" key:"PF" rule:"one=fp32|bf16"`
	Gradients  string            `yaml:"gradients" key:"F" rule:"one=fp32|bf16"`
	Device     Device            `yaml:"device" key:"-"`
	Gang       Gang              `yaml:"gang" key:"-"`
	Checkpoint Checkpoint        `yaml:"checkpoint" key:"-"`
	Store      string            `yaml:"store" key:"-"`
}

// Metadata names the experiment.
type Metadata struct {
	Name     string            `yaml:"name" rule:"name"`
	Project  string            `yaml:"project" rule:"name"`
	Priority int               `yaml:"priority" rule:"min=-1000000,max=1000000"`
	Labels   map[string]string `yaml:"labels"`
}

// Data says which images, and how they are seen.
type Data struct {
	Source     string           `yaml:"source" key:"PF" rule:"stain"`
	Size       int              `yaml:"size" key:"PF" rule:"min=64,max=8192"` // side in pixels
	Fit        string           `yaml:"fit" key:"PF" rule:"one=resize|refuse"`
	Synthetic  *Synthetic       `yaml:"synthetic" key:"PFE"` // nil: off
	Unlabelled map[string]Paths `yaml:"unlabelled" key:"P"`  // by stain
	Paired     map[string]Paths `yaml:"paired" key:"P"`      // by stain; recognised, refused
	Labelled   Labelled         `yaml:"labelled"`
	Seed       uint32           `yaml:"seed" key:"F"` // of the split
}

// Synthetic are the parameters of the built-in kidney world.
type Synthetic struct {
	Patients int    `yaml:"patients" rule:"min=1,max=1000000"`
	Patches  int    `yaml:"patches" rule:"min=1,max=1000000"`
	Seed     uint32 `yaml:"seed"`
}

// Labelled says where the labelled patches are: class folders or CSV files.
type Labelled struct {
	Train      Paths      `yaml:"train" key:"F"`
	Test       Paths      `yaml:"test" key:"E"`
	Validation Validation `yaml:"validation" key:"F"`
	Group      Group      `yaml:"group" key:"FE"`
	Columns    Columns    `yaml:"columns" key:"FE"`
}

// Group says which images belong together.
type Group struct {
	Pattern string `yaml:"pattern"` // with (?P<patient>) or (?P<slide>); empty: CSV columns
}

// Columns are the names of a CSV file's columns.
type Columns struct {
	Path    string `yaml:"path" rule:"text"`
	Label   string `yaml:"label" rule:"text"`
	Patient string `yaml:"patient" rule:"text"`
	Slide   string `yaml:"slide" rule:"text"`
}

// Task is one two-class problem over the labels of the data.
type Task struct {
	Name         string   `yaml:"name" key:"-" rule:"name"`
	Positive     []string `yaml:"positive" rule:"text"`
	Negative     []string `yaml:"negative" rule:"text"`
	PositiveName string   `yaml:"positiveName"` // empty: the joined labels
	NegativeName string   `yaml:"negativeName"`
	Given        string   `yaml:"given" key:"E"` // name of a task; empty for none
}

// Model is the shape of the networks.
type Model struct {
	Generator     Generator     `yaml:"generator" key:"PF"`
	Discriminator Discriminator `yaml:"discriminator" key:"P"`
	Classifier    Classifier    `yaml:"classifier" key:"F"`
}

// Generator is the shape of a generator.
type Generator struct {
	Width  int `yaml:"width" rule:"min=1,max=4096"`
	Blocks int `yaml:"blocks" rule:"min=1,max=256"`
}

// Discriminator is the shape of a discriminator.
type Discriminator struct {
	Width int `yaml:"width" rule:"min=1,max=4096"`
}

// Classifier is the shape of the classifier.
type Classifier struct {
	Width     int    `yaml:"width" rule:"min=1,max=16384"`
	Units     int    `yaml:"units" rule:"min=1,max=8"`
	Hidden    int    `yaml:"hidden" rule:"min=1,max=65536"`
	Attention bool   `yaml:"attention"`
	Stem      string `yaml:"stem" rule:"one=inception-v4|conv7"`
	Shared    bool   `yaml:"shared"`
}

// Pretrain are the hyper-parameters of the CycleGANs.
type Pretrain struct {
	Epochs         int     `yaml:"epochs" rule:"min=1,max=1000000"`
	ConstantEpochs int     `yaml:"constantEpochs" rule:"min=0,max=1000000"`
	Batch          int     `yaml:"batch" rule:"min=1,max=65536"`
	Pool           int     `yaml:"pool" rule:"min=0,max=65536"` // images
	LambdaCycle    float64 `yaml:"lambdaCycle" rule:"min=0"`
	LambdaIdentity float64 `yaml:"lambdaIdentity" rule:"min=0"`
	Load           float64 `yaml:"load" rule:"min=1,max=4"`
	Flip           bool    `yaml:"flip"`
	LR             float64 `yaml:"lr" rule:"above=0"`
	Beta1          float64 `yaml:"beta1" rule:"min=0,below=1"`
	Beta2          float64 `yaml:"beta2" rule:"min=0,below=1"`
}

// Finetune are the hyper-parameters of the joint training.
type Finetune struct {
	Epochs       int     `yaml:"epochs" rule:"min=1,max=1000000"`
	FreezeEpochs Freeze  `yaml:"freezeEpochs"`
	Batch        int     `yaml:"batch" rule:"min=1,max=65536"`
	Shards       int     `yaml:"shards" rule:"min=1,max=4096"`
	Select       string  `yaml:"select" rule:"one=last|best"`
	Gamma        float64 `yaml:"gamma" rule:"min=0"`
	LR           float64 `yaml:"lr" rule:"above=0"`
	Momentum     float64 `yaml:"momentum" rule:"min=0,below=1"`
	DropEvery    int     `yaml:"dropEvery" rule:"min=1,max=1000000"`
	DropBy       float64 `yaml:"dropBy" rule:"min=1"`
	Augment      bool    `yaml:"augment"`
}

// Gang bounds how many slots run a task together.
type Gang struct {
	Min int `yaml:"min" rule:"min=1,max=4096"`
	Max int `yaml:"max" rule:"min=0,max=4096"` // 0: as many as finetune.shards
}

// Checkpoint says how often state is saved and how much of it is kept.
type Checkpoint struct {
	Every    Every `yaml:"every"`
	Keep     int   `yaml:"keep" rule:"min=1,max=1000000"`
	KeepBest bool  `yaml:"keepBest"`
}

// Default is the paper's spec; where the paper is silent, ours. What a spec must
// say itself (name, source, data, tasks) is empty.
func Default() Spec {
	return Spec{
		APIVersion: "g2c/v1",
		Kind:       "Experiment",
		Metadata:   Metadata{Project: "default"},
		Data: Data{Size: 224, Fit: "resize", Labelled: Labelled{
			Validation: Validation{Fraction: 0.15, By: "group"},
			Columns:    Columns{Path: "path", Label: "label", Patient: "patient", Slide: "slide"},
		}},
		Model: Model{
			Generator:     Generator{Width: 64, Blocks: 6},
			Discriminator: Discriminator{Width: 64},
			Classifier:    Classifier{Width: 256, Units: 3, Hidden: 32, Attention: true, Stem: "inception-v4", Shared: true},
		},
		Pretrain: Pretrain{
			Epochs: 200, ConstantEpochs: 100, Batch: 1, Pool: 50, LambdaCycle: 10, LambdaIdentity: 0.5,
			Load: 1.117, Flip: true, LR: 2e-4, Beta1: 0.5, Beta2: 0.999,
		},
		Finetune: Finetune{
			Epochs: 30, FreezeEpochs: 5, Batch: 16, Shards: 4, Select: "last", Gamma: 2,
			LR: 0.01, Momentum: 0.5, DropEvery: 5, DropBy: 10,
		},
		Seed:       1,
		Precision:  "fp32",
		Gradients:  "fp32",
		Device:     "auto",
		Gang:       Gang{Min: 1},
		Checkpoint: Checkpoint{Every: Every{Epochs: 1}, Keep: 2, KeepBest: true},
		Store:      "runs/",
	}
}
