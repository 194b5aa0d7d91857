package datasource

import (
	"context"
	"slices"

	"g2c/api"
	"g2c/internal/dataset"
)

// Read is one set that an experiment reads, and what is to be known of it.
type Read struct {
	Name     string // for people
	Labelled bool
	Fold     int             // whose splits these are; 0 for none
	Set      *dataset.Set    // nil where it is refused
	Report   *dataset.Report // nil for what is drawn and not read
	Verdict  dataset.Verdict
}

// Verdict is the verdict on the labelled images that a task reads, whatever its labels,
// with whether the test images are among unlabelled ones, by stain, and how many training
// images are taken. It is there, as far as it goes, beside the error of images that are
// refused.
func (o *Opener) Verdict(ctx context.Context, d api.DataSet, unlabelled ...Unlabelled) (dataset.Verdict, error) {
	read, err := o.labelled(ctx, d)
	if err == nil {
		read.seen(unlabelled)
		read.taken(d)
	}
	return read.Verdict, err
}

// Unlabelled is the unlabelled images of a stain.
type Unlabelled struct {
	Stain string
	Set   *dataset.Set
}

// seen adds whether test images are among unlabelled ones.
func (r *Read) seen(unlabelled []Unlabelled) {
	for _, u := range unlabelled {
		r.Verdict.Seen(u.Stain, r.Set, u.Set)
	}
}

// taken adds how many training images of a task's labels are taken, where not all are.
func (r *Read) taken(d api.DataSet) {
	if l := d.Where.Labelled; l != nil && l.Take > 0 {
		r.Verdict.Taken(ofLabels(r.Set, d.Labels), d.Labels, l.Take, l.Seed)
	}
}

func (o *Opener) labelled(ctx context.Context, d api.DataSet) (Read, error) {
	read := Read{Name: labelledName(d), Labelled: true}
	if l := d.Where.Labelled; l != nil {
		read.Fold = l.Fold
	}
	var err error
	read.Set, err = o.all(ctx, d)
	if read.Report = o.report(labelledQuestion(d)); read.Report != nil {
		read.Verdict = read.Report.Verdict
	}
	if err == nil && read.Report == nil {
		read.Verdict = dataset.Judge(read.Set)
	}
	read.Verdict.Checks = slices.Clone(read.Verdict.Checks) // the opener's own stays as it is
	return read, err
}

// Side says in which size an Experiment opens unlabelled images.
type Side int

// The sides: as the networks see them, or as a pretraining loads them before its crop.
const (
	SideSeen Side = iota
	SideLoaded
)

// Experiment opens what tasks read, each set once, in the order of the tasks. Training
// images are judged with the test images of an evaluation; where none of the tasks is one
// of the same source, without. What was read is there beside an error, the refused set
// with its verdict as the last.
func (o *Opener) Experiment(ctx context.Context, work []*api.Work, side Side) ([]Read, error) {
	e := experiment{opener: o, side: side, read: map[string]int{}, stains: map[string]bool{}, tested: map[string]bool{}}
	for _, w := range work {
		if t := w.Task.Evaluate; t != nil {
			e.tested[trainingQuestion(t.Model.Images(api.PartTest, w.Where))] = true
		}
	}
	for _, w := range work {
		if err := e.task(ctx, w); err != nil {
			return e.reads, err
		}
	}
	for i := range e.reads {
		if e.reads[i].Labelled {
			e.reads[i].seen(e.unlabelled)
		}
	}
	return e.reads, nil
}

// experiment is what Experiment has read so far.
type experiment struct {
	opener     *Opener
	side       Side
	reads      []Read
	unlabelled []Unlabelled
	read       map[string]int  // places in reads, by question
	stains     map[string]bool // questions without the side
	tested     map[string]bool // trainingQuestions of what evaluations read
}

func (e *experiment) task(ctx context.Context, w *api.Work) error {
	switch t := &w.Task; {
	case t.Pretrain != nil:
		return e.pair(ctx, w)
	case t.Stain != nil && api.Targeted(t.Stain.Method):
		return e.stain(ctx, t.Stain.Target(w.Where), t.Stain.Stain)
	case t.Paired != nil:
		return e.pairs(ctx, w)
	case t.Evaluate != nil:
		return e.labelled(ctx, t.Evaluate.Model.Images(api.PartTest, w.Where))
	case t.Finetune != nil:
		if d := t.Finetune.Images(api.PartTraining, w.Where); !e.tested[trainingQuestion(d)] {
			return e.labelled(ctx, d)
		}
	}
	return nil
}

// pair opens the patches of both stains of a pretraining.
func (e *experiment) pair(ctx context.Context, w *api.Work) error {
	p := w.Task.Pretrain
	d := p.Pair(w.Where)
	if e.side == SideSeen {
		d.Side = p.Size
	}
	for _, stain := range []string{p.Source, p.Stain} {
		if err := e.stain(ctx, d, stain); err != nil {
			return err
		}
	}
	return nil
}

// labelled judges labelled images, once for all tasks that ask for the same, and says of
// each how many it takes.
func (e *experiment) labelled(ctx context.Context, d api.DataSet) error {
	asked := labelledQuestion(d)
	i, ok := e.read[asked]
	if !ok {
		read, err := e.opener.labelled(ctx, d)
		i = len(e.reads)
		e.reads = append(e.reads, read)
		if err != nil {
			return err
		}
		e.read[asked] = i
	}
	e.reads[i].taken(d)
	return nil
}

func (e *experiment) stain(ctx context.Context, d api.DataSet, stain string) error {
	asked := unlabelledQuestion(d, stain)
	if _, ok := e.read[asked]; ok {
		return nil
	}
	set, err := e.opener.Unlabelled(ctx, d, stain)
	if err != nil {
		return err
	}
	e.read[asked] = len(e.reads)
	read := Read{Name: "unlabelled " + stain, Set: set, Report: e.opener.report(asked)}
	if read.Report != nil {
		read.Verdict = read.Report.Verdict
	}
	read.Verdict.Checks = slices.Clone(read.Verdict.Checks) // the opener's own stays as it is
	for _, u := range e.unlabelled {
		if u.Stain != stain {
			read.Verdict.Paired(stain, u.Stain, set, u.Set)
		}
	}
	e.reads = append(e.reads, read)
	if asked := domainQuestion(d, stain); !e.stains[asked] {
		e.stains[asked] = true
		e.unlabelled = append(e.unlabelled, Unlabelled{stain, set})
	}
	return nil
}
