package train

import (
	"context"
	"encoding/json"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/internal/philox"
	"g2c/model/cyclegan"
	"g2c/model/nn"
	"g2c/model/results"
)

// pretrainLog is what has happened so far; it is part of the resume state.
type pretrainLog struct {
	Names  []string                `json:"names"` // of the losses
	Epochs []results.PretrainEpoch `json:"epochs"`
	Sums   []float64               `json:"sums"` // of the losses of the epoch so far
	Shown  []int                   `json:"shown"`
}

// pretrainGroups are the groups of slots that a training of generators goes on from, with
// pairs and without.
var pretrainGroups = []string{
	cyclegan.GroupG, cyclegan.GroupGMoment, cyclegan.GroupGVariance,
	cyclegan.GroupD, cyclegan.GroupDMoment, cyclegan.GroupDVariance,
}

// ganTraining is what a CycleGAN and pix2pix are trained by alike: the loop over epochs and
// steps, the log, the sample images, and checkpoints. It belongs to the goroutine that trains.
type ganTraining struct {
	*session
	of       ganTrained
	on       *adversarial
	log      pretrainLog
	shown    int // which loss progress tells
	images   *sampleImages
	numbers  []safetensors.Tensor // of a normaliser, as weights hold them
	seed     uint32
	order    []int32 // of the source's images in the epoch
	t        int64   // steps done
	fed      int64   // the step whose batch is on the device, -1 for none
	perEpoch int
}

// ganTrained is what is a training's own.
type ganTrained interface {
	// learningRate is that of an epoch.
	learningRate(epoch int) float64
	// feed brings in the batch of step t, which is the one at a place of an epoch.
	feed(epoch, at int, t int64) error
	// one is one step, at a place of an epoch.
	one(epoch, at int, lr float64) error
	// capture makes the sample images of an epoch.
	capture(epoch int) error
	// store and restore are of what a resume state holds beside slots, log and samples.
	store(b *bundle)
	restore(f *safetensors.File) error
	// judge judges the generator, and gives the task's results.
	judge() (any, error)
}

// prepare prepares the loop; set before are the fields of the step and of the data.
func (g *ganTraining) prepare(ctx context.Context, task api.Task, opt Options, epochs, batch int) {
	g.fed = -1
	g.log.Sums = make([]float64, len(g.log.Names))
	g.on.gen.heard, g.on.dis.heard, g.on.again = g.addLosses, g.addLosses, g.again
	g.session = newSession(ctx, task, opt, func() *bundle {
		b := newBundle(g.on.state.Spec(), pretrainGroups...)
		b.weights = g.weights
		if len(nn.ByNet(g.on.catalog.Params, cyclegan.GBA)) > 0 { // not of one that is trained on pairs
			b.backward = func(b *bundle) ([]safetensors.Tensor, error) { return g.alone(b, cyclegan.GBA) }
		}
		return b
	})
	g.epochs, g.samples = epochs, batch
	g.steps = int64(epochs) * int64(g.perEpoch)
}

// run trains from the newest checkpoint, or from weights that initialise draws, and returns
// the manifest of the end.
func (g *ganTraining) run(ctx context.Context, initialise func(seed uint32) error) (*checkpoint.Manifest, error) {
	m, err := g.resumeOrStart(initialise)
	if err == nil && m == nil {
		err = g.train()
	}
	if err := g.close(err); err != nil {
		return nil, err
	}
	m, _, err = g.opt.Repo.Final(context.WithoutCancel(ctx), g.key, checkpoint.Present)
	return m, err
}

// resumeOrStart returns the final manifest if the task is done already.
func (g *ganTraining) resumeOrStart(initialise func(seed uint32) error) (*checkpoint.Manifest, error) {
	m, data, err := g.resume()
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, initialise(g.seed)
	}
	if m.Final {
		return m, nil
	}
	f, err := restore(data, g.on.state, &g.log, pretrainGroups...)
	if err != nil {
		return nil, err
	}
	if err := g.of.restore(f); err != nil {
		return nil, err
	}
	g.t = m.Step
	return nil, g.images.restore(f, g.log.Shown)
}

// train is the loop.
func (g *ganTraining) train() error {
	var shuffler philox.Shuffler
	for epoch := int(g.t) / g.perEpoch; epoch < g.epochs; epoch++ {
		lr := g.of.learningRate(epoch)
		shuffler.Shuffle(g.seed, philox.OrderA, uint32(epoch), g.order)
		for at := int(g.t) % g.perEpoch; at < g.perEpoch; at++ {
			if err := g.interrupted(g.t, g.fill); err != nil {
				return err
			}
			if err := g.of.one(epoch, at, lr); err != nil {
				return g.stepFailed(g.t, err)
			}
			g.t++
			g.progress(g.t, epoch, g.log.Sums[g.shown]/float64(at+1))
			if at+1 < g.perEpoch && g.due(g.t, epoch, false) {
				if err := g.save(g.fill, false); err != nil {
					return err
				}
			}
		}
		if err := g.settle(); err != nil {
			return err
		}
		if err := g.endEpoch(epoch, lr); err != nil {
			return err
		}
	}
	return g.finish()
}

// decayed is a learning rate that is constant for some epochs of all, then falls linearly
// towards zero.
// Source: spec, "Time and randomness"; CycleGAN, networks.py, lambda_rule.
func decayed(lr float64, epoch, constant, epochs int) float64 {
	return lr * (1 - float64(max(0, epoch+1-constant))/float64(epochs-constant+1))
}

// begin has the batch of the step on the device.
func (g *ganTraining) begin(epoch, at int) error {
	if g.fed != g.t {
		if err := g.of.feed(epoch, at, g.t); err != nil {
			return err
		}
	}
	return g.on.input.Run()
}

// next brings in the next batch of the epoch, while the device works on this one.
func (g *ganTraining) next(epoch, at int) error {
	if at+1 == g.perEpoch {
		return nil
	}
	return g.of.feed(epoch, at+1, g.t+1)
}

// again brings in the batch of a step of this epoch once more.
func (g *ganTraining) again(t int64) error {
	if err := g.of.feed(int(t)/g.perEpoch, int(t)%g.perEpoch, t); err != nil {
		return err
	}
	return g.on.input.Run()
}

// addLosses adds the losses of one program to those of the epoch.
func (g *ganTraining) addLosses(r *training) {
	sums := g.log.Sums
	if r == g.on.dis {
		sums = sums[len(g.on.gen.losses):]
	}
	for i, v := range r.losses {
		sums[i] += v
	}
}

// settle reads the losses that are still on their way.
func (g *ganTraining) settle() error {
	if err := g.on.settle(); err != nil {
		return g.stepFailed(g.t, err)
	}
	return nil
}

// endEpoch records means and samples, and saves if it is time. The last epoch is
// saved by finish.
func (g *ganTraining) endEpoch(epoch int, lr float64) error {
	e := results.PretrainEpoch{Epoch: epoch, LR: lr}
	for i, sum := range g.log.Sums {
		e.Losses = append(e.Losses, sum/float64(g.perEpoch))
		g.log.Sums[i] = 0
	}
	g.log.Epochs = append(g.log.Epochs, e)
	if showDue(epoch, g.epochs) {
		if err := g.of.capture(epoch); err != nil {
			return err
		}
		g.log.Shown = append(g.log.Shown, epoch)
		g.images.tell(epoch, g.opt.Samples)
	}
	g.epochEnded(Epoch{Step: g.t, Losses: g.log.Names, Pretrain: &e})
	if epoch+1 == g.epochs || !g.due(g.t, epoch, true) {
		return nil
	}
	return g.save(g.fill, false)
}

// fill copies the state at a step boundary.
func (g *ganTraining) fill(b *bundle) error {
	if err := g.settle(); err != nil {
		return err
	}
	b.step, b.epoch = g.t, int(g.t)/g.perEpoch
	g.of.store(b)
	g.images.store(b)
	return b.capture(g.on.state, &g.log)
}

// weights are the forward generator's, named as the generator alone names them.
func (g *ganTraining) weights(b *bundle) ([]safetensors.Tensor, error) {
	out, err := g.alone(b, cyclegan.GAB)
	return append(out, g.numbers...), err
}

// alone are the weights of one generator, named as the generator alone names them.
func (g *ganTraining) alone(b *bundle, net string) ([]safetensors.Tensor, error) {
	params := nn.ByNet(g.on.catalog.Params, net)
	return b.exportGroup(b.groups, cyclegan.GroupG, params, func(name string) string { return name[len(net)+1:] })
}

// finish judges the generator and saves the end.
func (g *ganTraining) finish() error {
	r, err := g.of.judge()
	if err != nil {
		return err
	}
	judged, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return g.save(func(b *bundle) error {
		b.results = judged
		return g.fill(b)
	}, true)
}
