package main

import (
	"context"
	"io"

	"g2c/api"
	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/internal/dataset"
)

// upload gives a cluster the images that tasks read and workers cannot make
// themselves, unless it has them.
func (e *experiment) upload(ctx context.Context, cluster *client.Client) error {
	packs, order, err := e.packs(ctx)
	if err != nil || len(order) == 0 {
		return err
	}
	stat, err := cluster.Data().StatData(ctx, &apiv1.StatDataRequest{Fingerprints: order})
	if err != nil {
		return err
	}
	for _, d := range stat.Data {
		if d.Stored || len(d.Workers) > 0 {
			continue
		}
		sets := packs[d.Fingerprint]
		bytes := dataset.PackBytes(sets...)
		say("uploading data %.12s, %s", d.Fingerprint, size(bytes))
		shown := newDisplay()
		err := cluster.Upload(ctx, d.Fingerprint, bytes, func(w io.Writer) error {
			return dataset.WritePack(&counted{w: w, shown: shown, name: "uploading " + d.Fingerprint[:12], total: bytes}, sets...)
		})
		shown.close()
		if err != nil {
			return err
		}
	}
	return nil
}

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
	case t.Finetune != nil:
		return map[api.Key]api.DataSet{t.Finetune.Data: t.Finetune.Images(api.PartTraining, w.Where)}
	case t.Evaluate != nil:
		m := &t.Evaluate.Model
		return map[api.Key]api.DataSet{t.Evaluate.Data: m.Images(api.PartTest, w.Where), m.Data: m.Images(api.PartTraining, w.Where)}
	}
	return nil
}
