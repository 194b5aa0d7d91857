//go:build gpu

package train

import (
	"testing"

	"g2c/api"
	"g2c/kernels"
	"g2c/kernels/cuda"
)

// gpus are devices in one process; a card that is alone is opened several times.
func gpus(t *testing.T, n int) []kernels.Device {
	t.Helper()
	count, err := cuda.Count()
	if err != nil {
		t.Fatal(err)
	}
	var all []kernels.Device
	for i := range n {
		d, err := cuda.Open(i%count, cuda.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		all = append(all, d)
	}
	return all
}

// Several GPUs, each with its shards, end in the bits of one. Emulated ones are slow:
// two of them, for a step of each kind.
func TestCUDADevicesGiveTheBitsOfOne(t *testing.T) {
	two := numbers{devices: []int{1, 2}, batch: 4, steps: 1}
	t.Run("attention", func(t *testing.T) { checkReplicas(t, gpus, two, func(*api.Finetune) {}) })
	t.Run("unshared", func(t *testing.T) {
		two.devices = []int{1, 4}
		checkReplicas(t, gpus, two, func(f *api.Finetune) {
			f.Generator.Width = 8
			f.Classifier.Shared, f.Classifier.Attention, f.Classifier.Stem = false, false, api.StemConv7
		})
	})
	t.Run("bf16", func(t *testing.T) {
		two.devices = []int{1, 2}
		checkReplicas(t, gpus, two, func(f *api.Finetune) {
			f.Generator.Width, f.Classifier.Width, f.Classifier.Stem, f.Precision = 8, 16, api.StemConv7, api.BF16
		})
	})
}

// Two GPUs of two processes that are linked over gRPC end in the bits of one.
func TestCUDAProcessesGiveTheBitsOfOne(t *testing.T) {
	plain := func(f *api.Finetune) { f.Stains, f.Generators, f.Generator = nil, nil, nil }
	t.Run("fp32", func(t *testing.T) { checkProcesses(t, gpus, [][]int{{1, 1}}, 4, 1, plain) })
	t.Run("gradients in bf16", func(t *testing.T) {
		checkProcesses(t, gpus, [][]int{{1, 1}}, 4, 1, func(f *api.Finetune) {
			plain(f)
			f.Gradients = api.BF16
		})
	})
}
