package train

import (
	"io"
	"sort"
	"time"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/internal/philox"
	"g2c/kernels"
	"g2c/model/cyclegan"
	"g2c/model/g2c"
	"g2c/model/nn"
)

// Bench is what a training step costs on a device.
type Bench struct {
	Steps      []time.Duration // each, in order
	Inputs     []time.Duration // the part of each that brings its images in
	Samples    int             // images of the source stain a step
	FLOPs      int64           // a step, by the contracts
	StateBytes int64
	ArenaBytes int64
	WorkBytes  int64 // kernels' scratch and tables
	NaiveBytes int64 // all temporaries side by side, had no arena been planned
	Ops        []OpCost
}

// OpCost is what one kind of operation costs in a step; with shapes, one kind of
// operation on one set of shapes.
type OpCost struct {
	Name  string
	Calls int
	Time  time.Duration
	Cost  kernels.Cost
}

// benchStep is a step that can be repeated: what it runs, in order.
type benchStep interface {
	benchExecs() []kernels.Exec
	benchInput() error
	benchRun(t int64) error
	// benchRest does what else a task does, for the memory that it takes: it judges images,
	// draws samples, and describes two checkpoints.
	benchRest() error
	Close() error
}

func (s *GANStep) benchExecs() []kernels.Exec {
	return []kernels.Exec{s.input, s.generator, s.discriminator}
}

func (s *GANStep) benchInput() error { return s.bringImages(s.input) }

func (s *GANStep) benchRun(t int64) error {
	const lr = 2e-4
	if err := s.Generator(lr, t); err != nil {
		return err
	}
	return s.Discriminator(lr, t)
}

func (s *GANStep) benchRest() error {
	if err := s.sample.Run(); err != nil {
		return err
	}
	return s.benchSave(func(b *bundle) ([]safetensors.Tensor, error) {
		return b.exportGroup(b.groups, cyclegan.GroupG, nn.ByNet(s.catalog.Params, cyclegan.GAB), func(n string) string { return n })
	}, pretrainGroups...)
}

func (s *G2CStep) benchRest() error {
	if err := s.Train(0, true); err != nil {
		return err
	}
	for _, e := range []kernels.Exec{s.evalInput, s.evaluate} {
		if err := e.Run(); err != nil {
			return err
		}
	}
	return s.benchSave(func(b *bundle) ([]safetensors.Tensor, error) {
		return b.exportGroup(b.groups, g2c.GroupClassifier, nn.ByNet(s.catalog.Params, g2c.ClassifierNet), func(n string) string { return n })
	}, finetuneGroups...)
}

// benchSave makes the two sets of buffers of a task, and reads a checkpoint of each as a
// store would.
func (s *step) benchSave(weights func(b *bundle) ([]safetensors.Tensor, error), groups ...string) error {
	var both [2]*bundle
	for i := range both {
		both[i] = newBundle(s.state.Spec(), groups...)
		both[i].weights = weights
	}
	for _, b := range both {
		if err := b.capture(s.state, nil); err != nil {
			return err
		}
		payloads, err := b.payloads()
		if err != nil {
			return err
		}
		for _, body := range payloads {
			if _, err := io.Copy(io.Discard, io.NewSectionReader(body, 0, body.Size())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *G2CStep) benchExecs() []kernels.Exec {
	if s.joint == nil {
		return []kernels.Exec{s.input, s.frozen}
	}
	return []kernels.Exec{s.input, s.joint}
}

func (s *G2CStep) benchInput() error { return s.bringImages(s.input) }

func (s *G2CStep) benchRun(int64) error {
	const lr = 1e-3
	return s.Train(lr, false)
}

// RunBench times steps of a task's training on random images, after a few that
// are not counted, then each operation alone.
func RunBench(d kernels.Device, task api.Task, steps int, shapes bool, now func() time.Time) (*Bench, error) {
	s, b, err := newBenchStep(d, task)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	const warmup = 3
	for t := range warmup + steps {
		begun := now()
		if err := s.benchInput(); err != nil {
			return nil, err
		}
		ready := now()
		if err := s.benchRun(int64(t + 1)); err != nil {
			return nil, err
		}
		if t >= warmup {
			b.Inputs = append(b.Inputs, ready.Sub(begun))
			b.Steps = append(b.Steps, now().Sub(begun))
		}
	}
	for _, e := range s.benchExecs() {
		m := e.Memory()
		b.FLOPs += e.Program().Cost().FLOPs
		if m.Shared {
			b.ArenaBytes, b.WorkBytes = max(b.ArenaBytes, m.Arena), max(b.WorkBytes, m.Workspace)
		} else {
			b.ArenaBytes, b.WorkBytes = b.ArenaBytes+m.Arena, b.WorkBytes+m.Workspace
		}
		b.WorkBytes += m.Own
		b.NaiveBytes += m.Sum
	}
	if err := s.benchRest(); err != nil { // before operations run alone, on whatever they find
		return nil, err
	}
	return b, b.timeOps(s.benchExecs(), shapes, now)
}

func newBenchStep(d kernels.Device, task api.Task) (benchStep, *Bench, error) {
	if err := hasSteps(task); err != nil {
		return nil, nil, err
	}
	switch task.Kind {
	case api.KindPretrain:
		s, err := openGAN(d, task.Pretrain)
		if err != nil {
			return nil, nil, err
		}
		err = s.Initialise(task.Pretrain.Seed)
		return s, &Bench{Samples: task.Pretrain.Batch, StateBytes: stateBytes(s.Model.State)}, s.randomImages(err, cyclegan.PixelsA, cyclegan.PixelsB)
	case api.KindPaired:
		s, err := openPair(d, task.Paired)
		if err != nil {
			return nil, nil, err
		}
		err = s.Initialise(task.Paired.Seed)
		return s, &Bench{Samples: task.Paired.Batch, StateBytes: stateBytes(s.Model.State)}, s.randomImages(err, pairSlots[:]...)
	case api.KindFinetune:
		s, err := openG2C(d, task.Finetune)
		if err != nil {
			return nil, nil, err
		}
		err = s.Initialise(task.Finetune.Seed)
		for i := range s.Model.Config.Generators {
			if err == nil && api.Network(task.Finetune.Method(i)) {
				err = s.initialise(g2c.GeneratorNet(i), task.Finetune.Seed, uint32(i))
			}
		}
		if err == nil && s.Model.Config.Jitter {
			err = s.plainJitter()
		}
		if err == nil {
			err = s.putDropout(&safetensors.File{})
		}
		return s, &Bench{Samples: task.Finetune.Batch, StateBytes: stateBytes(s.Model.State)}, s.randomImages(err, s.inputs(g2c.Pixels)...)
	}
	return nil, nil, fault.New(fault.ErrSpec, "a task of kind %s has no training step", task.Kind)
}

// imageSlot is a slot of pixels and what a step puts there.
type imageSlot struct {
	slot   string
	pixels []uint8
}

// bringImages brings a step's images in: pixels as a data set holds them, decoded,
// and then what the device does to them.
func (s *step) bringImages(input kernels.Exec) error {
	for _, i := range s.images {
		if err := s.state.PutU8(i.slot, i.pixels); err != nil {
			return err
		}
	}
	return input.Run()
}

// randomImages draws images for slots of pixels, unless there was an error before.
func (s *step) randomImages(err error, slots ...string) error {
	for n, slot := range slots {
		if err != nil {
			return err
		}
		t, _ := s.state.Spec().Type(slot)
		v := make([]uint8, t.Shape.Len())
		for i := range v {
			v[i] = uint8(philox.Words(uint32(n), philox.AugmentA, [4]uint32{uint32(i)})[0])
		}
		s.images = append(s.images, imageSlot{slot, v})
	}
	return err
}

// plainJitter leaves brightness and saturation as they are: zeros would make every
// image black.
func (s *G2CStep) plainJitter() error {
	t, _ := s.state.Spec().Type(g2c.Jitter)
	v := make([]float32, t.Shape.Len())
	for i := range v {
		v[i] = 1
	}
	return s.state.PutF32(g2c.Jitter, v)
}

func stateBytes(spec *kernels.StateSpec) int64 {
	var n int64
	for _, g := range spec.Groups {
		t, _ := spec.Type(g.Name)
		size := 4
		switch t.DType {
		case kernels.U8:
			size = 1
		case kernels.BF16:
			size = 2
		}
		n += int64(size * t.Shape.Len())
	}
	return n
}

// opRepeats is how often each instruction is timed; the least counts.
const opRepeats = 3

// instrTimer is a program that can time its instructions by its device's clock.
type instrTimer interface {
	TimeInstrs(repeats int) ([]time.Duration, error)
}

// timeInstrs gives the least time of each instruction of a program.
func timeInstrs(e kernels.Exec, now func() time.Time) ([]time.Duration, error) {
	if t, ok := e.(instrTimer); ok {
		return t.TimeInstrs(opRepeats)
	}
	least := make([]time.Duration, len(e.Program().Instrs))
	for i := range least {
		for r := range opRepeats {
			begun := now()
			if err := e.RunInstr(i); err != nil {
				return nil, err
			}
			if took := now().Sub(begun); r == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	return least, nil
}

// timeOps times each instruction of one step alone and sums them by operation.
func (b *Bench) timeOps(execs []kernels.Exec, shapes bool, now func() time.Time) error {
	by := map[string]*OpCost{}
	for _, e := range execs {
		p := e.Program()
		times, err := timeInstrs(e, now)
		if err != nil {
			return err
		}
		for i, in := range p.Instrs {
			name := in.Op.Name()
			if shapes {
				name = p.Signature(i)
			}
			o := by[name]
			if o == nil {
				o = &OpCost{Name: name}
				by[name] = o
			}
			o.Calls++
			o.Time += times[i]
			o.Cost = o.Cost.Add(p.InstrCost(i))
		}
	}
	for _, o := range by {
		b.Ops = append(b.Ops, *o)
	}
	sort.Slice(b.Ops, func(i, j int) bool {
		if b.Ops[i].Time != b.Ops[j].Time {
			return b.Ops[i].Time > b.Ops[j].Time
		}
		return b.Ops[i].Name < b.Ops[j].Name
	})
	return nil
}

// Median is the median of durations.
func Median(of []time.Duration) time.Duration {
	s := append([]time.Duration(nil), of...)
	sort.Slice(s, func(i, j int) bool { return s[i] < s[j] })
	return s[len(s)/2]
}
