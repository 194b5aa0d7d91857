package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/philox"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/kernels/ref"
	"g2c/model/g2c"
	"g2c/worker/allreduce"
)

// cpus are devices in one process, on the processor.
func cpus(t *testing.T, n int) []kernels.Device {
	t.Helper()
	var all []kernels.Device
	for range n {
		d, err := cpu.New(cpu.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		all = append(all, d)
	}
	return all
}

func refs(_ *testing.T, n int) []kernels.Device {
	var all []kernels.Device
	for range n {
		all = append(all, ref.New())
	}
	return all
}

// shared is a tiny fine-tuning of four shards over two epochs, the first of them
// frozen, and images for two steps an epoch.
func shared(d kernels.Device, batch int) (api.Task, *dataset.Set) {
	task, _ := tuning(d, 1)
	task.Finetune.Batch, task.Finetune.Shards = batch, 4
	base := noise(2*batch, 64, 3)
	images, pixels := make([]dataset.Image, base.Len()), make([][]uint8, base.Len())
	for i := range images {
		images[i], pixels[i] = base.Image(i), pixelsOf(base, i)
		images[i].Label, images[i].Group, images[i].Split = []string{"p", "n"}[i%2], images[i].Name, dataset.Train
	}
	return task, dataset.New(64, images, pixels)
}

// openShared opens a task's programs on devices, with small buckets and initial
// weights.
func openShared(t *testing.T, devices []kernels.Device, f *api.Finetune) *replicas {
	t.Helper()
	slots, err := api.ShareShards([]int{len(devices)}, f.Shards) // all, also those that save no time
	if err != nil {
		t.Fatal(err)
	}
	r, err := openPart(devices, f, Share{Slots: slots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// openPart is openShared on the devices of one process.
func openPart(devices []kernels.Device, f *api.Finetune, share Share) (*replicas, error) {
	c := ModelConfig(f)
	c.BucketBytes = 4096
	r, err := openReplicas(devices, newModels(c), nil, share)
	if err != nil {
		return nil, err
	}
	err = r.first().Initialise(1)
	for i := range f.Stains {
		err = errors.Join(err, r.first().initialise(g2c.GeneratorNet(i), 1, uint32(i)))
	}
	if err := errors.Join(err, r.spread(finetuneGroups...)); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// sharedBatch is the batch of a step.
func sharedBatch(f *api.Finetune, set *dataset.Set, step int) trainingBatch {
	b := trainingBatch{pixels: make([]uint8, f.Batch*f.Size*f.Size*3), labels: make([]int32, f.Batch)}
	if err := gather(b.pixels, set, func(i int) int { return step%2*f.Batch + i }); err != nil {
		panic(err) // they are in memory
	}
	for i := range b.labels {
		b.labels[i] = int32(i+step) % 2
	}
	p := placer{
		seed: 1, purpose: philox.AugmentA, jitterPurpose: philox.Jitter, flipH: true, flipV: true,
		place: make([]int32, 4*f.Batch), jitter: make([]float32, 2*f.Batch),
	}
	p.draw(int64(step), f.Batch)
	p.drawJitter(int64(step), f.Batch)
	b.place, b.jitter = p.place, p.jitter
	return b
}

// trainOver runs frozen and then as many joint steps over devices, and gives what each
// replica holds at the end.
func trainOver(t *testing.T, devices []kernels.Device, task api.Task, set *dataset.Set, steps int) (hashes []string) {
	t.Helper()
	r := openShared(t, devices, task.Finetune)
	hashes, err := trainPart(t, r, task, set, steps)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.slots) != len(devices) {
		t.Errorf("%d of %d devices train", len(r.slots), len(devices))
	}
	return hashes
}

func trainPart(t *testing.T, r *replicas, task api.Task, set *dataset.Set, steps int) (hashes []string, err error) {
	for step := range 2 * steps {
		if err := r.feed(sharedBatch(task.Finetune, set, step)); err != nil {
			return nil, err
		}
		if err := r.train(0.01, step < steps, int64(step)); err != nil {
			return nil, err
		}
	}
	if n := len(r.first().frozen.Program().Segments); n < 3 {
		t.Errorf("%d segments exchange one bucket only", n)
	}
	for _, one := range r.all {
		hashes = append(hashes, hashGroups(t, one.state))
	}
	return hashes, nil
}

// hashGroups is a hash of all that is the same on every device: what training goes on
// from, the sums that were exchanged, and the loss.
func hashGroups(t *testing.T, s kernels.State) string {
	t.Helper()
	h := sha256.New()
	for _, name := range append(finetuneGroups, g2c.GroupGeneratorsGrad, g2c.GroupClassifierGrad, g2c.GroupStatistics, g2c.Loss) {
		typ, _ := s.Spec().Type(name)
		v := make([]float64, typ.Shape.Len())
		if err := s.GetF64(name, v); err != nil {
			t.Fatal(err)
		}
		for _, x := range v {
			if math.IsNaN(x) {
				t.Fatalf("%s holds a NaN", name)
			}
			h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)))
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// numbers are of what a model is trained over, and how long.
type numbers struct {
	devices      []int
	batch, steps int
}

var (
	many = numbers{devices: []int{1, 2, 3, 4}, batch: 8, steps: 2}
	// few has shards of one sample.
	few = numbers{devices: []int{1, 2, 3, 4}, batch: 4, steps: 2}
)

// checkReplicas trains over one device and over several: the same bits on each.
func checkReplicas(t *testing.T, open func(*testing.T, int) []kernels.Device, over numbers, change func(*api.Finetune)) {
	t.Helper()
	want := ""
	for _, n := range over.devices {
		devices := open(t, n)
		task, set := shared(devices[0], over.batch)
		change(task.Finetune)
		got := trainOver(t, devices, task, set, over.steps)
		if want == "" {
			want = got[0]
		}
		for k, hash := range got {
			if hash != want {
				t.Errorf("replica %d on %d devices ends in %s, one alone in %s", k, n, hash, want)
			}
		}
	}
}

// Several devices end in the bits of one, whatever the model, and all of them hold the
// whole state.
func TestDevicesGiveTheBitsOfOne(t *testing.T) {
	t.Run("attention", func(t *testing.T) { checkReplicas(t, cpus, many, func(*api.Finetune) {}) })
	t.Run("squares", func(t *testing.T) {
		checkReplicas(t, cpus, many, func(f *api.Finetune) { f.Generator.Width, f.Classifier.Width = 8, 32 })
	})
	t.Run("two stains, unshared, one sample a shard", func(t *testing.T) {
		checkReplicas(t, cpus, few, func(f *api.Finetune) {
			f.Stains, f.Generators = []string{"HE", "MASSON"}, []api.Key{{1}, {2}}
			f.Classifier.Shared, f.Classifier.Attention, f.Classifier.Stem = false, false, api.StemConv7
		})
	})
	t.Run("no stains", func(t *testing.T) {
		checkReplicas(t, cpus, many, func(f *api.Finetune) { f.Stains, f.Generators, f.Generator = nil, nil, nil })
	})
	t.Run("eight shards", func(t *testing.T) {
		eight := numbers{devices: []int{1, 2, 3, 4, 5, 6, 7, 8}, batch: 8, steps: 1}
		checkReplicas(t, cpus, eight, func(f *api.Finetune) { f.Stains, f.Generators, f.Generator, f.Shards = nil, nil, nil, 8 })
	})
	t.Run("gradients in bf16", func(t *testing.T) {
		checkReplicas(t, cpus, many, func(f *api.Finetune) { f.Gradients = api.BF16 })
	})
	t.Run("one shard, gradients in bf16", func(t *testing.T) {
		checkReplicas(t, cpus, numbers{devices: []int{1}, batch: 4, steps: 1}, func(f *api.Finetune) { f.Gradients, f.Shards = api.BF16, 1 })
	})
	t.Run("ref, gradients in bf16", func(t *testing.T) {
		checkReplicas(t, refs, few, func(f *api.Finetune) { f.Classifier.Stem, f.Gradients = api.StemConv7, api.BF16 })
	})
	t.Run("ref", func(t *testing.T) {
		checkReplicas(t, refs, few, func(f *api.Finetune) { f.Classifier.Stem = api.StemConv7 })
	})
	t.Run("ref, bf16", func(t *testing.T) {
		checkReplicas(t, refs, few, func(f *api.Finetune) { f.Classifier.Stem, f.Precision = api.StemConv7, api.BF16 })
	})
}

// finetuneOver is a whole fine-tuning over devices; the context ends after a step,
// never for 0.
func finetuneOver(t *testing.T, n int, repo *checkpoint.Repo, stop int64) (*checkpoint.Manifest, error) {
	t.Helper()
	devices := cpus(t, n)
	task, set := shared(devices[0], 8)
	task.Finetune.Stains, task.Finetune.Generators, task.Finetune.Generator = nil, nil, nil
	task.Finetune.Epochs = 3
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return Finetune(ctx, task, set, nil, Options{
		Device: devices[0], Others: devices[1:], Repo: repo, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2},
		Progress: func(p Progress) {
			if p.Step == stop {
				cancel()
			}
		},
	})
}

// A fine-tuning that is stopped goes on over another number of devices and ends in the
// same weights.
func TestResumeOverOtherDevices(t *testing.T) {
	want, err := finetuneOver(t, 1, openRepo(t, t.TempDir(), filestore.OSDisk{}), 0)
	if err != nil {
		t.Fatal(err)
	}
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	for i, n := range []int{4, 1, 3} {
		if _, err := finetuneOver(t, n, repo, int64(i+1)); !errors.Is(err, fault.ErrInterrupted) {
			t.Fatalf("%d devices: %v, want an interrupt", n, err)
		}
	}
	got, err := finetuneOver(t, 2, repo, 0)
	if err != nil || got.WeightsSHA256() != want.WeightsSHA256() || got.Step != want.Step {
		t.Errorf("%v, weights %.16s at step %d, want %.16s at %d", err, got.WeightsSHA256(), got.Step, want.WeightsSHA256(), want.Step)
	}
}

// Devices whose bits differ do not train together, and the error names both.
func TestOtherClassesAreRefused(t *testing.T) {
	d := device(t)
	task, set := shared(d, 8)
	_, err := Finetune(t.Context(), task, set, nil, Options{Device: d, Others: refs(t, 1), Repo: openRepo(t, t.TempDir(), filestore.OSDisk{})})
	if !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), d.Class()) || !strings.Contains(err.Error(), ref.Class) {
		t.Errorf("%v, want both classes named", err)
	}
}

// failing is a device whose segments fail from a certain one on.
type failing struct {
	kernels.Device
	left int
}

var errCard = errors.New("the card is gone")

// Load implements kernels.Device.
func (d *failing) Load(p *kernels.Program, s kernels.State) (kernels.Exec, error) {
	e, err := d.Device.Load(p, s)
	return failingExec{e, d}, err
}

type failingExec struct {
	kernels.Exec
	d *failing
}

// RunSegment implements kernels.Exec.
func (e failingExec) RunSegment(i int) error {
	if e.d.left--; e.d.left < 0 {
		return errCard
	}
	return e.Exec.RunSegment(i)
}

// An error on any device, at any segment, ends the step for all, and is the one that is
// told.
func TestAnErrorOnOneDeviceEndsAll(t *testing.T) {
	for _, left := range []int{0, 1, 2, 3} {
		for bad := range 4 {
			devices := cpus(t, 4)
			devices[bad] = &failing{devices[bad], left}
			task, set := shared(devices[0], 8)
			task.Finetune.Stains, task.Finetune.Generators, task.Finetune.Generator = nil, nil, nil
			_, err := Finetune(t.Context(), task, set, nil, Options{
				Device: devices[0], Others: devices[1:], Repo: openRepo(t, t.TempDir(), filestore.OSDisk{}),
			})
			if !errors.Is(err, errCard) || errors.Is(err, allreduce.ErrAborted) {
				t.Errorf("device %d after %d segments: %v", bad, left, err)
			}
		}
	}
}

// A loss that one device made no number is traced to that device's instruction.
func TestNonFiniteLossOfOneDeviceIsBlamed(t *testing.T) {
	devices := cpus(t, 2)
	task, set := shared(devices[0], 8)
	r := openShared(t, devices, task.Finetune)
	second := r.all[1]
	typ, _ := second.state.Spec().Type(g2c.GroupClassifier)
	v := make([]float32, typ.Shape.Len())
	for i := range v {
		v[i] = float32(math.NaN())
	}
	if err := second.state.PutF32(g2c.GroupClassifier, v); err != nil {
		t.Fatal(err)
	}
	if err := r.feed(sharedBatch(task.Finetune, set, 0)); err != nil {
		t.Fatal(err)
	}
	err := r.train(0.01, true, 0)
	var bad *NonFinite
	if !errors.As(err, &bad) || !strings.Contains(bad.Instr, "slot classifier.") {
		t.Errorf("%v, want the slot of the second device", err)
	}
}
