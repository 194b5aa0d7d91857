package train

import (
	"fmt"
	"slices"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/ref"
	"g2c/model/cyclegan"
	"g2c/model/g2c"
	"g2c/model/nn"
	"g2c/model/pix2pix"
)

// DebugStep runs steps training steps on one batch from given weights, with
// augmentation off and the image pool empty, and returns every loss, every
// gradient and the updated weights, named as the PyTorch twin names them:
// loss.<k>.<name>, grad.<k>.<parameter>, param.<parameter>. The reference device
// gives float64, others float32.
func (s *GANStep) DebugStep(weightsFile, batch *safetensors.File, steps int, lr float64) ([]safetensors.Tensor, error) {
	if err := s.begin(weightsFile, batch); err != nil {
		return nil, err
	}
	var out []safetensors.Tensor
	for k := range steps {
		if err := s.debugOne(lr, int64(k+1)); err != nil {
			return nil, err
		}
		for i, v := range s.Losses(nil) {
			name := fmt.Sprintf("loss.%d.%s", k, GANLosses(s.Model.Config)[i])
			out = append(out, s.scalarTensor(name, v))
		}
		grads, err := s.gradients(k, cyclegan.GAB, cyclegan.GBA, cyclegan.DA, cyclegan.DB)
		if err != nil {
			return nil, err
		}
		out = append(out, grads...)
	}
	return s.withParams(out)
}

// begin sets weights and batch.
func (s *GANStep) begin(weightsFile, batch *safetensors.File) error {
	if err := s.SetWeights(weightsFile, nil); err != nil {
		return err
	}
	for _, name := range []string{cyclegan.A, cyclegan.B} {
		if err := s.putImages(batch, name, name); err != nil {
			return err
		}
	}
	return nil
}

// debugOne is a step whose discriminator takes the new fakes as they are.
func (s *GANStep) debugOne(lr float64, t int64) error {
	if err := s.Generator(lr, t); err != nil {
		return err
	}
	if err := s.fakesToPool(); err != nil {
		return err
	}
	return s.Discriminator(lr, t)
}

// fakesToPool gives the discriminators the new fakes as they are.
func (s *GANStep) fakesToPool() error {
	for _, pair := range [][2]string{{cyclegan.FakeA, cyclegan.PoolA}, {cyclegan.FakeB, cyclegan.PoolB}} {
		if err := s.copySlot(pair[1], pair[0]); err != nil {
			return err
		}
	}
	return nil
}

// DebugStep is GANStep.DebugStep for the joint step.
func (s *G2CStep) DebugStep(weightsFile, batch *safetensors.File, steps int, lr float64) ([]safetensors.Tensor, error) {
	if err := s.begin(weightsFile, batch); err != nil {
		return nil, err
	}
	nets := []string{g2c.ClassifierNet}
	for i := range s.Model.Config.Generators {
		if !slices.Contains(s.Model.Config.Given, i) {
			nets = append(nets, g2c.GeneratorNet(i))
		}
	}
	var out []safetensors.Tensor
	for k := range steps {
		if err := s.Train(lr, false); err != nil {
			return nil, err
		}
		out = append(out, s.scalarTensor(fmt.Sprintf("loss.%d.focal", k), s.Loss()))
		grads, err := s.gradients(k, nets...)
		if err != nil {
			return nil, err
		}
		out = append(out, grads...)
	}
	return s.withParams(out)
}

// begin sets weights and batch.
func (s *G2CStep) begin(weightsFile, batch *safetensors.File) error {
	if err := s.SetWeights(weightsFile, nil); err != nil {
		return err
	}
	if err := s.putImages(batch, "x", g2c.X); err != nil {
		return err
	}
	if err := s.putDropout(batch); err != nil {
		return err
	}
	for _, i := range s.Model.Config.Given { // what a formula makes of the batch is no part of a step
		slot := g2c.GivenSlot(g2c.X, i)
		if err := s.putImages(batch, g2c.GivenSlot("x", i), slot); err != nil {
			return err
		}
	}
	return s.putLabels(batch)
}

// putDropout has units multiplied by what the batch says, by 1 where it says nothing.
func (s *G2CStep) putDropout(batch *safetensors.File) error {
	shape, ok := s.state.Spec().Type(g2c.Dropout)
	if !ok {
		return nil
	}
	v := make([]float64, shape.Shape.Len())
	for i := range v {
		v[i] = 1
	}
	if t, ok := batch.Tensor("dropout"); ok {
		if err := t.CopyReals(v, shape.Shape); err != nil {
			return fmt.Errorf("batch: %w", err)
		}
	}
	return s.state.PutF64(g2c.Dropout, v)
}

func (s *G2CStep) putLabels(batch *safetensors.File) error {
	t, ok := batch.Tensor("labels")
	if !ok {
		return fault.New(fault.ErrData, "batch has no tensor labels")
	}
	wide, err := t.Int64s()
	if err != nil {
		return err
	}
	labels := make([]int32, len(wide))
	for i, v := range wide {
		if v < 0 || v >= int64(s.Model.Config.Classifier.Classes) {
			return fault.New(fault.ErrData, "batch: label %d of sample %d is not a class", v, i)
		}
		labels[i] = int32(v)
	}
	return s.state.PutI32(g2c.Labels, labels)
}

// putImages writes images from a file's (N,3,H,W) to a slot's (N,H,W,3).
func (s *step) putImages(batch *safetensors.File, name, slot string) error {
	t, ok := batch.Tensor(name)
	if !ok {
		return fault.New(fault.ErrData, "batch has no tensor %s", name)
	}
	shape, _ := s.state.Spec().Type(slot)
	file := make([]float64, shape.Shape.Len())
	if err := t.CopyReals(file, nn.ExportShape(shape.Shape)); err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	ours := make([]float64, len(file))
	nn.Import(ours, file, shape.Shape)
	return s.state.PutF64(slot, ours)
}

func (s *step) copySlot(to, from string) error {
	t, _ := s.state.Spec().Type(from)
	v := make([]float64, t.Shape.Len())
	if err := s.state.GetF64(from, v); err != nil {
		return err
	}
	return s.state.PutF64(to, v)
}

// wide reports whether results are given as float64.
func (s *step) wide() bool { return s.device.Class() == ref.Class }

func (s *step) scalarTensor(name string, v float64) safetensors.Tensor {
	if s.wide() {
		return safetensors.Float64(name, []int{1}, []float64{v})
	}
	return safetensors.Float32(name, []int{1}, []float32{float32(v)})
}

func (s *step) gradients(k int, nets ...string) ([]safetensors.Tensor, error) {
	var out []safetensors.Tensor
	for _, p := range nn.ByNet(s.catalog.Params, nets...) {
		t, err := s.export(nn.GradPrefix, fmt.Sprintf("grad.%d.%s", k, p.Name), p)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func (s *step) export(prefix, as string, p nn.Param) (safetensors.Tensor, error) {
	if s.wide() {
		return exportParam[float64](s.state, prefix, as, p)
	}
	return exportParam[float32](s.state, prefix, as, p)
}

func (s *step) withParams(out []safetensors.Tensor) ([]safetensors.Tensor, error) {
	for _, p := range s.parameters() {
		t, err := s.export("", "param."+p.Name, p)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// Device is what a step runs on.
func (s *step) Device() kernels.Device { return s.device }

// Debugger runs the training step of a task on one batch.
type Debugger interface {
	DebugStep(weights, batch *safetensors.File, steps int, lr float64) ([]safetensors.Tensor, error)
	Execs() []kernels.Exec
	Close() error
}

// NewDebugger loads the step of a pretraining, or the joint step of a
// fine-tuning, and gives the learning rate of its first epoch.
func NewDebugger(d kernels.Device, task api.Task) (Debugger, float64, error) {
	if err := hasSteps(task); err != nil {
		return nil, 0, err
	}
	switch task.Kind {
	case api.KindPretrain:
		s, err := openGAN(d, task.Pretrain)
		return s, task.Pretrain.LR, err
	case api.KindFinetune:
		s, err := openG2C(d, task.Finetune)
		return s, task.Finetune.LR, err
	case api.KindPaired:
		s, err := openPair(d, task.Paired)
		return s, task.Paired.LR, err
	}
	return nil, 0, fault.New(fault.ErrSpec, "a task of kind %s has no training step", task.Kind)
}

// Programs builds the programs of a task, in the order they run.
func Programs(task api.Task) ([]*kernels.Program, error) {
	if err := hasSteps(task); err != nil {
		return nil, err
	}
	switch task.Kind {
	case api.KindPretrain:
		m, err := cyclegan.New(ganConfig(task.Pretrain))
		if err != nil {
			return nil, err
		}
		return []*kernels.Program{m.Input, m.Generator, m.Discriminator, m.Samples}, nil
	case api.KindFinetune:
		m, err := g2c.New(ModelConfig(task.Finetune))
		if err != nil {
			return nil, err
		}
		ps := []*kernels.Program{m.Input, m.Frozen}
		if m.Joint != nil {
			ps = append(ps, m.Joint)
		}
		return append(ps, m.EvalInput, m.Evaluate), nil
	case api.KindPaired:
		m, err := pix2pix.New(pairConfig(task.Paired))
		if err != nil {
			return nil, err
		}
		return pairPrograms(m), nil
	}
	return nil, fault.New(fault.ErrSpec, "a task of kind %s has no training step", task.Kind)
}

// hasSteps refuses what is not trained in steps.
func hasSteps(task api.Task) error {
	if task.Kind == api.KindFinetune && isForest(task.Finetune) {
		return fault.New(fault.ErrSpec, "the baseline %s is no network: it has no training step", task.Finetune.Baseline)
	}
	return nil
}
