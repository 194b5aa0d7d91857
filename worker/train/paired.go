package train

import (
	"context"
	"encoding/json"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/philox"
	"g2c/model/nn"
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
	*session
	p        *api.Paired
	data     PairedData
	step     *PairStep
	log      pretrainLog
	show     *pairShow
	placer   placer
	batch    [2][]uint8
	order    []int32
	t        int64 // steps done
	fed      int64 // the step whose batch is on the device, -1 for none
	perEpoch int
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
	m, err := p.resumeOrStart()
	if err == nil && m == nil {
		err = p.train()
	}
	if err := p.close(err); err != nil {
		return nil, err
	}
	m, _, err = opt.Repo.Final(context.WithoutCancel(ctx), p.key, checkpoint.Present)
	return m, err
}

func newPairer(ctx context.Context, task api.Task, data PairedData, opt Options) (*pairer, error) {
	c := pairConfig(task.Paired)
	if err := checkPairs(data, c); err != nil {
		return nil, err
	}
	step, err := openPair(opt.Device, task.Paired, pairGroups...)
	if err != nil {
		return nil, err
	}
	n := data.Train[0].Len()
	p := &pairer{
		p: task.Paired, data: data, step: step, fed: -1, perEpoch: n / c.Batch, order: make([]int32, n),
		placer: placer{seed: task.Paired.Seed, purpose: philox.AugmentA, margin: c.Load - c.Size, flipH: task.Paired.Flip, place: make([]int32, 4*c.Batch)},
		log:    pretrainLog{Names: pairLosses, Sums: make([]float64, len(pairLosses))},
	}
	for i := range p.batch {
		p.batch[i] = make([]uint8, c.Batch*c.Load*c.Load*3)
	}
	step.gen.heard, step.dis.heard, step.again = p.addLosses, p.addLosses, p.again
	p.show = &pairShow{p: p, images: map[string][]uint8{}}
	p.session = newSession(ctx, task, opt, func() *bundle {
		b := newBundle(step.Model.State, pairGroups...)
		b.weights = p.weights
		return b
	})
	p.epochs, p.samples = task.Paired.Epochs, c.Batch
	p.steps = int64(p.epochs) * int64(p.perEpoch)
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

// resumeOrStart returns the final manifest if the task is done already.
func (p *pairer) resumeOrStart() (*checkpoint.Manifest, error) {
	m, data, err := p.resume()
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, p.step.Initialise(p.p.Seed)
	}
	if m.Final {
		return m, nil
	}
	f, err := restore(data, p.step.state, &p.log, pairGroups...)
	if err != nil {
		return nil, err
	}
	p.t = m.Step
	return nil, p.show.restore(f, p.log.Shown)
}

// train is the loop.
func (p *pairer) train() error {
	var shuffler philox.Shuffler
	for epoch := int(p.t) / p.perEpoch; epoch < p.epochs; epoch++ {
		lr := decayed(p.p.LR, epoch, p.p.ConstantEpochs, p.p.Epochs)
		shuffler.Shuffle(p.p.Seed, philox.OrderA, uint32(epoch), p.order)
		for at := int(p.t) % p.perEpoch; at < p.perEpoch; at++ {
			if err := p.interrupted(p.t, p.fill); err != nil {
				return err
			}
			if err := p.one(at, lr); err != nil {
				return p.stepFailed(p.t, err)
			}
			p.t++
			p.progress(p.t, epoch, p.log.Sums[1]/float64(at+1))
			if at+1 < p.perEpoch && p.due(p.t, epoch, false) {
				if err := p.save(p.fill, false); err != nil {
					return err
				}
			}
		}
		if err := p.endEpoch(epoch, lr); err != nil {
			return err
		}
	}
	return p.finish()
}

// one is one step: a batch of pairs in, discriminator, generator. The next batch is brought
// in while they run.
func (p *pairer) one(at int, lr float64) error {
	if p.fed != p.t {
		if err := p.feed(at, p.t); err != nil {
			return err
		}
	}
	if err := p.step.input.Run(); err != nil {
		return err
	}
	if err := p.step.queueBoth(lr, p.t+1); err != nil {
		return err
	}
	if at+1 < p.perEpoch {
		if err := p.feed(at+1, p.t+1); err != nil {
			return err
		}
	}
	return p.step.settle()
}

// feed brings in the batch of step t, which is the one at a place of an epoch. One draw of
// crop and flip is for both images of a pair.
func (p *pairer) feed(at int, t int64) error {
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

// again brings in the batch of a step of this epoch once more.
func (p *pairer) again(t int64) error {
	if err := p.feed(int(t)%p.perEpoch, t); err != nil {
		return err
	}
	return p.step.input.Run()
}

// addLosses adds the losses of one program to those of the epoch.
func (p *pairer) addLosses(r *training) {
	sums := p.log.Sums
	if r == p.step.dis {
		sums = sums[len(p.step.gen.losses):]
	}
	for i, v := range r.losses {
		sums[i] += v
	}
}

// endEpoch records means and samples, and saves if it is time. The last epoch is saved by
// finish.
func (p *pairer) endEpoch(epoch int, lr float64) error {
	e := results.PretrainEpoch{Epoch: epoch, LR: lr}
	for i, sum := range p.log.Sums {
		e.Losses = append(e.Losses, sum/float64(p.perEpoch))
		p.log.Sums[i] = 0
	}
	p.log.Epochs = append(p.log.Epochs, e)
	if showDue(epoch, p.epochs) {
		if err := p.show.capture(epoch); err != nil {
			return err
		}
		p.log.Shown = append(p.log.Shown, epoch)
		p.show.tell(epoch)
	}
	p.epochEnded(Epoch{Step: p.t, Losses: p.log.Names, Pretrain: &e})
	if epoch+1 == p.epochs || !p.due(p.t, epoch, true) {
		return nil
	}
	return p.save(p.fill, false)
}

// fill copies the state at a step boundary.
func (p *pairer) fill(b *bundle) error {
	if err := p.step.settle(); err != nil {
		return p.stepFailed(p.t, err)
	}
	b.step, b.epoch = p.t, int(p.t)/p.perEpoch
	p.show.fill(b)
	return b.capture(p.step.state, &p.log)
}

// weights are the generator's, named as the generator alone names them.
func (p *pairer) weights(b *bundle) ([]safetensors.Tensor, error) {
	params := nn.ByNet(p.step.catalog.Params, pix2pix.GAB)
	return b.exportGroup(b.groups, pix2pix.GroupG, params, func(name string) string { return name[len(pix2pix.GAB)+1:] })
}

// finish judges the generator and saves the end.
func (p *pairer) finish() error {
	m, err := p.judge()
	if err != nil {
		return err
	}
	judged, err := json.Marshal(results.Paired{Losses: p.log.Names, Epochs: p.log.Epochs, Shown: p.log.Shown, Metrics: m})
	if err != nil {
		return err
	}
	return p.save(func(b *bundle) error {
		b.results = judged
		return p.fill(b)
	}, true)
}
