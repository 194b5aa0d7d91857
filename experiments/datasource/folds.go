package datasource

import (
	"context"
	"fmt"

	"g2c/api"
	"g2c/experiments/synthetic"
	"g2c/internal/dataset"
	"g2c/internal/lru"
)

// pool is labelled images that are divided several times, read once, with the sets cut
// out of them: these have no pixels but the pool's, so they go when it goes.
type pool struct {
	*dataset.Pool
	report *dataset.Report // on reading; nil for what is drawn
	cuts   *lru.Cache[string, *dataset.Set]
}

// maxCuts is how many sets of one pool are kept: they hold no pixels, but each lists its
// images, and cutting it again reads nothing. Ten folds with three seeds have room.
const maxCuts = 32

func newPool(p *dataset.Pool, r *dataset.Report) *pool {
	one := func(*dataset.Set) int64 { return 1 }
	return &pool{p, r, &lru.Cache[string, *dataset.Set]{Size: one, Keep: maxCuts}}
}

// fold is the labelled images of every class in the splits of a fold.
func (o *Opener) fold(ctx context.Context, d api.DataSet, asked string) (*dataset.Set, error) {
	src := source(d.Where.Labelled)
	var p *pool
	var r *dataset.Report
	var err error
	if d.Where.Synthetic != nil {
		p, err = o.drawn(ctx, d)
	} else {
		p, r, err = o.read(ctx, src, o.options(labelledName(d), d))
	}
	if err != nil {
		o.note(asked, r)
		return nil, fmt.Errorf("data.labelled: %w", err)
	}
	return p.cuts.Get(ctx, asked, func() (*dataset.Set, error) {
		set, v, err := p.Cut(src)
		if p.report != nil {
			mine := *p.report
			mine.Verdict = v
			o.note(asked, &mine)
		}
		if err != nil {
			return nil, fmt.Errorf("data.labelled: %w", err)
		}
		return set, nil
	})
}

// read reads the images that folds are cut out of, whichever is asked for first. The
// report is there beside an error, whoever met it.
func (o *Opener) read(ctx context.Context, src dataset.Labelled, opt dataset.Options) (*pool, *dataset.Report, error) {
	o.open()
	src.Fold, src.Seed, src.ValidationFraction = 0, 0, 0
	asked := question("pool", src, opt.Side, opt.Fit)
	p, err := o.pools.Get(ctx, asked, func() (*pool, error) {
		p, r, err := dataset.LoadPool(ctx, src, opt)
		o.note(asked, r)
		if err != nil {
			return nil, err
		}
		return newPool(p, r), nil
	})
	return p, o.report(asked), err
}

// drawn draws the built-in world whose patients are dealt to folds.
func (o *Opener) drawn(ctx context.Context, d api.DataSet) (*pool, error) {
	o.open()
	s := d.Where.Synthetic
	return o.pools.Get(ctx, question("drawn", d.Side, d.Where.Source, s), func() (*pool, error) {
		set, err := synthetic.Labelled(synthetic.Config(*s), synthetic.Stain(d.Where.Source), d.Side)
		if err != nil {
			return nil, err
		}
		return newPool(dataset.PoolOf(set), nil), nil
	})
}
