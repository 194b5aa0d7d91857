package datasource

import (
	"context"
	"fmt"
	"slices"

	"g2c/api"
	"g2c/internal/dataset"
)

// pairsQuestion asks for the pairs of a stain.
func pairsQuestion(d api.DataSet) string {
	return question("pairs", d.Side, d.Seen, d.Exact, d.Fit, d.Where.Source, d.Stain, d.Where.Paired, d.Where.HeldSlide)
}

// pairsName is the pairs of a stain for people.
func pairsName(d api.DataSet) string { return "paired " + d.Stain }

// Pairs is the pairs that a paired training reads.
func (o *Opener) Pairs(ctx context.Context, d api.DataSet) (*dataset.Pairs, error) {
	asked := pairsQuestion(d)
	o.open()
	return o.pairs.Get(ctx, asked, func() (*dataset.Pairs, error) {
		train := o.options(pairsName(d), d)
		test := train
		if test.Side = d.Seen; d.Exact != 0 { // images of either size are taken, whichever they are for
			test.Exact = d.Side
		}
		p, r, err := dataset.LoadPairs(ctx, dataset.PairSource{Paths: d.Where.Paired, Held: d.Where.HeldSlide}, train, test)
		o.note(asked, r)
		if err != nil {
			return nil, fmt.Errorf("data.paired.%s: %w", d.Stain, err)
		}
		return p, nil
	})
}

// pairs opens the pairs of a paired training, and judges them once for all tasks that read
// the same.
func (e *experiment) pairs(ctx context.Context, w *api.Work) error {
	d := w.Task.Paired.Pairs(w.Where)
	if e.side == SideSeen {
		d.Side = d.Seen
	}
	asked := pairsQuestion(d)
	if _, ok := e.read[asked]; ok {
		return nil
	}
	p, err := e.opener.Pairs(ctx, d)
	read := Read{Name: pairsName(d), Report: e.opener.report(asked)}
	if err == nil {
		read.Set = p.Train[0]
		// What a generator was trained on is no test of a classifier behind it.
		if of := question("pairs of", d.Where.Paired); !e.stains[of] {
			e.stains[of] = true
			e.unlabelled = append(e.unlabelled, Unlabelled{d.Where.Source, p.Train[0]})
		}
	}
	if read.Report != nil {
		read.Verdict = read.Report.Verdict
	}
	read.Verdict.Checks = slices.Clone(read.Verdict.Checks) // the opener's own stays as it is
	e.read[asked] = len(e.reads)
	e.reads = append(e.reads, read)
	return err
}
