package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"g2c/api"
	"g2c/checkpoint/store"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/lru"
	"g2c/internal/pixelcache"
)

// Packs opens data that lies in the store as packs, where whoever submitted a task
// put it, and everything else by Paths.
type Packs struct {
	Paths Data
	Store store.Reader
	Cache *pixelcache.Cache // where packs are kept; nil: in memory

	once sync.Once
	kept *lru.Cache[api.Key, pack]
}

// pack is the sets of a pack, and the files that they lie in, if any.
type pack struct {
	sets  []*dataset.Set
	files []*pixelcache.File
}

// spoilt tells whether a file of it has failed.
func (p pack) spoilt() bool { return slices.ContainsFunc(p.files, (*pixelcache.File).Spoilt) }

// maxPacks is how many packs are kept in memory: the tasks of a sweep read the same.
const maxPacks = 4

// errNoPack is data that does not lie in the store.
var errNoPack = errors.New("the store has no such pack")

// For is the data of one task.
func (p *Packs) For(ctx context.Context, w api.Work) (Data, error) {
	if w.Where.Synthetic != nil {
		return p.Paths, nil
	}
	d := &packed{Data: p.Paths}
	var err error
	switch t := &w.Task; {
	case t.Pretrain != nil:
		d.stains = []string{t.Pretrain.Source, t.Pretrain.Stain}
		d.unlabelled, err = p.get(ctx, t.Pretrain.Data)
	case t.Finetune != nil:
		d.training, err = p.get(ctx, t.Finetune.Data)
	case t.Evaluate != nil:
		if d.training, err = p.get(ctx, t.Evaluate.Model.Data); err == nil && d.training != nil {
			d.test, err = p.get(ctx, t.Evaluate.Data)
		}
		if d.test == nil {
			d.training = nil
		}
	}
	return d, err
}

// get reads a pack; nil if the store has none. Tasks wait for each other's packs only
// while they are wanted: a large one takes long.
func (p *Packs) get(ctx context.Context, k api.Key) ([]*dataset.Set, error) {
	p.once.Do(func() {
		p.kept = &lru.Cache[api.Key, pack]{Size: func(pack) int64 { return 1 }, Least: maxPacks, Stale: pack.spoilt}
	})
	got, err := p.kept.Get(ctx, k, func() (pack, error) { return p.read(ctx, k) })
	if errors.Is(err, errNoPack) {
		return nil, nil
	}
	return got.sets, err
}

// read reads a pack: into a file of the cache, or where there is none into memory.
func (p *Packs) read(ctx context.Context, k api.Key) (got pack, err error) {
	if p.Cache != nil {
		got, err = p.filed(ctx, k)
		if !errors.Is(err, pixelcache.ErrNoFolder) {
			return got, err
		}
	}
	err = p.fetch(ctx, k, func(r io.Reader) (print string, err error) {
		if got.sets, err = dataset.ReadPack(r); err != nil {
			return "", err
		}
		return dataset.PackFingerprint(got.sets...), nil
	})
	return got, err
}

// filed is a pack as a file of the cache.
func (p *Packs) filed(ctx context.Context, k api.Key) (got pack, err error) {
	info, err := p.Store.Stat(ctx, api.DataName(k))
	if errors.Is(err, store.ErrNotExist) {
		return pack{}, errNoPack
	}
	if err != nil {
		return pack{}, fmt.Errorf("data %s: %w", k.Short(), err)
	}
	got.files, err = p.Cache.Pack(k.String(), info.SizeBytes, func(w io.Writer) error {
		return p.fetch(ctx, k, func(r io.Reader) (string, error) { return dataset.CheckPack(io.TeeReader(r, w)) })
	})
	if err != nil {
		return pack{}, err
	}
	got.sets, err = dataset.PackSets(got.files)
	if err == nil && dataset.PackFingerprint(got.sets...) != k.String() {
		err = fault.New(fault.ErrUnavailable, "data %s in the cache is other data", k.Short()).WithHint("run it again: it is fetched anew")
	}
	if err != nil {
		p.Cache.DropPack(k.String())
	}
	return got, err
}

// fetch has a pack of the store read, and holds what reading finds to be its fingerprint to
// its name.
func (p *Packs) fetch(ctx context.Context, k api.Key, read func(io.Reader) (print string, err error)) (err error) {
	r, err := p.Store.Get(ctx, api.DataName(k))
	if errors.Is(err, store.ErrNotExist) {
		return errNoPack
	}
	if err != nil {
		return fmt.Errorf("data %s: %w", k.Short(), err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	print, err := read(r)
	if errors.Is(err, fault.ErrData) {
		return fault.New(fault.ErrData, "data %s in the store: %w", k.Short(), err).WithHint("delete %s there and submit again", api.DataName(k))
	}
	if err != nil {
		return fmt.Errorf("data %s in the store: %w", k.Short(), err)
	}
	if print != k.String() {
		return fault.New(fault.ErrData, "data %s in the store has the fingerprint %.12s", k.Short(), print).WithHint("delete %s there and submit again", api.DataName(k))
	}
	return nil
}

// packed is the data of one task, as far as it lies in packs.
type packed struct {
	Data
	stains                     []string // of unlabelled
	unlabelled, training, test []*dataset.Set
}

// Unlabelled implements Data.
func (d *packed) Unlabelled(ctx context.Context, q api.DataSet, stain string) (*dataset.Set, error) {
	for i, s := range d.stains {
		if s == stain && len(d.unlabelled) == len(d.stains) {
			return d.unlabelled[i], nil
		}
	}
	return d.Data.Unlabelled(ctx, q, stain)
}

// Labelled implements Data: of all splits that the task reads.
func (d *packed) Labelled(ctx context.Context, q api.DataSet) (*dataset.Set, error) {
	if len(d.training) == 0 {
		return d.Data.Labelled(ctx, q)
	}
	return dataset.Join(d.training[0].Side(), append(d.training[:1:1], d.test...)...), nil
}

// Fingerprint implements Data: a pack was checked when it was read.
func (d *packed) Fingerprint(ctx context.Context, q api.DataSet) (api.Key, error) {
	var sets []*dataset.Set
	switch q.Part {
	case api.PartUnlabelled:
		sets = d.unlabelled
	case api.PartTraining:
		sets = d.training
	case api.PartTest:
		sets = d.test
	}
	if sets == nil {
		return d.Data.Fingerprint(ctx, q)
	}
	return api.ParseKey(dataset.PackFingerprint(sets...))
}
