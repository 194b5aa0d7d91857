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
	"g2c/model/cyclegan"
	"g2c/model/nn"
	"g2c/model/results"
)

// PretrainData is what pretraining reads. A and B are the unlabelled domains,
// fitted to the load side. Probe is images of the source stain, fitted to the
// size of the networks, on which the finished generators are judged; Truth, where
// it is known, is the same tissue in the target stain, image by image.
type PretrainData struct {
	A, B         *dataset.Set
	Probe, Truth *dataset.Set
}

// pretrainLog is what has happened so far; it is part of the resume state.
type pretrainLog struct {
	Names  []string                `json:"names"` // of the losses
	Epochs []results.PretrainEpoch `json:"epochs"`
	Sums   []float64               `json:"sums"` // of the losses of the epoch so far
	Shown  []int                   `json:"shown"`
}

// pretrainGroups are the groups of slots that training goes on from.
var pretrainGroups = []string{
	cyclegan.GroupG, cyclegan.GroupGMoment, cyclegan.GroupGVariance,
	cyclegan.GroupD, cyclegan.GroupDMoment, cyclegan.GroupDVariance,
}

// pretrainer is the state of one pretraining.
type pretrainer struct {
	*session
	p            *api.Pretrain
	data         PretrainData
	step         *GANStep
	log          pretrainLog
	poolA, poolB *imagePool
	a, b         domain
	fake         []float32
	show         *showcase
	order        []int32 // of A's images in the epoch
	t            int64   // steps done
	fed          int64   // the step whose batch is on the device, -1 for none
	perEpoch     int
	numbers      []safetensors.Tensor // of the normaliser, as weights hold them
}

// domain is one side's way into the step.
type domain struct {
	set           *dataset.Set
	placer        placer
	batch         []uint8
	pixels, place string // slots
}

// ganConfig is the configuration of a task's programs.
func ganConfig(p *api.Pretrain) cyclegan.Config {
	return cyclegan.Config{
		Size: p.Size, Load: api.LoadSide(p.Size, p.Load), Batch: p.Batch,
		Generator: GeneratorConfig(p.Generator), DiscriminatorWidth: p.DiscriminatorWidth,
		LambdaCycle: p.LambdaCycle, LambdaIdentity: p.LambdaIdentity, Beta1: p.Beta1, Beta2: p.Beta2,
		BF16: p.Precision == api.BF16,
	}
}

// Pretrain trains a CycleGAN, from its newest checkpoint or from the start, and
// returns the manifest of its end.
func Pretrain(ctx context.Context, task api.Task, data PretrainData, opt Options) (*checkpoint.Manifest, error) {
	p, err := newPretrainer(ctx, task, data, opt)
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

func newPretrainer(ctx context.Context, task api.Task, data PretrainData, opt Options) (*pretrainer, error) {
	c := ganConfig(task.Pretrain)
	normaliser, numbers, err := newNormaliser(task.Pretrain.Normaliser, opt.Normaliser, "", keepPainted)
	if err != nil {
		return nil, err
	}
	if normaliser != nil {
		data.A = data.A.Painted(normaliser)
		if data.Probe != nil {
			data.Probe = data.Probe.Painted(normaliser)
		}
	}
	for _, d := range []*dataset.Set{data.A, data.B} {
		if d.Side() != c.Load {
			return nil, fault.New(fault.ErrData, "images of %d pixels, the task reads %d", d.Side(), c.Load)
		}
		if d.Len() < c.Batch {
			return nil, fault.New(fault.ErrData, "%d unlabelled images are fewer than a batch of %d", d.Len(), c.Batch)
		}
	}
	step, err := openGAN(opt.Device, task.Pretrain, pretrainGroups...)
	if err != nil {
		return nil, err
	}
	seed := task.Pretrain.Seed
	image := c.Size * c.Size * 3
	p := &pretrainer{
		numbers: numbers,
		p:       task.Pretrain, data: data, step: step,
		poolA:    newImagePool(seed, philox.PoolA, task.Pretrain.Pool, image),
		poolB:    newImagePool(seed, philox.PoolB, task.Pretrain.Pool, image),
		fake:     make([]float32, c.Batch*image),
		order:    make([]int32, data.A.Len()),
		fed:      -1,
		perEpoch: max(data.A.Len(), data.B.Len()) / c.Batch,
	}
	p.a = p.domain(data.A, philox.AugmentA, cyclegan.PixelsA, cyclegan.PlaceA)
	p.b = p.domain(data.B, philox.AugmentB, cyclegan.PixelsB, cyclegan.PlaceB)
	p.log.Names = GANLosses(c)
	p.log.Sums = make([]float64, len(p.log.Names))
	step.gen.heard, step.dis.heard, step.again = p.addLosses, p.addLosses, p.again
	p.show = newShowcase(task.Pretrain.Epochs, p)
	p.session = newSession(ctx, task, opt, func() *bundle {
		b := newBundle(step.Model.State, pretrainGroups...)
		b.weights = p.weights
		return b
	})
	p.epochs, p.samples = task.Pretrain.Epochs, c.Batch
	p.steps = int64(p.epochs) * int64(p.perEpoch)
	return p, nil
}

func (p *pretrainer) domain(set *dataset.Set, purpose philox.Purpose, pixels, place string) domain {
	c := p.step.Model.Config
	return domain{
		set:    set,
		placer: placer{seed: p.p.Seed, purpose: purpose, margin: c.Load - c.Size, flipH: p.p.Flip, place: make([]int32, 4*c.Batch)},
		batch:  make([]uint8, c.Batch*c.Load*c.Load*3), pixels: pixels, place: place,
	}
}

// resumeOrStart returns the final manifest if the task is done already.
func (p *pretrainer) resumeOrStart() (*checkpoint.Manifest, error) {
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
	f, err := restore(data, p.step.state, &p.log, pretrainGroups...)
	if err != nil {
		return nil, err
	}
	for _, pool := range p.pools() {
		v, err := realsOf(f, realPrefix+pool.name)
		if err != nil {
			return nil, err
		}
		pool.restore(v)
	}
	p.t = m.Step
	return nil, p.show.restore(f, p.log.Shown)
}

// namedPool is an image pool and its name in the resume state.
type namedPool struct {
	name string
	*imagePool
}

func (p *pretrainer) pools() [2]namedPool {
	return [2]namedPool{{"poolA", p.poolA}, {"poolB", p.poolB}}
}

// train is the loop.
func (p *pretrainer) train() error {
	var shuffler philox.Shuffler
	for epoch := int(p.t) / p.perEpoch; epoch < p.epochs; epoch++ {
		lr := p.learningRate(epoch)
		shuffler.Shuffle(p.p.Seed, philox.OrderA, uint32(epoch), p.order)
		for at := int(p.t) % p.perEpoch; at < p.perEpoch; at++ {
			if err := p.interrupted(p.t, p.fill); err != nil {
				return err
			}
			if err := p.one(epoch, at, lr); err != nil {
				return p.stepFailed(p.t, err)
			}
			p.t++
			p.progress(p.t, epoch, p.log.Sums[0]/float64(at+1))
			if at+1 < p.perEpoch && p.due(p.t, epoch, false) {
				if err := p.save(p.fill, false); err != nil {
					return err
				}
			}
		}
		if err := p.settle(); err != nil {
			return err
		}
		if err := p.endEpoch(epoch, lr); err != nil {
			return err
		}
	}
	return p.finish()
}

// learningRate is constant, then falls linearly towards zero.
// Source: spec, "Time and randomness"; CycleGAN, networks.py, lambda_rule.
func (p *pretrainer) learningRate(epoch int) float64 {
	return decayed(p.p.LR, epoch, p.p.ConstantEpochs, p.p.Epochs)
}

// decayed is a learning rate that is constant for some epochs of all, then falls.
func decayed(lr float64, epoch, constant, epochs int) float64 {
	return lr * (1 - float64(max(0, epoch+1-constant))/float64(epochs-constant+1))
}

// one is one step: both batches in, generators, pools, discriminators. The next batch
// is brought in while the discriminators run; their losses are read in the next step.
func (p *pretrainer) one(epoch, at int, lr float64) error {
	if p.fed != p.t {
		if err := p.feed(epoch, at, p.t); err != nil {
			return err
		}
	}
	if err := p.step.input.Run(); err != nil {
		return err
	}
	if err := p.step.Generator(lr, p.t+1); err != nil {
		return err
	}
	if err := p.pooled(p.poolA, cyclegan.FakeA, cyclegan.PoolA); err != nil {
		return err
	}
	if err := p.pooled(p.poolB, cyclegan.FakeB, cyclegan.PoolB); err != nil {
		return err
	}
	if err := p.step.queueDiscriminator(lr, p.t+1); err != nil {
		return err
	}
	if at+1 == p.perEpoch {
		return nil
	}
	return p.feed(epoch, at+1, p.t+1)
}

// feed brings in the batch of step t, which is the one at a place of an epoch.
func (p *pretrainer) feed(epoch, at int, t int64) error {
	batch := p.p.Batch
	if err := gather(p.a.batch, p.a.set, func(i int) int { return int(p.order[(at*batch+i)%len(p.order)]) }); err != nil {
		return err
	}
	if err := gather(p.b.batch, p.b.set, func(i int) int {
		w := philox.Words(p.p.Seed, philox.OrderB, [4]uint32{uint32(epoch), uint32(at*batch + i), 0, 0})
		return philox.Below(w[0], p.b.set.Len())
	}); err != nil {
		return err
	}
	for _, d := range []*domain{&p.a, &p.b} {
		d.placer.draw(t, batch)
		if err := p.put(d); err != nil {
			return err
		}
	}
	p.fed = t
	return nil
}

func (p *pretrainer) put(d *domain) error {
	p.fed = -1
	if err := p.step.state.PutU8(d.pixels, d.batch); err != nil {
		return err
	}
	return p.step.state.PutI32(d.place, d.placer.place)
}

// again brings in the batch of a step of this epoch once more.
func (p *pretrainer) again(t int64) error {
	if err := p.feed(int(t)/p.perEpoch, int(t)%p.perEpoch, t); err != nil {
		return err
	}
	return p.step.input.Run()
}

// addLosses adds the losses of one program to those of the epoch.
func (p *pretrainer) addLosses(r *training) {
	sums := p.log.Sums
	if r == p.step.dis {
		sums = sums[len(p.step.gen.losses):]
	}
	for i, v := range r.losses {
		sums[i] += v
	}
}

// settle reads the losses that are still on their way.
func (p *pretrainer) settle() error {
	if err := p.step.settle(); err != nil {
		return p.stepFailed(p.t, err)
	}
	return nil
}

func (p *pretrainer) pooled(pool *imagePool, fake, pooled string) error {
	if err := p.step.state.GetF32(fake, p.fake); err != nil {
		return err
	}
	pool.query(p.t, p.fake)
	return p.step.state.PutF32(pooled, p.fake)
}

// endEpoch records means and samples, and saves if it is time. The last epoch is
// saved by finish.
func (p *pretrainer) endEpoch(epoch int, lr float64) error {
	e := results.PretrainEpoch{Epoch: epoch, LR: lr}
	for i, sum := range p.log.Sums {
		e.Losses = append(e.Losses, sum/float64(p.perEpoch))
		p.log.Sums[i] = 0
	}
	p.log.Epochs = append(p.log.Epochs, e)
	if p.show.due(epoch) {
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
func (p *pretrainer) fill(b *bundle) error {
	if err := p.settle(); err != nil {
		return err
	}
	b.step, b.epoch = p.t, int(p.t)/p.perEpoch
	for _, pool := range p.pools() {
		b.real(pool.name, pool.stored())
	}
	p.show.fill(b)
	return b.capture(p.step.state, &p.log)
}

// weights are the forward generator's, named as the generator alone names them.
func (p *pretrainer) weights(b *bundle) ([]safetensors.Tensor, error) {
	params := nn.ByNet(p.step.catalog.Params, cyclegan.GAB)
	out, err := b.exportGroup(b.groups, cyclegan.GroupG, params, func(name string) string { return name[len(cyclegan.GAB)+1:] })
	return append(out, p.numbers...), err
}

// finish judges the generator and saves the end.
func (p *pretrainer) finish() error {
	m, err := p.judge()
	if err != nil {
		return err
	}
	judged, err := json.Marshal(results.Pretrain{Losses: p.log.Names, Epochs: p.log.Epochs, Shown: p.log.Shown, Metrics: m})
	if err != nil {
		return err
	}
	return p.save(func(b *bundle) error {
		b.results = judged
		return p.fill(b)
	}, true)
}
