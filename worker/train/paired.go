package train

import (
	"context"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/philox"
	"g2c/model/pix2pix"
	"g2c/model/results"
)

// PairedData is what a paired training reads: image i of a stain is the same tissue as
// image i of the other. Train is source and target fitted to the load side; Test, which is
// judged, is fitted to the size of the networks, and nil where no pair is held out.
type PairedData struct {
	Train, Test [2]*dataset.Set
}

// pairer is the state of one paired training.
type pairer struct {
	ganTraining
	p      *api.Paired
	data   PairedData
	step   *PairStep
	placer placer
	batch  [2][]uint8
}

// pairSlots are the slots of a pair's images, source first.
var pairSlots = [2]string{pix2pix.PixelsA, pix2pix.PixelsB}

// TrainPaired trains a generator on pairs, from its newest checkpoint or from the start, and
// returns the manifest of its end.
func TrainPaired(ctx context.Context, task api.Task, data PairedData, opt Options) (*checkpoint.Manifest, error) {
	p, err := newPairer(ctx, task, data, opt)
	if err != nil {
		return nil, err
	}
	defer p.step.Close()
	return p.run(ctx, p.step.Initialise)
}

func newPairer(ctx context.Context, task api.Task, data PairedData, opt Options) (*pairer, error) {
	c := pairConfig(task.Paired)
	if err := checkPairs(data, c); err != nil {
		return nil, err
	}
	step, err := openPair(opt.Device, task.Paired, pretrainGroups...)
	if err != nil {
		return nil, err
	}
	n := data.Train[0].Len()
	p := &pairer{
		p: task.Paired, data: data, step: step,
		placer: placer{seed: task.Paired.Seed, purpose: philox.AugmentA, margin: c.Load - c.Size, flipH: task.Paired.Flip, place: make([]int32, 4*c.Batch)},
	}
	for i := range p.batch {
		p.batch[i] = make([]uint8, c.Batch*c.Load*c.Load*3)
	}
	p.ganTraining = ganTraining{
		of: p, on: &step.adversarial, seed: task.Paired.Seed,
		log: pretrainLog{Names: pairLosses}, shown: 1, images: newSampleImages(c.Size, results.PairKinds),
		order: make([]int32, n), perEpoch: n / c.Batch,
	}
	p.prepare(ctx, task, opt, task.Paired.Epochs, c.Batch)
	return p, nil
}

// checkPairs refuses sets that are not pairs of what the programs read.
func checkPairs(data PairedData, c pix2pix.Config) error {
	for _, part := range []struct {
		name string
		sets [2]*dataset.Set
		side int
	}{{"training", data.Train, c.Load}, {"held-out", data.Test, c.Size}} {
		if part.sets[0] == nil && part.name != "training" {
			continue
		}
		if n, m := part.sets[0].Len(), part.sets[1].Len(); n != m {
			return fault.New(fault.ErrData, "%d %s sources and %d targets are no pairs", n, part.name, m)
		}
		for _, set := range part.sets {
			if set.Side() != part.side {
				return fault.New(fault.ErrData, "%s images of %d pixels, the task reads %d", part.name, set.Side(), part.side)
			}
		}
	}
	if n := data.Train[0].Len(); n < c.Batch {
		return fault.New(fault.ErrData, "%d training pairs are fewer than a batch of %d", n, c.Batch)
	}
	return nil
}

// A resume state holds nothing of a paired training's own.
func (p *pairer) store(*bundle) {}

func (p *pairer) restore(*safetensors.File) error { return nil }

func (p *pairer) learningRate(epoch int) float64 {
	return decayed(p.p.LR, epoch, p.p.ConstantEpochs, p.p.Epochs)
}

// one is one step: a batch of pairs in, discriminator, generator. The next batch is brought
// in while they run.
func (p *pairer) one(epoch, at int, lr float64) error {
	if err := p.begin(epoch, at); err != nil {
		return err
	}
	if err := p.step.queueBoth(lr, p.t+1); err != nil {
		return err
	}
	if err := p.next(epoch, at); err != nil {
		return err
	}
	return p.step.settle()
}

// feed brings in the batch of step t, which is the one at a place of an epoch. One draw of
// crop and flip is for both images of a pair.
func (p *pairer) feed(_, at int, t int64) error {
	batch := p.p.Batch
	p.placer.draw(t, batch)
	if err := p.put(p.data.Train, func(i int) int { return int(p.order[at*batch+i]) }); err != nil {
		return err
	}
	p.fed = t
	return nil
}

// put brings pairs of a set into the step's pixels, at the placer's places.
func (p *pairer) put(pairs [2]*dataset.Set, index func(place int) int) error {
	p.fed = -1
	for i, set := range pairs {
		if err := gather(p.batch[i], set, index); err != nil {
			return err
		}
		if err := p.step.state.PutU8(pairSlots[i], p.batch[i]); err != nil {
			return err
		}
	}
	return p.step.state.PutI32(pix2pix.Place, p.placer.place)
}
