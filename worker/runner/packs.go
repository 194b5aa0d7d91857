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

// For is the data of one task, which stays at hand until release.
func (p *Packs) For(ctx context.Context, w api.Work) (data Data, release func(), err error) {
	if w.Where.Synthetic != nil {
		return p.Paths, func() {}, nil
	}
	d := &packed{Data: p.Paths}
	var held []func()
	release = func() {
		for _, end := range held {
			end()
		}
	}
	get := func(k api.Key) (sets []*dataset.Set) {
		if err != nil {
			return nil
		}
		var end func()
		if sets, end, err = p.get(ctx, k); end != nil {
			held = append(held, end)
		}
		return sets
	}
	switch t := &w.Task; {
	case t.Pretrain != nil:
		d.stains = []string{t.Pretrain.Source, t.Pretrain.Stain}
		d.unlabelled = get(t.Pretrain.Data)
	case t.Stain != nil && api.Targeted(t.Stain.Method):
		d.stains = []string{t.Stain.Stain}
		d.unlabelled = get(t.Stain.Data)
	case t.Paired != nil:
		d.paired = get(t.Paired.Data)
	case t.Finetune != nil:
		d.training = get(t.Finetune.Data)
	case t.Evaluate != nil:
		if d.training = get(t.Evaluate.Model.Data); d.training != nil {
			d.test = get(t.Evaluate.Data)
		}
		if d.test == nil {
			d.training = nil
		}
	}
	if err != nil {
		release()
		return nil, func() {}, err
	}
	return d, release, nil
}

// holdAttempts is how often a pack is opened that others remove before it is held.
const holdAttempts = 3

// get reads a pack and holds it until release; nil if the store has none. Tasks wait for
// each other's packs only while they are wanted: a large one takes long.
func (p *Packs) get(ctx context.Context, k api.Key) (sets []*dataset.Set, release func(), err error) {
	p.once.Do(func() {
		p.kept = &lru.Cache[api.Key, pack]{Size: func(pack) int64 { return 1 }, Least: maxPacks, Stale: pack.spoilt}
	})
	for range holdAttempts {
		var got pack
		got, err = p.kept.Get(ctx, k, func() (pack, error) { return p.read(ctx, k) })
		if errors.Is(err, errNoPack) {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if len(got.files) == 0 {
			return got.sets, nil, nil
		}
		if release, err = got.files[0].Hold(); err == nil { // of one file
			return got.sets, release, nil
		}
	}
	return nil, nil, fault.New(fault.ErrUnavailable, "data %s does not stay in the cache: %w", k.Short(), err).WithHint("give it a larger --cache-limit")
}

// read reads a pack: into a file of the cache, or where that has no room for it from the
// store as its images are wanted. Without a cache it is read into memory.
func (p *Packs) read(ctx context.Context, k api.Key) (got pack, err error) {
	if p.Cache != nil {
		return p.cached(ctx, k)
	}
	err = p.fetch(ctx, k, func(r io.Reader) (print string, err error) {
		if got.sets, err = dataset.ReadPack(r); err != nil {
			return "", err
		}
		return dataset.PackFingerprint(got.sets...), nil
	})
	return got, err
}

// cached is a pack as a file of the cache, or where there is none as what is streamed.
func (p *Packs) cached(ctx context.Context, k api.Key) (pack, error) {
	info, err := p.Store.Stat(ctx, api.DataName(k))
	if errors.Is(err, store.ErrNotExist) {
		return pack{}, errNoPack
	}
	if err != nil {
		return pack{}, fmt.Errorf("data %s: %w", k.Short(), err)
	}
	files, err := p.Cache.Pack(k.String(), info.SizeBytes, func(w io.Writer) error {
		return p.fetch(ctx, k, func(r io.Reader) (string, error) { return dataset.CheckPack(io.TeeReader(r, w)) })
	})
	if errors.Is(err, pixelcache.ErrNoFolder) {
		return p.streamed(ctx, k, info.SizeBytes)
	}
	if err != nil {
		return pack{}, err
	}
	got, err := packOf(files)
	if err == nil && dataset.PackFingerprint(got.sets...) != k.String() {
		err = fault.New(fault.ErrUnavailable, "data %s in the cache is other data", k.Short()).WithHint("run it again: it is fetched anew")
	}
	if err != nil {
		p.Cache.DropPack(k.String())
	}
	return got, err
}

// streamed is a pack of which nothing is read but its tables.
func (p *Packs) streamed(ctx context.Context, k api.Key, bytes int64) (got pack, err error) {
	// Other tasks read it when this one has ended.
	files, err := p.Cache.Stream(&ranges{context.WithoutCancel(ctx), p.Store, api.DataName(k)}, bytes)
	if err == nil {
		got, err = packOf(files)
	}
	if err != nil {
		return pack{}, fault.New(fault.ErrUnavailable, "data %s in the store: %w", k.Short(), err)
	}
	if print := dataset.PackFingerprint(got.sets...); print != k.String() {
		return pack{}, otherData(k, print)
	}
	return got, nil
}

// packOf is the sets that lie in files.
func packOf(files []*pixelcache.File) (pack, error) {
	sets, err := dataset.PackSets(files)
	return pack{sets, files}, err
}

// ranges reads parts of an object.
type ranges struct {
	ctx   context.Context
	store store.Reader
	key   string
}

// ReadAt implements io.ReaderAt.
func (r *ranges) ReadAt(to []byte, at int64) (n int, err error) {
	body, err := r.store.GetRange(r.ctx, r.key, at, int64(len(to)))
	if err != nil {
		return 0, err
	}
	n, err = io.ReadFull(body, to)
	return n, errors.Join(err, body.Close())
}

// otherData is data in the store that is not what its name says.
func otherData(k api.Key, print string) error {
	return fault.New(fault.ErrData, "data %s in the store has the fingerprint %.12s", k.Short(), print).WithHint("delete %s there and submit again", api.DataName(k))
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
		return otherData(k, print)
	}
	return nil
}

// packed is the data of one task, as far as it lies in packs.
type packed struct {
	Data
	stains                             []string // of unlabelled
	unlabelled, paired, training, test []*dataset.Set
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

// Pairs implements Data.
func (d *packed) Pairs(ctx context.Context, q api.DataSet) (*dataset.Pairs, error) {
	if len(d.paired) == 0 {
		return d.Data.Pairs(ctx, q)
	}
	return dataset.PairsOf(d.paired)
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
	case api.PartUnlabelled, api.PartTarget:
		sets = d.unlabelled
	case api.PartPaired:
		sets = d.paired
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
