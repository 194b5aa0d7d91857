package train

import (
	"context"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/philox"
	"g2c/model/cyclegan"
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

// pretrainer is the state of one pretraining.
type pretrainer struct {
	ganTraining
	p            *api.Pretrain
	data         PretrainData
	step         *GANStep
	poolA, poolB *imagePool
	a, b         domain
	fake         []float32
	pixel        []float32 // of sample images
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
	return p.run(ctx, p.step.Initialise)
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
		p: task.Pretrain, data: data, step: step,
		poolA: newImagePool(seed, philox.PoolA, task.Pretrain.Pool, image),
		poolB: newImagePool(seed, philox.PoolB, task.Pretrain.Pool, image),
		fake:  make([]float32, c.Batch*image),
	}
	p.a = p.domain(data.A, philox.AugmentA, cyclegan.PixelsA, cyclegan.PlaceA)
	p.b = p.domain(data.B, philox.AugmentB, cyclegan.PixelsB, cyclegan.PlaceB)
	p.ganTraining = ganTraining{
		of: p, on: &step.adversarial, numbers: numbers, cyclic: true, seed: seed,
		log: pretrainLog{Names: GANLosses(c)}, images: newSampleImages(c.Size, results.ShowKinds),
		order: make([]int32, data.A.Len()), perEpoch: max(data.A.Len(), data.B.Len()) / c.Batch,
	}
	p.prepare(ctx, task, opt, task.Pretrain.Epochs, c.Batch)
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

// namedPool is an image pool and its name in the resume state.
type namedPool struct {
	name string
	*imagePool
}

func (p *pretrainer) pools() [2]namedPool {
	return [2]namedPool{{"poolA", p.poolA}, {"poolB", p.poolB}}
}

// restore takes the pools from a resume state.
func (p *pretrainer) restore(f *safetensors.File) error {
	for _, pool := range p.pools() {
		v, err := realsOf(f, realPrefix+pool.name)
		if err != nil {
			return err
		}
		pool.restore(v)
	}
	return nil
}

// store brings the pools into one.
func (p *pretrainer) store(b *bundle) {
	for _, pool := range p.pools() {
		b.real(pool.name, pool.stored())
	}
}

// learningRate is constant, then falls linearly towards zero.
func (p *pretrainer) learningRate(epoch int) float64 {
	return decayed(p.p.LR, epoch, p.p.ConstantEpochs, p.p.Epochs)
}

// one is one step: both batches in, generators, pools, discriminators. The next batch
// is brought in while the discriminators run; their losses are read in the next step.
func (p *pretrainer) one(epoch, at int, lr float64) error {
	if err := p.begin(epoch, at); err != nil {
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
	return p.next(epoch, at)
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

func (p *pretrainer) pooled(pool *imagePool, fake, pooled string) error {
	if err := p.step.state.GetF32(fake, p.fake); err != nil {
		return err
	}
	pool.query(p.t, p.fake)
	return p.step.state.PutF32(pooled, p.fake)
}
