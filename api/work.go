package api

import (
	"fmt"

	"g2c/internal/field"
)

// Work is a task with what its key must not depend on: names, where the data
// lies, and how to run it.
type Work struct {
	Key        Key        `json:"key" f:"2"`   // of Task
	Names      []string   `json:"names" f:"3"` // every name that an experiment calls it by; the first is the one to show
	Task       Task       `json:"task"`
	Where      Where      `json:"where" f:"4"`
	Gang       Gang       `json:"gang" f:"5"`
	Checkpoint Checkpoint `json:"checkpoint" f:"6"`
	Watchdog   Watchdog   `json:"watchdog,omitzero" f:"10" was:"" level:"4"`
	Priority   int        `json:"priority" f:"7,signed"` // higher first
	Project    string     `json:"project" f:"8"`
	Experiment string     `json:"experiment" f:"9"`
}

// Levels of works. A work of a level above a cluster's is refused by it: some of its
// coordinators could not read it. A release that brings fields with the tag was, or
// choices of a field, has a level of its own, which they name.
const (
	LevelFirst = 1
	// LevelTrust brought evaluations that name the version of their metrics and their
	// classes, and labelled images in folds, in part, or with duplicates.
	LevelTrust = 2
	// LevelEnlarge brought images enlarged however small they are.
	LevelEnlarge = 3
	// LevelWishes brought an experiment's own wish for each of its tasks, with its gang, its
	// device, its paths and its watchdog.
	LevelWishes = 4
	// LevelGangs brought gangs over several workers, which have addresses for each other.
	LevelGangs = 5
	// LevelHolds brought experiments that are held: their wishes take no slots for a while.
	LevelHolds = 6
	// LevelK3 brought generators that go up by 3×3 transposed convolutions.
	LevelK3 = 7
	// LevelBaselines brought what the paper's networks are compared with: paired translation,
	// stains made without a network, other classifiers, and normalised inputs.
	LevelBaselines = 8
	// LevelSearch brought trials of a search that go on from shorter ones.
	LevelSearch = 9
)

// Level is the lowest level of a program that reads the work: that of the latest field
// that is not as it was before there was such a field.
func (w *Work) Level() int {
	return max(LevelFirst, field.Level(w), field.Level(&w.Task))
}

// Name is the name to show.
func (w *Work) Name() string { return w.Names[0] }

// Gang bounds how many slots run a task together.
type Gang struct {
	Min int `json:"min" f:"1" default:"1" rule:"min=1,max=4096" unit:"slots" doc:"slots without which a task does not start"`
	Max int `json:"max" f:"2" default:"0" rule:"min=0,max=4096" unit:"slots" doc:"slots that train a task together, at most finetune.shards; 0: as many as those"` // at most the task's shards
}

// MaxGang is the most slots that run a task together.
const MaxGang = 4096

// CheckGang refuses a gang that the task could never make use of: only a fine-tuning is
// trained by several slots, and by at most as many as it has shards.
func (w *Work) CheckGang() error {
	most := w.Task.MostSlots()
	switch g := w.Gang; {
	case g.Min < 0 || g.Max < 0:
		return fmt.Errorf("%s has a gang of %d to %d slots", w.Name(), g.Min, g.Max)
	case max(g.Min, g.Max) > most:
		return fmt.Errorf("%s has a gang of %d to %d slots, and at most %d can work on it together", w.Name(), g.Min, g.Max, most)
	}
	return nil
}

// MostSlots is how many slots can work on the task together.
func (t *Task) MostSlots() int {
	if t.Kind == KindFinetune && t.Finetune != nil {
		return max(min(t.Finetune.Shards, MaxGang), 1)
	}
	return 1
}

// Watchdog says after how long without a sign of life a task that was placed is taken off
// its workers, to be tried again, as after the death of a process. 0 is the
// coordinator's own time.
type Watchdog struct {
	Start    int `json:"start,omitempty" f:"1" default:"0" was:"0" level:"4" rule:"min=0,max=31536000" unit:"seconds" doc:"seconds that a task may be placed on a cluster without a step or a line of its log; then it is tried elsewhere, five times in a row at most; 0: an hour"`
	Progress int `json:"progress,omitempty" f:"2" default:"0" was:"0" level:"4" rule:"min=0,max=31536000" unit:"seconds" doc:"seconds that a running task may get no further; then it is tried elsewhere, five times in a row at most; 0: half an hour, and no less than fifty of its steps"`
}

// Running is what of a work its key does not depend on, and which an experiment may want
// otherwise than the next: what to call it, where its data lies and how to run it. The
// gang is not in it.
type Running struct {
	Names      []string   `json:"names" f:"1"`
	Where      Where      `json:"where" f:"2"`
	Checkpoint Checkpoint `json:"checkpoint" f:"3"`
	Watchdog   Watchdog   `json:"watchdog,omitzero" f:"4" was:""`
}

// Running is how the work says that it is to be run.
func (w *Work) Running() Running { return Running{w.Names, w.Where, w.Checkpoint, w.Watchdog} }

// As is the work run in another way, by another gang.
func (w *Work) As(r *Running, g Gang) Work {
	out := *w
	out.Names, out.Where, out.Checkpoint, out.Watchdog, out.Gang = r.Names, r.Where, r.Checkpoint, r.Watchdog, g
	return out
}

// Checkpoint says how often state is saved. Exactly one of the two cadences is
// positive.
type Checkpoint struct {
	EveryEpochs int  `json:"everyEpochs,omitempty" f:"1"`
	EverySteps  int  `json:"everySteps,omitempty" f:"2"`
	Keep        int  `json:"keep" f:"3"`     // newest ones kept
	KeepBest    bool `json:"keepBest" f:"4"` // and the best by validation

	// Longer, of a fine-tuning, is how many epochs a longer one has that begins as this one
	// does, and LongerFrozen its epochs with frozen generators: where this one ends, its state
	// is stored as the longer one's too, which goes on from there. 0 for none.
	Longer       int `json:"longer,omitempty" f:"5" was:"0" level:"9"`
	LongerFrozen int `json:"longerFrozen,omitempty" f:"6" was:"0" level:"9"`
}

// Longer is the fine-tuning that goes on where the work's ends; false for none.
func (w *Work) Longer() (Task, bool) {
	f := w.Task.Finetune
	if f == nil || w.Checkpoint.Longer <= f.Epochs {
		return Task{}, false
	}
	longer := *f
	longer.Epochs, longer.FrozenEpochs = w.Checkpoint.Longer, w.Checkpoint.LongerFrozen
	return FinetuneTask(w.Task.Numerics, longer), true
}

// Where says how to open the data of a task. Only what the task reads is set.
type Where struct {
	Source     string       `json:"source" f:"1"`
	Synthetic  *Synthetic   `json:"synthetic,omitempty" f:"2"`  // in place of the two below
	Unlabelled []StainPaths `json:"unlabelled,omitempty" f:"3"` // sorted by stain
	Labelled   *Labelled    `json:"labelled,omitempty" f:"4"`
	Generators []StainModel `json:"generators,omitempty" f:"5"`                 // pretrained generators, sorted by stain
	Paired     []string     `json:"paired,omitempty" f:"6" was:"" level:"8"`    // a table of pairs, or the folders of their sources and targets
	HeldSlide  string       `json:"heldSlide,omitempty" f:"7" was:"" level:"8"` // of pairs: the slide that is held out; empty: as the table or the folders say
}

// Synthetic are the parameters of the built-in kidney world.
type Synthetic struct {
	Patients int    `json:"patients" f:"1" rule:"min=1,max=1000000" doc:"patients of the built-in kidney world"`
	Patches  int    `json:"patches" f:"2" rule:"min=1,max=1000000" doc:"patches of each patient"`
	Seed     uint32 `json:"seed" f:"3" doc:"of the tissue that is drawn"`
}

// StainPaths are the folders and globs of a stain's unlabelled patches, relative
// to the working directory.
type StainPaths struct {
	Stain string   `json:"stain" f:"1"`
	Paths []string `json:"paths" f:"2"`
}

// StainModel is a pretrained generator: a key or a path, as the user wrote it, and the
// key that it was resolved to.
type StainModel struct {
	Stain string `json:"stain" f:"1"`
	Model string `json:"model" f:"2"`
	Key   Key    `json:"key" f:"3"`
}

// Labelled says where the labelled patches are: folders that hold one folder per
// class, or CSV files.
type Labelled struct {
	Train      []string    `json:"train,omitempty" f:"1"`
	Validation *Validation `json:"validation,omitempty" f:"2"` // nil for none
	Test       []string    `json:"test,omitempty" f:"3"`
	Pattern    string      `json:"pattern,omitempty" f:"4"` // regexp with a group named patient or slide, for base names without extension
	Columns    Columns     `json:"columns" f:"5"`

	By              string `json:"by,omitempty" f:"6" was:"" level:"2"`              // where a pattern and a column both give groups: GroupByPattern or GroupByColumn; empty: that is an error
	AllowDuplicates bool   `json:"allowDuplicates,omitempty" f:"7" was:"" level:"2"` // equal pixels in two splits or under two labels are counted, not refused
	Folds           int    `json:"folds,omitempty" f:"8" was:"" level:"2"`           // group-wise folds over the images of Train and Test; 0 for none
	Fold            int    `json:"fold,omitempty" f:"9" was:"" level:"2"`            // the one that is tested, from 1
	Take            int    `json:"take,omitempty" f:"10" was:"" level:"2"`           // training images taken; 0 for all
	Seed            uint32 `json:"seed,omitempty" f:"11" was:"" level:"2"`           // of the folds and of what is taken

	// Named says that names of columns which are not empty were written by the user.
	// Works of older programs have the default names in place of empty ones, and do not.
	Named bool `json:"named,omitempty" f:"12" was:"" level:"2"`
}

// What a group is found by, where a pattern and a column both say it.
const (
	GroupByPattern = "pattern"
	GroupByColumn  = "column"
)

// Validation is either paths of its own, or a part of the training set taken by
// whole groups.
type Validation struct {
	Paths    []string `json:"paths,omitempty" f:"1"`
	Fraction float64  `json:"fraction,omitempty" f:"2"`
	Seed     uint32   `json:"seed" f:"3"` // of the split
}

// Columns are the names of the columns of a CSV file. An empty one is the default
// name, in any case, and may be missing for patient and slide; one that is written must
// be there.
type Columns struct {
	Path    string `json:"path" f:"1" unwritten:"path" rule:"label" doc:"column of the images' paths"`
	Label   string `json:"label" f:"2" unwritten:"label" rule:"label" doc:"column of the labels"`
	Patient string `json:"patient" f:"3" unwritten:"patient" rule:"label" doc:"column of the patients"`
	Slide   string `json:"slide" f:"4" unwritten:"slide" rule:"label" doc:"column of the slides"`
}

// Part is a part of an experiment's data that has a fingerprint of its own, so
// that a change to one part leaves alone the tasks that read only another.
type Part string

// The parts.
const (
	PartUnlabelled Part = "unlabelled" // source and one stain, for a pretraining
	PartTraining   Part = "training"   // training and validation, for a fine-tuning
	PartTest       Part = "test"       // for an evaluation
	PartTarget     Part = "target"     // of one stain, for a stain that is made like it
	PartPaired     Part = "paired"     // pairs of source and one stain, for a paired training
)

// DataSet asks for a fingerprint: which images, seen how.
type DataSet struct {
	Part   Part     `json:"part"`
	Stain  string   `json:"stain,omitempty"` // PartUnlabelled, PartPaired: the other stain; PartTarget: the only one
	Side   int      `json:"side"`            // pixels after resizing; round(size × load) for PartUnlabelled, and for the training pairs of PartPaired
	Seen   int      `json:"seen,omitempty"`  // PartPaired: pixels of the pairs that are held out
	Exact  int      `json:"exact,omitempty"` // pixels that FitRefuse wants beside Side, 0 for those alone
	Fit    string   `json:"fit"`
	Labels []string `json:"labels,omitempty"` // sorted; only images of these enter. Splits are drawn over all classes of the set before
	Where  Where    `json:"where"`
}

// Pair asks for the patches of both stains of a pretraining. They are cut at random out of
// something larger than what the networks see: that is no reason to refuse an image.
func Pair(v View, stain string, load float64, where Where) DataSet {
	d := DataSet{Part: PartUnlabelled, Stain: stain, Side: LoadSide(v.Size, load), Fit: v.Fit, Where: where}
	if v.Fit == FitRefuse {
		d.Exact = v.Size
	}
	return d
}

// Pair asks for the patches of both stains.
func (p *Pretrain) Pair(where Where) DataSet { return Pair(p.View, p.Stain, p.Load, where) }

// Images asks for the labelled images of a part that a fine-tuning, or an evaluation of
// its model, reads.
func (f *Finetune) Images(part Part, where Where) DataSet {
	where.Generators = nil
	return DataSet{Part: part, Side: f.Size, Fit: f.Fit, Labels: f.Labels(), Where: where}
}

// DataName is the name in a store of data that was uploaded, by its fingerprint: shards
// (checkpoint/FORMAT.md).
func DataName(fingerprint Key) string { return "data/" + fingerprint.String() + ".shards" }
