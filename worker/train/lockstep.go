package train

import (
	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/lockstep"
	"g2c/kernels/ref"
	"g2c/model/cyclegan"
	"g2c/model/g2c"
	"g2c/model/pix2pix"
)

// Lockstep runs one training step of a task from given weights and batch on the
// reference, and each of its instructions on the follower from the reference's
// rounded operands: the check for float32, where whole steps amplify rounding.
func Lockstep(task api.Task, weights, batch *safetensors.File, follower kernels.Device) ([]*lockstep.Report, error) {
	switch task.Kind {
	case api.KindPretrain:
		return lockstepPretrain(task, weights, batch, follower)
	case api.KindFinetune:
		return lockstepFinetune(task, weights, batch, follower)
	case api.KindPaired:
		return lockstepPaired(task, weights, batch, follower)
	}
	return nil, fault.New(fault.ErrSpec, "a task of kind %s has no training step", task.Kind)
}

// exactly leaves the tolerances as the table has them.
const exactly = 1

func lockstepPretrain(task api.Task, weights, batch *safetensors.File, follower kernels.Device) ([]*lockstep.Report, error) {
	s, err := openGAN(ref.New(), task.Pretrain)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.begin(weights, batch); err != nil {
		return nil, err
	}
	for _, slot := range []string{cyclegan.HyperG, cyclegan.HyperD} {
		if err := s.setAdam(slot, task.Pretrain.LR, 1); err != nil {
			return nil, err
		}
	}
	g, err := lockstep.Run(s.Model.Generator, s.state, follower, exactly)
	if err != nil {
		return nil, err
	}
	if err := s.fakesToPool(); err != nil {
		return nil, err
	}
	d, err := lockstep.Run(s.Model.Discriminator, s.state, follower, exactly)
	return []*lockstep.Report{g, d}, err
}

func lockstepPaired(task api.Task, weights, batch *safetensors.File, follower kernels.Device) ([]*lockstep.Report, error) {
	s, err := openPair(ref.New(), task.Paired)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.begin(weights, batch); err != nil {
		return nil, err
	}
	var all []*lockstep.Report
	for _, x := range []struct {
		p    *kernels.Program
		slot string
	}{{s.Model.Discriminator, pix2pix.HyperD}, {s.Model.Generator, pix2pix.HyperG}} {
		if err := s.setAdam(x.slot, task.Paired.LR, 1); err != nil {
			return nil, err
		}
		r, err := lockstep.Run(x.p, s.state, follower, exactly)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func lockstepFinetune(task api.Task, weights, batch *safetensors.File, follower kernels.Device) ([]*lockstep.Report, error) {
	if err := hasSteps(task); err != nil {
		return nil, err
	}
	s, err := openG2C(ref.New(), task.Finetune)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.begin(weights, batch); err != nil {
		return nil, err
	}
	if err := s.state.PutF64(g2c.Hyper, []float64{task.Finetune.LR}); err != nil {
		return nil, err
	}
	p := s.Model.Joint
	if p == nil {
		p = s.Model.Frozen
	}
	r, err := lockstep.Run(p, s.state, follower, exactly)
	return []*lockstep.Report{r}, err
}
