package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/internal/energy"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/results"
	"g2c/worker/gang"
)

// Options is what a loop runs with.
type Options struct {
	Device kernels.Device
	// Others are further devices of the same class: a fine-tuning runs on as many as
	// api.Useful says, in the bits of one. Everything else uses Device alone.
	Others []kernels.Device
	// Gang is the other processes that train the task; nil for none. Only a fine-tuning
	// has one.
	Gang gang.Gang
	// Resize, if set, is the devices of this process for a gang in which it has so many
	// slots. Those before are not used any more when it is called.
	Resize func(slots int) ([]kernels.Device, error)
	// Began, if set, hears of every generation of the gang when it trains as that.
	Began      func(generation uint64)
	Repo       *checkpoint.Repo
	Checkpoint api.Checkpoint
	// Longer, if set, is the fine-tuning that goes on where this one ends: its first
	// checkpoint is stored with this one's end.
	Longer *api.Task
	// Progress, if set, hears of every step, one call at a time.
	Progress func(Progress)
	// Resumed, if set, hears which step a task goes on from before it does any, 0 where it
	// begins.
	Resumed func(step int64)
	// Epoch, if set, hears of every epoch as it ends.
	Epoch func(Epoch)
	// Normaliser is what the normaliser of a pretraining or a fine-tuning needs: the weights
	// of its stain's task.
	Normaliser *safetensors.File
	// Truth, if set, gives the labelled images in another stain, for branches that see it.
	Truth Truth
	// Samples, if set, hears of the sample images of a pretraining as they are made.
	Samples func(Samples)
	// Warn, if set, hears of damage that was worked around.
	Warn func(message string)
	// Energy, if set, opens the counters of this machine and of devices that train: nil where
	// none can be read.
	Energy func(devices []kernels.Device) energy.Meter
	// Now is the clock for durations, which stay outside checkpoints.
	Now func() time.Time
}

// devices are all of them.
func (o Options) devices() []kernels.Device { return append([]kernels.Device{o.Device}, o.Others...) }

// Progress is where a task stands.
type Progress struct {
	Step, Steps   int64 // done, of all
	Epoch, Epochs int   // current, from 0
	Samples       int   // a step
	Loss          float64
}

// Epoch is what an epoch of training came to. It is read only.
type Epoch struct {
	Step     int64                  // done at its end
	Losses   []string               // names, of Pretrain's
	Pretrain *results.PretrainEpoch // of a pretraining
	Finetune *results.FinetuneEpoch // of a fine-tuning
}

// Samples are the sample images of an epoch, by results.ShowKinds: RGB, Size×Size×3 bytes an
// image. They are read only.
type Samples struct {
	Epoch, Size int // the epoch from 0, the side in pixels
	Images      map[string][]uint8
}

// session is the part of a loop that saves, resumes and reports.
type session struct {
	ctx   context.Context
	opt   Options
	task  api.Task
	key   string
	saver *checkpoint.Saver[*bundle]
	// last is the checkpoint to go back to, for messages. The saver's goroutine
	// sets it; the loop reads it when no save is running.
	last string
	// scores are of checkpoints by step. The loop puts a new map there, and the saver's
	// goroutine reads it.
	scores  atomic.Pointer[map[int64]float64]
	bill    *bill
	before  results.Timing
	steps   int64
	epochs  int
	samples int
}

// newSession prepares saving for a task whose bundles make builds.
func newSession(ctx context.Context, task api.Task, opt Options, newBundle func() *bundle) *session {
	if opt.Warn == nil {
		opt.Warn = func(string) {}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &session{ctx: ctx, opt: opt, task: task, key: task.Key().String(), bill: newBill(opt), last: "none"}
	s.saver = checkpoint.NewSaver(opt.Repo, [2]*bundle{newBundle(), newBundle()}, checkpoint.SaverOptions[*bundle]{
		Snapshot: s.snapshot,
		Saved:    s.saved,
		Now:      opt.Now,
	})
	return s
}

// resume is the newest whole checkpoint of the task, nil for none.
func (s *session) resume() (*checkpoint.Manifest, []byte, error) {
	m, damage, err := s.opt.Repo.Latest(s.ctx, s.key)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range damage {
		s.opt.Warn(d.String())
	}
	if m == nil {
		s.resumed(0)
		return nil, nil, nil
	}
	if err := m.RequireClass(s.task.Numerics); err != nil {
		return nil, nil, err
	}
	if err := s.recall(); err != nil {
		return nil, nil, err
	}
	s.last = m.Key()
	if m.Final {
		return m, nil, nil
	}
	data, err := s.opt.Repo.Payload(s.ctx, *m, checkpoint.Resume)
	if err == nil {
		s.resumed(m.Step)
	}
	return m, data, err
}

func (s *session) resumed(step int64) {
	if s.opt.Resumed != nil {
		s.opt.Resumed(step)
	}
}

func (s *session) epochEnded(e Epoch) {
	if s.opt.Epoch != nil {
		s.opt.Epoch(e)
	}
}

// recall reads what earlier attempts cost. A damaged record is no reason not to
// go on: it counts nothing that training needs.
func (s *session) recall() error {
	_, err := s.opt.Repo.Record(s.ctx, s.key, results.TimingRecord, &s.before)
	if errors.Is(err, fault.ErrData) {
		s.opt.Warn(err.Error())
		s.before, err = results.Timing{}, nil
	}
	return err
}

// snapshot describes a bundle; it runs beside the loop.
func (s *session) snapshot(b *bundle) (checkpoint.Snapshot, error) {
	task := &s.task
	if b.as != nil {
		task = b.as
	}
	description, err := json.Marshal(*task)
	if err != nil {
		return checkpoint.Snapshot{}, fmt.Errorf("describe task: %w", err)
	}
	payloads, err := b.payloads()
	if err != nil {
		return checkpoint.Snapshot{}, err
	}
	return checkpoint.Snapshot{
		Kind: checkpoint.Kind(task.Kind), Task: task.Key().String(), Class: task.Numerics,
		Step: b.step, Epoch: b.epoch, Final: b.final,
		Description: description, Payloads: payloads,
	}, nil
}

// saved notes a checkpoint and thins out older ones; it runs beside the loop.
func (s *session) saved(ctx context.Context, m checkpoint.Manifest) error {
	if m.Task != s.key { // another task's, which thins out its own
		return nil
	}
	s.last = m.Key()
	policy := checkpoint.Policy{Keep: s.opt.Checkpoint.Keep, KeepBest: s.opt.Checkpoint.KeepBest}
	if m.Final { // it has the weights that are selected
		policy.Keep, policy.KeepBest = 1, false
	}
	_, err := s.opt.Repo.Prune(ctx, s.key, policy, s.score)
	return err
}

// score is how a checkpoint did on the validation images, if it was saved at the end of an
// epoch that was judged.
func (s *session) score(m checkpoint.Manifest) (float64, bool) {
	scores := s.scores.Load()
	if scores == nil {
		return 0, false
	}
	v, ok := (*scores)[m.Step]
	return v, ok
}

// save hands a bundle over. With final it waits until everything is stored. A
// save outlives the loop's context: an interrupt stops training, and what was
// trained is kept.
func (s *session) save(fill func(b *bundle) error, final bool) error {
	b := s.saver.Free()
	b.final, b.as = final, nil
	if err := fill(b); err != nil {
		return err
	}
	if err := s.saver.Begin(context.WithoutCancel(s.ctx)); err != nil {
		return s.savingFailed(err)
	}
	if !final {
		return nil
	}
	return s.settle()
}

// settle waits until everything is stored, and records what it cost.
func (s *session) settle() error {
	if err := s.saver.Wait(); err != nil {
		return s.savingFailed(err)
	}
	return s.opt.Repo.PutRecord(context.WithoutCancel(s.ctx), s.key, results.TimingRecord, s.timing())
}

func (s *session) savingFailed(err error) error {
	return fmt.Errorf("save a checkpoint (the last good one is %s): %w", s.last, err)
}

// timing is the cost so far, with what earlier attempts recorded.
func (s *session) timing() results.Timing {
	stats := s.saver.Stats()
	t := s.bill.total(s.before)
	t.StallSeconds = s.before.StallSeconds + stats.Stall.Seconds()
	t.Saves = s.before.Saves + stats.Saves
	return t
}

// interrupted saves and returns ErrInterrupted if the context is done, after the
// given step.
func (s *session) interrupted(step int64, fill func(b *bundle) error) error {
	if s.ctx.Err() == nil {
		return nil
	}
	if err := s.save(fill, false); err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	return fault.New(fault.ErrInterrupted, "stopped after step %d of %d, state saved", step, s.steps).
		WithHint("the same command goes on from there")
}

// due reports whether a checkpoint is due after a step: by the cadence, or because the
// epoch that it ends is the best so far and is to be kept, which the cadence may miss.
func (s *session) due(step int64, epoch int, endOfEpoch bool) bool {
	c := s.opt.Checkpoint
	if endOfEpoch && c.KeepBest && s.best(step) {
		return true
	}
	if c.EverySteps > 0 {
		return step%int64(c.EverySteps) == 0
	}
	return endOfEpoch && (epoch+1)%max(c.EveryEpochs, 1) == 0
}

// best reports whether the epoch that ends with a step did better on the validation images
// than all before it.
func (s *session) best(step int64) bool {
	scores := s.scores.Load()
	if scores == nil {
		return false
	}
	v, judged := (*scores)[step]
	for at, other := range *scores {
		if at < step && other >= v {
			return false
		}
	}
	return judged
}

func (s *session) progress(step int64, epoch int, loss float64) {
	s.bill.read()
	if s.opt.Progress != nil {
		s.opt.Progress(Progress{Step: step, Steps: s.steps, Epoch: epoch, Epochs: s.epochs, Samples: s.samples, Loss: loss})
	}
}

// stepFailed adds to an error of a step where it happened and what is left.
func (s *session) stepFailed(step int64, err error) error {
	var bad *NonFinite
	if errors.As(err, &bad) {
		if e := s.saver.Wait(); e != nil {
			s.opt.Warn(e.Error())
		}
		return fault.New(fault.ErrTraining, "step %d: %w", bad.Step, err).
			WithHint("the last good checkpoint is %s; lower the learning rate or look at the data", s.last)
	}
	return fmt.Errorf("step %d: %w", step, err)
}

// close ends saving; it keeps the first error.
func (s *session) close(err error) error {
	if closeErr := s.saver.Close(); err == nil {
		return closeErr
	}
	return err
}
