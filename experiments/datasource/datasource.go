// Package datasource opens the data that tasks name: folders and tables through
// internal/dataset, or the synthetic kidney. The plan asks it for fingerprints
// and the worker for images, so both see the same ones. It trains nothing.
//
// An Opener may be used by several goroutines; sets that it gives are shared and
// read-only.
package datasource

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"g2c/api"
	"g2c/experiments/synthetic"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/lru"
	"g2c/internal/pixelcache"
	"g2c/internal/remote"
)

// Opener opens data and keeps what it has opened last: the tasks of a sweep read the
// same. What could not be opened is not remembered: the next to ask tries again.
type Opener struct {
	Cache   *pixelcache.Cache // of decoded pixels; nil: in memory
	SkipBad bool              // leave out files that do not decode or are too small
	Recheck bool              // read every file, also those that have not changed by their looks
	Remote  remote.Files      // reads data at addresses; nil: only this machine is read
	// Progress, where set, hears of the images of a set that is read; of one set at a time
	// by one goroutine at a time.
	Progress func(set string, done, total int)
	// Keep is how many bytes of pixels are kept in memory; DefaultKeep if 0. The last
	// few sets stay whatever they take. Pixels in files do not count.
	Keep int64

	once  sync.Once
	sets  *lru.Cache[string, *dataset.Set] // by question
	pools *lru.Cache[string, *pool]        // by question without what a division is
	pairs *lru.Cache[string, *dataset.Pairs]

	showing sync.Mutex // one call of Progress at a time

	mu    sync.Mutex
	found map[string]*dataset.Report // what reading found, by question, errors with it
}

// DefaultKeep is what an Opener keeps in memory unless told otherwise.
const DefaultKeep = 4 << 30

// minKept is how many sets stay in any case: a task reads several.
const minKept = 4

// get returns the set of a question, making it unless it is there.
func (o *Opener) get(ctx context.Context, question string, make func() (*dataset.Set, error)) (*dataset.Set, error) {
	o.open()
	return o.sets.Get(ctx, question, make)
}

func (o *Opener) open() {
	o.once.Do(func() {
		keep := cmp.Or(o.Keep, DefaultKeep)
		if o.Cache == nil {
			o.Cache = pixelcache.New(pixelcache.Options{}) // sets of the same images share them
		}
		o.sets = &lru.Cache[string, *dataset.Set]{Size: (*dataset.Set).HeapBytes, Keep: keep, Least: minKept}
		o.pools = &lru.Cache[string, *pool]{Size: func(p *pool) int64 { return p.HeapBytes() }, Keep: keep, Least: 1}
		o.pairs = &lru.Cache[string, *dataset.Pairs]{Size: (*dataset.Pairs).HeapBytes, Keep: keep, Least: 1}
		o.found = map[string]*dataset.Report{}
	})
}

// question is a text that is equal for equal questions.
func question(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic(fmt.Sprintf("datasource: %v", err))
	}
	return string(text)
}

// options say how the images of a question are read.
func (o *Opener) options(set string, d api.DataSet) dataset.Options {
	o.open()
	opt := dataset.Options{
		Side: d.Side, Exact: d.Exact, Fit: dataset.Fit(d.Fit), Cache: o.Cache, SkipBad: o.SkipBad, Recheck: o.Recheck, Remote: o.Remote,
	}
	if o.Progress != nil {
		opt.Progress = func(done, total int) {
			o.showing.Lock()
			defer o.showing.Unlock()
			o.Progress(set, done, total)
		}
	}
	return opt
}

// note remembers what reading found.
func (o *Opener) note(question string, r *dataset.Report) {
	if r != nil {
		o.mu.Lock()
		o.found[question] = r
		o.mu.Unlock()
	}
}

// report is what reading the set of a question found; nil for what was not read.
func (o *Opener) report(question string) *dataset.Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.found[question]
}

// unlabelledQuestion asks for the patches of a stain, whatever stain they are paired with.
func unlabelledQuestion(d api.DataSet, stain string) string {
	return question("unlabelled", d.Side, d.Exact, d.Fit, domainQuestion(d, stain))
}

// domainQuestion is an unlabelledQuestion without the side.
func domainQuestion(d api.DataSet, stain string) string {
	return question(stain, d.Where.Synthetic, pathsOf(d.Where, stain))
}

// pathsOf is where the patches of a stain lie; nil where that is not said.
func pathsOf(where api.Where, stain string) []string {
	i := slices.IndexFunc(where.Unlabelled, func(p api.StainPaths) bool { return p.Stain == stain })
	if i < 0 {
		return nil
	}
	return where.Unlabelled[i].Paths
}

// labelledName is the labelled images for people.
func labelledName(d api.DataSet) string { return "labelled " + d.Where.Source }

// labelledQuestion asks for labelled images before labels are chosen and some are taken.
func labelledQuestion(d api.DataSet) string {
	return question("labelled", d.Side, d.Fit, d.Where.Source, d.Where.Synthetic, undivided(d))
}

// trainingQuestion is a labelledQuestion without the test images; folds have them in any
// part.
func trainingQuestion(d api.DataSet) string {
	if l := d.Where.Labelled; l != nil && l.Folds == 0 {
		training := *l
		training.Test = nil
		d.Where.Labelled = &training
	}
	return labelledQuestion(d)
}

// undivided is where labelled images lie, without what changes nothing in how they are
// read and divided: of the built-in world everything but folds.
func undivided(d api.DataSet) *api.Labelled {
	l := d.Where.Labelled
	if l == nil || d.Where.Synthetic != nil && l.Folds == 0 {
		return nil
	}
	out := *l
	out.Take = 0
	if out.Folds == 0 {
		out.Seed = 0 // that of a validation part stands beside it
	}
	return &out
}

// Unlabelled is the unlabelled images of a stain that a pretraining reads.
func (o *Opener) Unlabelled(ctx context.Context, d api.DataSet, stain string) (*dataset.Set, error) {
	asked := unlabelledQuestion(d, stain)
	return o.get(ctx, asked, func() (*dataset.Set, error) {
		if s := d.Where.Synthetic; s != nil {
			return synthetic.Domain(synthetic.Config(*s), synthetic.Stain(stain), d.Side)
		}
		paths := pathsOf(d.Where, stain)
		if paths == nil {
			return nil, fault.New(fault.ErrSpec, "data.unlabelled names no images of stain %s", stain)
		}
		set, r, err := dataset.Unlabelled(ctx, paths, o.options(stain, d))
		o.note(asked, r)
		if err != nil {
			return nil, fmt.Errorf("data.unlabelled.%s: %w", stain, err)
		}
		return set, nil
	})
}

// Truth is images of the source stain that a generator to another stain may be
// judged on, and the same tissue in that stain, image by image. Both are nil where
// no truth is known: for everything but synthetic tissue.
func (o *Opener) Truth(ctx context.Context, d api.DataSet, size int) (probe, truth *dataset.Set, err error) {
	s := d.Where.Synthetic
	if s == nil {
		return nil, nil, nil
	}
	in := func(stain string) (*dataset.Set, error) {
		return o.get(ctx, question("truth", stain, size, s), func() (*dataset.Set, error) {
			set, err := synthetic.Labelled(synthetic.Config(*s), synthetic.Stain(stain), size)
			if err != nil {
				return nil, err
			}
			return set.Split(dataset.Test), nil
		})
	}
	if probe, err = in(d.Where.Source); err != nil {
		return nil, nil, err
	}
	truth, err = in(d.Stain)
	return probe, truth, err
}

// Labelled is the labelled images that a task reads, of all splits that its
// description names, filtered by label after the splits were drawn.
func (o *Opener) Labelled(ctx context.Context, d api.DataSet) (*dataset.Set, error) {
	all, err := o.all(ctx, d)
	if err != nil || len(d.Labels) == 0 {
		return all, err
	}
	classes := all.Classes()
	for _, label := range d.Labels {
		if !slices.Contains(classes, dataset.NFC(label)) {
			return nil, fault.New(fault.ErrData, "no %s image has the label %s; there are %v", d.Part, dataset.Show(label), classes)
		}
	}
	return taken(ofLabels(all, d.Labels), d)
}

// ofLabels is the images of some labels.
func ofLabels(all *dataset.Set, labels []string) *dataset.Set {
	wanted := map[string]bool{}
	for _, label := range labels {
		wanted[dataset.NFC(label)] = true
	}
	return all.Select(func(im dataset.Image) bool { return wanted[im.Label] })
}

// taken is a set with as many of its training images as the description asks for: of the
// labels that the task tells apart.
func taken(set *dataset.Set, d api.DataSet) (*dataset.Set, error) {
	l := d.Where.Labelled
	if l == nil || l.Take == 0 || set.Split(dataset.Train).Len() == 0 {
		return set, nil
	}
	part, err := set.Take(l.Take, l.Seed)
	if err != nil {
		return nil, fmt.Errorf("of the labels %s: %w", dataset.Show(strings.Join(d.Labels, ", ")), err)
	}
	return part, nil
}

// all is the labelled images of every class.
func (o *Opener) all(ctx context.Context, d api.DataSet) (*dataset.Set, error) {
	asked := labelledQuestion(d)
	if l := d.Where.Labelled; l != nil && l.Folds > 0 {
		return o.fold(ctx, d, asked)
	}
	return o.get(ctx, asked, func() (*dataset.Set, error) {
		if s := d.Where.Synthetic; s != nil {
			return synthetic.Labelled(synthetic.Config(*s), synthetic.Stain(d.Where.Source), d.Side)
		}
		if d.Where.Labelled == nil {
			return nil, fault.New(fault.ErrSpec, "data.labelled is missing")
		}
		set, r, err := dataset.LoadLabelled(ctx, source(d.Where.Labelled), o.options(labelledName(d), d))
		o.note(asked, r)
		if err != nil {
			return nil, fmt.Errorf("data.labelled: %w", err)
		}
		return set, nil
	})
}

// source is labelled images in the words of internal/dataset.
func source(l *api.Labelled) dataset.Labelled {
	src := dataset.Labelled{
		Train: l.Train, Test: l.Test, GroupPattern: l.Pattern, By: l.By, Columns: columns(l),
		AllowDuplicates: l.AllowDuplicates, Folds: l.Folds, Fold: l.Fold, Seed: l.Seed,
	}
	if v := l.Validation; v != nil {
		src.Validation, src.ValidationFraction = v.Paths, v.Fraction
		if v.Fraction != 0 {
			src.Seed = v.Seed
		}
	}
	return src
}

// columns are the names that must be there: where the user wrote none, the default ones
// may be missing.
func columns(l *api.Labelled) dataset.Columns {
	named, byDefault := dataset.Columns(l.Columns), dataset.DefaultColumns()
	for _, x := range []struct{ name, byDefault *string }{
		{&named.Path, &byDefault.Path}, {&named.Label, &byDefault.Label}, {&named.Patient, &byDefault.Patient}, {&named.Slide, &byDefault.Slide},
	} {
		if *x.name == *x.byDefault && !l.Named {
			*x.name = ""
		}
	}
	return named
}

// Fingerprint hashes the part of the data that a question names.
func (o *Opener) Fingerprint(ctx context.Context, d api.DataSet) (api.Key, error) {
	switch d.Part {
	case api.PartUnlabelled:
		return o.pairFingerprint(ctx, d)
	case api.PartTarget:
		set, err := o.Unlabelled(ctx, d, d.Stain)
		if err != nil {
			return api.Key{}, err
		}
		return api.ParseKey(set.Fingerprint())
	case api.PartPaired:
		p, err := o.Pairs(ctx, d)
		if err != nil {
			return api.Key{}, err
		}
		return api.ParseKey(dataset.PackFingerprint(p.Sets()...))
	case api.PartTraining, api.PartTest:
		set, err := o.Labelled(ctx, d)
		if err != nil {
			return api.Key{}, err
		}
		return api.ParseKey(OfPart(set, d.Part).Fingerprint())
	}
	return api.Key{}, fmt.Errorf("datasource: no part %q", d.Part)
}

// OfPart keeps the images of a part: the training and validation splits, or the
// test split.
func OfPart(set *dataset.Set, part api.Part) *dataset.Set {
	return set.Select(func(im dataset.Image) bool { return (im.Split == dataset.Test) == (part == api.PartTest) })
}

// pairFingerprint is the fingerprint of source and target together.
func (o *Opener) pairFingerprint(ctx context.Context, d api.DataSet) (api.Key, error) {
	pair, err := o.pair(ctx, d)
	if err != nil {
		return api.Key{}, err
	}
	return api.ParseKey(dataset.PackFingerprint(pair...))
}

func (o *Opener) pair(ctx context.Context, d api.DataSet) ([]*dataset.Set, error) {
	var pair []*dataset.Set
	for _, stain := range []string{d.Where.Source, d.Stain} {
		set, err := o.Unlabelled(ctx, d, stain)
		if err != nil {
			return nil, err
		}
		pair = append(pair, set)
	}
	return pair, nil
}

// Sets is the part of the data that a question names, as what is packed for hosts
// that cannot open it: its fingerprint is Fingerprint's.
func (o *Opener) Sets(ctx context.Context, d api.DataSet) ([]*dataset.Set, error) {
	switch d.Part {
	case api.PartUnlabelled:
		return o.pair(ctx, d)
	case api.PartPaired:
		p, err := o.Pairs(ctx, d)
		if err != nil {
			return nil, err
		}
		return p.Sets(), nil
	case api.PartTarget:
		set, err := o.Unlabelled(ctx, d, d.Stain)
		return []*dataset.Set{set}, err
	}
	set, err := o.Labelled(ctx, d)
	if err != nil {
		return nil, err
	}
	return []*dataset.Set{OfPart(set, d.Part)}, nil
}
