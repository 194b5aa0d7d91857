package spec

import (
	"reflect"
	"sync"

	"g2c/api"
)

// The structs below, with those of api that stand in them, are the table of all fields:
// their tags (internal/field says what each means) drive reading, defaults, ranges, the
// normal form, names, the schema and the reference. Three more are a spec's own: whole
// marks what holds for the whole experiment, so that no arm sets it; names are what a
// map's entries are called in the reference; unwritten is what an empty name stands for.

// Spec is one complete spec: defaults filled in, an arm and a point of the sweep
// applied.
type Spec struct {
	APIVersion  string           `yaml:"apiVersion" key:"" whole:"" default:"g2c/v1" rule:"one=g2c/v1" doc:"the version of the format; required"`
	Kind        string           `yaml:"kind" key:"" whole:"" default:"Experiment" rule:"one=Experiment" doc:"what the file describes; required"`
	Metadata    Metadata         `yaml:"metadata" key:"" whole:""`
	Data        Data             `yaml:"data"`
	Tasks       []Task           `yaml:"tasks" whole:"" doc:"one classifier each"`
	Model       Model            `yaml:"model"`
	Pretrain    Pretraining      `yaml:"pretrain"`
	Finetune    Tuning           `yaml:"finetune"`
	Generators  map[string]Ready `yaml:"generators" key:"F" names:"STAIN" doc:"instead of pretraining: a finished model by a task's key, a name in the store, or a path; or {method: …}, a branch without training (docs/stains.md): reinhard or macenko, the source in the unlabelled images' colours; copy, the source again; random, a generator as it is drawn; truth, the real stain of synthetic tissue"`
	api.Random                   // seed, precision
	api.Sums                     // gradients
	Device      Device           `yaml:"device" key:"" whole:"" default:"auto" doc:"where tasks run, unless --device says so; it decides the numerics class, which is in every key"`
	Gang        api.Gang         `yaml:"gang" key:""`
	Checkpoint  Checkpoint       `yaml:"checkpoint" key:""`
	Watchdog    api.Watchdog     `yaml:"watchdog" key:""`
	Store       string           `yaml:"store" key:"" whole:"" default:"runs/" doc:"directory or s3://BUCKET/PREFIX of checkpoints and reports, unless --store says so"`
	Cost        Cost             `yaml:"cost" key:"" whole:""`
	Search      *Search          `yaml:"search" key:"" whole:""`
	Comparisons []Comparison     `yaml:"comparisons" key:"" whole:"" doc:"pairs of arms that the report tests, also at chosen points of the sweep; without it the baseline against every arm"`
}

// Pretraining is how generators are trained: without pairs or, of stains that have some,
// on these. Pairs leave pool, lambdaCycle and lambdaIdentity alone.
type Pretraining struct {
	api.CycleGAN
	api.L1
}

// Metadata names the experiment.
type Metadata struct {
	Name     string            `yaml:"name" rule:"name" doc:"of the experiment and its report's folder; required"`
	Project  string            `yaml:"project" default:"default" rule:"name" doc:"whose share of a cluster it uses"`
	Priority int               `yaml:"priority" default:"0" rule:"min=-1000000,max=1000000" doc:"among the experiments of a cluster; higher first"`
	Labels   map[string]string `yaml:"labels" rule:"text" names:"NAME" dots:"" doc:"notes that the plan and the report carry; a cluster does not keep them, and refuses them"`
}

// Data says which images, and how they are seen.
type Data struct {
	api.Origin                  // source
	api.View                    // size, fit
	Synthetic  *api.Synthetic   `yaml:"synthetic" key:"PFE" doc:"the built-in kidney world in place of images"` // nil: off
	Unlabelled map[string]Paths `yaml:"unlabelled" key:"P" names:"STAIN" doc:"folders, globs or s3:// addresses of patches of a stain; the source stain too"`
	Paired     map[string]Paths `yaml:"paired" key:"P" names:"STAIN" doc:"of a stain, images of the same tissue in both stains, on which pix2pix is trained in place of a CycleGAN: a CSV of the columns source, target, split (train or test) and slide, or two folders of equal names"`
	HeldSlide  string           `yaml:"heldSlide" key:"P" was:"" rule:"label" doc:"of paired images: the slide whose pairs are held out, in place of what the column split says; a sweep over it leaves out one slide after another"`
	Labelled   Labelled         `yaml:"labelled"`
	Normalise  string           `yaml:"normalise" key:"PFE" default:"none" was:"none" rule:"one=none|reinhard|macenko" doc:"give the source's images the stain of its unlabelled ones, by Reinhard's method or Macenko's (docs/stains.md), before anything sees them"`
	Seed       int              `yaml:"seed" key:"F" default:"0" word:"run=-1" rule:"min=0,max=4294967295" doc:"of the split, the folds and what is taken; run, the run's own seed: each seed of a sweep then draws its images anew"`
}

// Labelled says where the labelled patches are: class folders or CSV files.
type Labelled struct {
	Train           Paths       `yaml:"train" key:"F" doc:"folders or s3:// addresses of class folders, or CSV files"`
	Test            Paths       `yaml:"test" key:"E" doc:"as train; with folds it may be missing, is trained on too, and enters F beside E"`
	Validation      Validation  `yaml:"validation" key:"F" default:"{fraction: 0.15, by: group}" doc:"a part of train, by whole groups and stratified by class; or paths of its own; or none"`
	Group           Group       `yaml:"group" key:"FE"`
	Columns         api.Columns `yaml:"columns" key:"FE"`
	Folds           int         `yaml:"folds" key:"FE" default:"none" was:"0" word:"none=0" rule:"min=2,max=100" unit:"folds" doc:"stratified folds of whole groups over train and test together: each is tested once, by a model of its own"`
	Take            int         `yaml:"take" key:"F" default:"all" was:"0" word:"all=0" rule:"min=1,max=2147483647" unit:"images" doc:"training images, stratified by class; a larger number contains a smaller one's"`
	AllowDuplicates bool        `yaml:"allowDuplicates" key:"" default:"false" was:"false" doc:"count equal pixels in two splits or under two labels, instead of refusing them"`
}

// Group says which images belong together.
type Group struct {
	Pattern string `yaml:"pattern" rule:"pattern" doc:"regular expression on a file's name without folder and extension, with (?P<patient>...) or (?P<slide>...): images that belong together stay on one side of a split"`
	By      string `yaml:"by" rule:"one=pattern|column" doc:"which of the two counts, where a table has a column of groups beside the pattern"`
}

// Task is one two-class problem over the labels of the data.
type Task struct {
	Name         string   `yaml:"name" key:"" rule:"name" doc:"of the task"`
	Positive     []string `yaml:"positive" key:"FE" rule:"label" doc:"labels of the positive class"`
	Negative     []string `yaml:"negative" key:"FE" rule:"label" doc:"labels of the negative class"`
	PositiveName string   `yaml:"positiveName" key:"E" rule:"label" doc:"what the positive class is called in outputs; without it, its labels joined by +"`
	NegativeName string   `yaml:"negativeName" key:"E" rule:"label" doc:"as positiveName"`
	Given        string   `yaml:"given" key:"E" rule:"name" doc:"a task: judge only its positives that its model of the same arm, point and fold got right"`
}

// Model is the shape of the networks.
type Model struct {
	Generator       api.Generator     `yaml:"generator"`
	Discriminator   api.Discriminator `yaml:"discriminator"`
	Classifier      api.Classifier    `yaml:"classifier"`
	api.Replacement                   // baseline
}

// Tuning is a fine-tuning's hyper-parameters.
type Tuning struct {
	api.Tuning
	Augment Augment `yaml:"augment" key:"F" default:"false" doc:"of the training images: true, flips and jitter of brightness and saturation; hed, flips and jitter of stains (docs/stains.md); the paper augments the source alone: an arm sets it"`
}

// Checkpoint says how often state is saved and how much of it is kept.
type Checkpoint struct {
	Every    Every `yaml:"every" default:"1 epoch" doc:"how often a training saves its state"`
	Keep     int   `yaml:"keep" default:"2" rule:"min=1,max=1000000" doc:"newest checkpoints kept while a task trains; a finished one keeps its last"`
	KeepBest bool  `yaml:"keepBest" default:"true" doc:"while a fine-tuning trains, keep beside those the end of the epoch with the highest validation balanced accuracy; one that is the best so far is saved whatever every says"`
}

// Cost says what the plan and the report reckon with.
type Cost struct {
	DeviceHour float64 `yaml:"deviceHour" json:"deviceHour" default:"0" was:"0" rule:"min=0" doc:"what an hour of a slot costs, in currency"`
	KWh        float64 `yaml:"kWh" json:"kWh" default:"0" was:"0" rule:"min=0" doc:"what a kilowatt hour costs, in currency, where the machine tells what it uses"`
	Currency   string  `yaml:"currency" json:"currency" default:"USD" was:"USD" rule:"text" doc:"what prices are in"`
}

// Rated says whether there is a price.
func (c Cost) Rated() bool { return c.DeviceHour > 0 || c.KWh > 0 }

// Of is what so many hours of slots cost, and so much energy, which may be unknown.
func (c Cost) Of(deviceHours float64, joules *float64) float64 {
	sum := deviceHours * c.DeviceHour
	if joules != nil {
		sum += *joules / joulesPerKWh * c.KWh
	}
	return sum
}

const joulesPerKWh = 3.6e6

// KWhOf is energy in kilowatt hours.
func KWhOf(joules float64) float64 { return joules / joulesPerKWh }

// Default is the paper's spec; where the paper is silent, ours. What a spec must
// say itself (name, source, data, tasks) is empty.
func Default() Spec { return standard() }

// standard is safe to copy: maps, lists and pointers have no defaults.
var standard = sync.OnceValue(func() Spec {
	var s Spec
	setDefaults(reflect.ValueOf(&s).Elem())
	return s
})
