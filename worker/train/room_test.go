package train

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/kernels"
)

// poor is a device in a machine with little memory.
type poor struct {
	kernels.Device
	free   int64
	beside int64 // of the last Open
}

func (d *poor) Room(spec *kernels.StateSpec, programs ...*kernels.Program) (kernels.Room, error) {
	r, err := d.Device.(kernels.Planner).Room(spec, programs...)
	r.Free, r.Of = d.free, "this machine"
	return r, err
}

func (d *poor) Open(spec *kernels.StateSpec, beside int64, programs ...*kernels.Program) (kernels.State, error) {
	r, err := d.Room(spec, programs...)
	d.beside = beside
	if err == nil && r.Need()+beside > r.Free {
		err = fault.New(fault.ErrUnavailable, "%w", kernels.ErrMemory)
	}
	if err != nil {
		return nil, err
	}
	return d.Device.(kernels.Opener).Open(spec, beside, programs...)
}

// A task that does not fit is refused with the numbers and the batch that does; that batch
// is taken.
func TestTooLittleMemoryNamesABatchThatFits(t *testing.T) {
	task, _ := gan(device(t), 1e-4)
	p := *task.Pretrain
	p.Batch = 8
	d := &poor{Device: device(t), free: 1 << 40}
	s, err := openGAN(d, &p, pretrainGroups...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := d.Room(s.Model.State, s.Model.Input, s.Model.Generator, s.Model.Discriminator, s.Model.Samples)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	d.free = all.State + d.beside + all.Arena/2
	_, err = openGAN(d, &p, pretrainGroups...)
	if !errors.Is(err, fault.ErrUnavailable) || !errors.Is(err, kernels.ErrMemory) {
		t.Fatal(err)
	}
	for _, word := range []string{"a batch of 8 takes", "state ", "arena ", "copies for checkpoints ", "this machine has"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("no %q in: %v", word, err)
		}
	}
	_, fits, _ := strings.Cut(err.Error(), "(a batch of ")
	if _, err := fmt.Sscan(fits, &p.Batch); err != nil || p.Batch < 1 || p.Batch > 7 {
		t.Fatalf("a batch of %d fits, %v", p.Batch, err)
	}
	if s, err = openGAN(d, &p, pretrainGroups...); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	p.Batch++
	if _, err = openGAN(d, &p, pretrainGroups...); !errors.Is(err, kernels.ErrMemory) {
		t.Errorf("one more: %v", err)
	}
	d.free = all.State
	if _, err = openGAN(d, &p, pretrainGroups...); err == nil || !strings.Contains(err.Error(), "not even a batch of 1 fits") {
		t.Errorf("nothing fits: %v", err)
	}
}

// listing is a device that lists what is loaded.
type listing struct {
	kernels.Device
	programs []string
	state    int64
}

func (d *listing) NewState(spec *kernels.StateSpec) (kernels.State, error) {
	d.state = stateBytes(spec)
	return d.Device.NewState(spec)
}

func (d *listing) Load(p *kernels.Program, s kernels.State) (kernels.Exec, error) {
	d.programs = append(d.programs, p.Name)
	return d.Device.Load(p, s)
}

// An evaluation loads what judges images, and neither gradients nor moments.
func TestEvaluationLoadsInferenceAlone(t *testing.T) {
	task, _ := tuning(device(t), 0)
	d := &listing{Device: device(t)}
	s, err := openEvaluation(d, task.Finetune)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	alone := d.state
	if got := strings.Join(d.programs, " "); got != "g2c_eval_input g2c_evaluate" {
		t.Errorf("loaded: %s", got)
	}
	if s, err = openG2C(d, task.Finetune); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if 2*alone > d.state {
		t.Errorf("an evaluation takes %d bytes of state, training %d", alone, d.state)
	}
}

// A bench does what a task does: it ends with an evaluation and a checkpoint, on both kinds.
func TestBenchOfAWholeTask(t *testing.T) {
	d := device(t)
	pre, _ := gan(d, 1e-4)
	fine, _ := tuning(d, 0)
	for _, task := range []api.Task{pre, fine} {
		b, err := RunBench(d, task, 1, false, time.Now)
		if err != nil || b.FLOPs <= 0 || b.ArenaBytes <= 0 || b.WorkBytes <= 0 || len(b.Ops) == 0 {
			t.Errorf("%+v, %v", b, err)
		}
	}
}
