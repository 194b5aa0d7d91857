package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"g2c/api"
	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/checkpoint/s3store"
	"g2c/checkpoint/store"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// directStore is the bucket that images are put into past the coordinators: the one that
// --store names, since a spec's store may be for runs on this machine. It is nil for none,
// also where the bucket cannot be written.
func (f *submitFlags) directStore(ctx context.Context) store.Store {
	if !s3store.Is(f.store) {
		return nil
	}
	s, err := openStore(ctx, f.store)
	if err != nil {
		say("note: images go to the cluster by way of its coordinator: %v", err)
		return nil
	}
	return s
}

// pack is images that a cluster needs, as they are uploaded.
type pack struct {
	print string // fingerprint
	sets  []*dataset.Set
	bytes int64
}

// upload gives a cluster the images that tasks read and workers cannot make
// themselves, unless it has them: past its coordinators where their store can be written
// from here, which is nil where it cannot.
func (e *experiment) upload(ctx context.Context, cluster *client.Client, direct store.Store) error {
	packs, err := e.absent(ctx, cluster)
	if err != nil {
		return err
	}
	for _, p := range packs {
		say("uploading data %.12s, %s", p.print, size(p.bytes))
		if direct != nil {
			err := p.put(ctx, cluster, direct)
			if err == nil {
				continue
			}
			if ctx.Err() != nil {
				return err
			}
			say("note: images go to the cluster by way of its coordinator: %v", err)
			direct = nil
		}
		if err := p.upload(ctx, cluster); err != nil {
			return err
		}
	}
	return nil
}

// absent are the packs that the plan's tasks read and the cluster has not, small ones
// first: if the store is not the cluster's, little has been written to it.
func (e *experiment) absent(ctx context.Context, cluster *client.Client) ([]*pack, error) {
	sets, order, err := e.packs(ctx)
	if err != nil || len(order) == 0 {
		return nil, err
	}
	stat, err := cluster.Data().StatData(ctx, &apiv1.StatDataRequest{Fingerprints: order})
	if err != nil {
		return nil, err
	}
	var packs []*pack
	for _, d := range stat.Data {
		if !d.Stored && len(d.Workers) == 0 {
			packs = append(packs, &pack{d.Fingerprint, sets[d.Fingerprint], dataset.PackBytes(sets[d.Fingerprint]...)})
		}
	}
	slices.SortStableFunc(packs, func(a, b *pack) int { return cmp.Compare(a.bytes, b.bytes) })
	return packs, nil
}

// upload hands a pack to a coordinator.
func (p *pack) upload(ctx context.Context, cluster *client.Client) error {
	shown := newDisplay()
	defer shown.close()
	return cluster.Upload(ctx, p.print, p.bytes, func(w io.Writer) error { return p.write(w, shown, "uploading") })
}

// write writes a pack, and shows how far it is.
func (p *pack) write(w io.Writer, shown *display, doing string) error {
	return dataset.WritePack(&counted{w: w, shown: shown, name: doing + " " + p.print[:12], total: p.bytes}, p.sets...)
}

// put puts a pack into a store under its name, as a coordinator would that was given it,
// and has the cluster look for it there.
func (p *pack) put(ctx context.Context, cluster *client.Client, to store.Store) (err error) {
	key, err := api.ParseKey(p.print)
	if err != nil {
		return err
	}
	_, err = to.Stat(ctx, api.DataName(key))
	if err == nil {
		return errOtherStore
	}
	if !errors.Is(err, store.ErrNotExist) {
		return err
	}
	file, err := os.CreateTemp("", "g2c-pack-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	shown := newDisplay()
	err = p.write(file, shown, "packing")
	shown.close()
	if err != nil {
		return err
	}
	body := io.NewSectionReader(file, 0, p.bytes)
	if print, err := dataset.CheckPack(body); err != nil || print != p.print {
		return errors.Join(err, fault.New(fault.ErrData, "data %.12s became other data on its way to the store", p.print))
	}
	if err := to.Put(ctx, api.DataName(key), body); err != nil {
		return err
	}
	stat, err := cluster.Data().StatData(ctx, &apiv1.StatDataRequest{Fingerprints: []string{p.print}})
	if err == nil && (len(stat.Data) != 1 || !stat.Data[0].Stored) {
		err = errOtherStore
	}
	return err
}

// errOtherStore is a store that has data which the cluster does not find in its own.
var errOtherStore = fault.New(fault.ErrNotFound, "the store that --store names has data that the cluster does not find: its store is another")

// counted shows how far the writing of something is.
type counted struct {
	w     io.Writer
	shown *display
	name  string
	total int64
	done  int64
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.done += int64(n)
	c.shown.report(progress{name: c.name, done: c.done >> 20, total: c.total >> 20, unit: "MiB"})
	return n, err
}

// packs are the sets that the plan's tasks read from files, by fingerprint.
func (e *experiment) packs(ctx context.Context) (packs map[string][]*dataset.Set, order []string, err error) {
	packs = map[string][]*dataset.Set{}
	for _, item := range e.plan.Items {
		if item.Where.Synthetic != nil {
			continue
		}
		for key, d := range dataOf(&item.Work) {
			print := key.String()
			if packs[print] != nil {
				continue
			}
			if packs[print], err = e.data.Sets(ctx, d); err != nil {
				return nil, nil, err
			}
			order = append(order, print)
		}
	}
	return packs, order, nil
}

// dataOf is what a task reads, by fingerprint.
func dataOf(w *api.Work) map[api.Key]api.DataSet {
	switch t := &w.Task; {
	case t.Pretrain != nil:
		return map[api.Key]api.DataSet{t.Pretrain.Data: t.Pretrain.Pair(w.Where)}
	case t.Paired != nil:
		return map[api.Key]api.DataSet{t.Paired.Data: t.Paired.Pairs(w.Where)}
	case t.Finetune != nil:
		return map[api.Key]api.DataSet{t.Finetune.Data: t.Finetune.Images(api.PartTraining, w.Where)}
	case t.Evaluate != nil:
		m := &t.Evaluate.Model
		return map[api.Key]api.DataSet{t.Evaluate.Data: m.Images(api.PartTest, w.Where), m.Data: m.Images(api.PartTraining, w.Where)}
	case t.Stain != nil && api.Targeted(t.Stain.Method):
		return map[api.Key]api.DataSet{t.Stain.Data: t.Stain.Target(w.Where)}
	}
	return nil
}
