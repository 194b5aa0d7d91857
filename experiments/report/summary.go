package report

import (
	"g2c/model/metrics"
)

// Summary is a group of rows: an arm at one point of the sweep, over its seeds and folds.
type Summary struct {
	Task    string   `json:"task"`
	Arm     string   `json:"arm"`
	Stains  []string `json:"stains"`
	Width   int      `json:"width"`
	Blocks  int      `json:"blocks"`
	Options string   `json:"options,omitempty"`
	Seeds   []uint32 `json:"seeds"`
	Folds   int      `json:"folds,omitempty"` // each image tested once; Tested of them are done
	Tested  int      `json:"foldsTested,omitempty"`

	Title  string `json:"-"`      // of the arm, with what tells it from other points of the sweep
	N      int    `json:"n"`      // test images
	Groups [2]int `json:"groups"` // patients, slides or images with images of each class
	Few    bool   `json:"few"`    // a class has under 10 groups: intervals are rough
	// Ungrouped says that neither patients nor slides are known: every image counts as a
	// group, and intervals are too narrow if some are of one patient.
	Ungrouped bool `json:"ungrouped,omitempty"`

	BalancedAccuracy Mean            `json:"balancedAccuracy"`
	Recall           map[string]Mean `json:"recall"` // by class name
	Accuracy         Mean            `json:"accuracy"`
	AUC              Mean            `json:"auc"`
	F1               Mean            `json:"f1"`
	Precision        Mean            `json:"precision"`
	Gap              Mean            `json:"gap"` // train less test balanced accuracy
	GapGiven         *Mean           `json:"gapGiven,omitempty"`

	classes     [2]string // names of the classes, the positive one first
	train       Mean      // balanced accuracy of the training images
	evaluations []string  // keys

	// Together judges an image by the mean probability of the seeds.
	Together         Split          `json:"together"`
	AveragePrecision metrics.Number `json:"averagePrecision"` // of Together
	Brier            metrics.Number `json:"brier"`            // of Together: the mean square of probability less truth
	// ByPatient judges a group of images by the mean probability of its images, and is
	// there where no group has images of both classes.
	ByPatient *Split `json:"byPatient,omitempty"`
}

// Mean is a metric over seeds: its mean, sample standard deviation and the 95 % interval
// of the mean over the choice of test images. Of what is no proportion of images, as an
// area, the mean of several seeds has none; Together has one of its own value.
type Mean struct {
	Mean metrics.Number    `json:"mean"`
	SD   metrics.Number    `json:"sd"`
	CI95 *metrics.Interval `json:"ci95,omitempty"`
}

// summarise makes the summaries of all groups.
func (d *Data) summarise() {
	d.Groups = []Summary{}
	for _, g := range distinct(d.groups) {
		s := g.summary()
		s.Title = d.title(g)
		d.Groups = append(d.Groups, s)
	}
	for _, g := range d.groups {
		for _, row := range g.rows {
			row.Title = d.title(g)
			for _, part := range row.parts {
				part.Title = row.Title
			}
		}
	}
}

// summary is a group's summary, but for the title.
func (g *group) summary() Summary {
	if g.summed == nil {
		s := g.summarise()
		g.summed = &s
	}
	return *g.summed
}

func (g *group) summarise() Summary {
	e, first := g.intervals(), g.rows[0]
	s := Summary{
		Task: g.task, Arm: g.arm, Stains: append([]string{}, g.stains...), Width: g.width, Blocks: g.blocks, Options: g.optionText,
		Folds: g.folds, Groups: e.Groups, Few: e.Few(),
	}
	s.classes, s.evaluations = [2]string{first.positive, first.negative}, g.evaluations()
	train := g.spread(func(a *Arm) metrics.Number { return a.Metrics.Train.BalancedAccuracy })
	s.train = Mean{train.Mean, train.SD, nil}
	s.N, s.Ungrouped = len(g.tested()), ungrouped(g.tested())
	for _, row := range g.rows {
		s.Seeds = append(s.Seeds, row.Seed)
	}
	if g.folds > 0 {
		s.Tested = len(first.parts)
	}
	of := func(get func(*Split) metrics.Number, ci *metrics.Interval) Mean {
		v := g.spread(func(a *Arm) metrics.Number { return get(&a.Metrics.Test) })
		return Mean{v.Mean, v.SD, ci}
	}
	together := g.meanSamples()
	s.Together = judge(together, first.positive, first.negative)
	s.AveragePrecision, s.Brier = metrics.AveragePrecision(together), metrics.Brier(together)
	s.BalancedAccuracy = of(func(s *Split) metrics.Number { return s.BalancedAccuracy }, &e.BalancedAccuracy.Interval)
	s.Accuracy = of(func(s *Split) metrics.Number { return s.Accuracy }, &e.Accuracy.Interval)
	alone := func(i *metrics.Interval) *metrics.Interval { // of one seed
		if len(g.rows) > 1 {
			return nil
		}
		return i
	}
	s.AUC = of(func(s *Split) metrics.Number { return s.AUC }, alone(&s.Together.CI95.AUC))
	s.F1 = of(func(s *Split) metrics.Number { return s.F1 }, alone(&s.Together.CI95.F1))
	s.Precision = of(func(s *Split) metrics.Number { return s.Precision }, alone(&s.Together.CI95.Precision))
	s.Recall = map[string]Mean{}
	for class, name := range [2]string{first.positive, first.negative} {
		s.Recall[name] = of(func(s *Split) metrics.Number { return recall(s, name) }, &e.Recall[class].Interval)
	}
	gap := g.spread(func(a *Arm) metrics.Number { return a.Metrics.Gap })
	s.Gap = Mean{gap.Mean, gap.SD, nil}
	if v := g.spread(gapGiven); v.N > 0 {
		s.GapGiven = &Mean{v.Mean, v.SD, nil}
	}
	if patients, ok := metrics.Patients(together); ok && len(patients) < s.N {
		p := judge(patients, first.positive, first.negative)
		s.ByPatient = &p
	}
	return s
}
