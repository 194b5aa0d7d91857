package train

import (
	"bytes"
	"math"
	"testing"

	"g2c/api"
	"g2c/checkpoint/filestore"
	"g2c/internal/philox"
	"g2c/internal/stain"
)

// TestStainJitterDraws: the draws are the contract's, within the range, and a place's own.
func TestStainJitterDraws(t *testing.T) {
	p := placer{seed: 3, jitterPurpose: philox.Jitter}
	sum := stain.Jitter{}
	const n = 2000
	for place := range n {
		j := p.stains(7, place)
		if place == 5 {
			w := philox.Words(3, philox.Jitter, [4]uint32{7, 5, 0, 0})
			v := philox.Words(3, philox.Jitter, [4]uint32{7, 5, 1, 0})
			for k, word := range []uint32{w[0], w[1], w[2], w[3], v[0], v[1]} {
				got := append(j.Scale[:], j.Shift[:]...)[k]
				if want := 0.1*float64(philox.Uniform(word)) - 0.05; !(math.Abs(got-want) < 1e-8) {
					t.Errorf("draw %d is %g, want %g", k, got, want)
				}
			}
		}
		for k := range 3 {
			if !(math.Abs(j.Scale[k]) <= 0.05 && math.Abs(j.Shift[k]) <= 0.05) {
				t.Fatalf("%+v is out of range", j)
			}
			sum.Scale[k] += j.Scale[k] / n
			sum.Shift[k] += j.Shift[k] / n
		}
	}
	for k := range 3 {
		if !(math.Abs(sum.Scale[k]) < 0.004 && math.Abs(sum.Shift[k]) < 0.004) {
			t.Errorf("the draws are not about zero: %+v", sum)
		}
	}
}

// TestStainJitterOfBatches: each image has its own jitter, in every batch the same, as if it
// were alone.
func TestStainJitterOfBatches(t *testing.T) {
	set := tissue(4, 5)
	var batch []uint8
	for i := range set.Len() {
		batch = append(batch, pixelsOf(set, i)...)
	}
	p := placer{seed: 3, jitterPurpose: philox.Jitter}
	a, b := bytes.Clone(batch), bytes.Clone(batch)
	p.jitterStains(9, 64, a, b)
	for i := range set.Len() {
		want := pixelsOf(set, i)
		p.stains(9, i).Apply(want, want)
		for _, got := range [][]uint8{a, b} {
			if !bytes.Equal(got[i*len(want):][:len(want)], want) || bytes.Equal(want, pixelsOf(set, i)) {
				t.Errorf("image %d is jittered otherwise, or not at all", i)
			}
		}
	}
}

// TestStainJitterTrains: jitter of stains trains to one set of weights over any devices,
// others than with jitter of brightness and saturation, whose program it does without.
func TestStainJitterTrains(t *testing.T) {
	train := func(n int, stains bool) string {
		devices := cpus(t, n)
		task, set, files := painted(t, devices[0], api.MethodCopy)
		task.Finetune.JitterStains = stains
		if c := ModelConfig(task.Finetune); c.Jitter == stains {
			t.Fatalf("jitter of stains %v, and the program jitters %v", stains, c.Jitter)
		}
		m, err := Finetune(t.Context(), task, set, files, Options{
			Device: devices[0], Others: devices[1:], Repo: openRepo(t, t.TempDir(), filestore.OSDisk{}), Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2},
		})
		if err != nil {
			t.Fatal(err)
		}
		return m.WeightsSHA256()
	}
	one := train(1, true)
	if got := train(3, true); got != one {
		t.Errorf("three devices end in %.16s, one in %.16s", got, one)
	}
	if train(1, false) == one {
		t.Error("both jitters end in the same weights")
	}
}
