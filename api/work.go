package api

// Work is a task with what its key must not depend on: names, where the data
// lies, and how to run it.
type Work struct {
	Key        Key        `json:"key"`   // of Task
	Names      []string   `json:"names"` // every name that an experiment calls it by; the first is the one to show
	Task       Task       `json:"task"`
	Where      Where      `json:"where"`
	Gang       Gang       `json:"gang"`
	Checkpoint Checkpoint `json:"checkpoint"`
	Priority   int        `json:"priority"` // higher first
	Project    string     `json:"project"`
	Experiment string     `json:"experiment"`
}

// Levels of works. A work of a level above a cluster's is refused by it: some of its
// coordinators could not read it.
const (
	LevelFirst = 1
	// LevelTrust brought evaluations that name the version of their metrics and their
	// classes, and labelled images in folds, in part, or with duplicates.
	LevelTrust = 2
)

// Level is the lowest level of a program that reads the work.
func (w *Work) Level() int {
	if e := w.Task.Evaluate; e != nil && (e.Metrics != 0 || e.PositiveName != "" || e.NegativeName != "") {
		return LevelTrust
	}
	if l := w.Where.Labelled; l != nil && (l.By != "" || l.AllowDuplicates || l.Folds != 0 || l.Fold != 0 || l.Take != 0 || l.Seed != 0) {
		return LevelTrust
	}
	return LevelFirst
}

// Name is the name to show.
func (w *Work) Name() string { return w.Names[0] }

// Gang bounds how many slots run a task together.
type Gang struct {
	Min int `json:"min"`
	Max int `json:"max"` // at most the task's shards
}

// Checkpoint says how often state is saved. Exactly one of the two cadences is
// positive.
type Checkpoint struct {
	EveryEpochs int  `json:"everyEpochs,omitempty"`
	EverySteps  int  `json:"everySteps,omitempty"`
	Keep        int  `json:"keep"`     // newest ones kept
	KeepBest    bool `json:"keepBest"` // and the best by validation
}

// Where says how to open the data of a task. Only what the task reads is set.
type Where struct {
	Source     string       `json:"source"`
	Synthetic  *Synthetic   `json:"synthetic,omitempty"`  // in place of the two below
	Unlabelled []StainPaths `json:"unlabelled,omitempty"` // sorted by stain
	Labelled   *Labelled    `json:"labelled,omitempty"`
	Generators []StainModel `json:"generators,omitempty"` // ready generators, sorted by stain
}

// Synthetic are the parameters of the built-in kidney world.
type Synthetic struct {
	Patients int    `json:"patients"`
	Patches  int    `json:"patches"`
	Seed     uint32 `json:"seed"`
}

// StainPaths are the folders and globs of a stain's unlabelled patches, relative
// to the working directory.
type StainPaths struct {
	Stain string   `json:"stain"`
	Paths []string `json:"paths"`
}

// StainModel is a ready generator: a key or a path, as the user wrote it, and the
// key that it was resolved to.
type StainModel struct {
	Stain string `json:"stain"`
	Model string `json:"model"`
	Key   Key    `json:"key"`
}

// Labelled says where the labelled patches are: folders that hold one folder per
// class, or CSV files.
type Labelled struct {
	Train      []string    `json:"train,omitempty"`
	Validation *Validation `json:"validation,omitempty"` // nil for none
	Test       []string    `json:"test,omitempty"`
	Pattern    string      `json:"pattern,omitempty"` // regexp with a group named patient or slide, for base names without extension
	Columns    Columns     `json:"columns"`

	By              string `json:"by,omitempty"`              // where a pattern and a column both give groups: GroupByPattern or GroupByColumn; empty: that is an error
	AllowDuplicates bool   `json:"allowDuplicates,omitempty"` // equal pixels in two splits or under two labels are counted, not refused
	Folds           int    `json:"folds,omitempty"`           // group-wise folds over the images of Train and Test; 0 for none
	Fold            int    `json:"fold,omitempty"`            // the one that is tested, from 1
	Take            int    `json:"take,omitempty"`            // training images taken; 0 for all
	Seed            uint32 `json:"seed,omitempty"`            // of the folds and of what is taken
}

// What a group is found by, where a pattern and a column both say it.
const (
	GroupByPattern = "pattern"
	GroupByColumn  = "column"
)

// Validation is either paths of its own, or a part of the training set taken by
// whole groups.
type Validation struct {
	Paths    []string `json:"paths,omitempty"`
	Fraction float64  `json:"fraction,omitempty"`
	Seed     uint32   `json:"seed"` // of the split
}

// Columns are the names of the columns of a CSV file. An empty one is the default
// name, in any case, and may be missing for patient and slide; one that is written must
// be there.
type Columns struct {
	Path    string `json:"path"`
	Label   string `json:"label"`
	Patient string `json:"patient"`
	Slide   string `json:"slide"`
}

// Part is a part of an experiment's data that has a fingerprint of its own, so
// that a change to one part leaves alone the tasks that read only another.
type Part string

// The parts.
const (
	PartUnlabelled Part = "unlabelled" // source and one stain, for a pretraining
	PartTraining   Part = "training"   // training and validation, for a fine-tuning
	PartTest       Part = "test"       // for an evaluation
)

// DataSet asks for a fingerprint: which images, seen how.
type DataSet struct {
	Part   Part     `json:"part"`
	Stain  string   `json:"stain,omitempty"` // PartUnlabelled: the other stain
	Side   int      `json:"side"`            // pixels after resizing; round(size × load) for PartUnlabelled
	Fit    string   `json:"fit"`
	Labels []string `json:"labels,omitempty"` // sorted; only images of these enter. Splits are drawn over all classes of the set before
	Where  Where    `json:"where"`
}
