package infer

import (
	"errors"
	"slices"
	"testing"

	"g2c/internal/dataset"
	"g2c/model/g2c"
	"g2c/model/metrics"
	"g2c/worker/train"
)

// Every image is judged, in its order and by itself, with what the generators alone make of
// it; without a way back nothing is said of what comes back.
func TestJudge(t *testing.T) {
	f := model()
	d, weights := device(t), drawn(t, f)
	open := func(net int) *Translator {
		tr, err := NewTranslator(d, Generator{Shape: *f.Generator, Size: side, Prefix: g2c.GeneratorNet(net) + "."}, weights)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
		})
		return tr
	}
	forward, back := open(0), open(1)
	sets := []*dataset.Set{images(judgeChunk+3, side), images(2, side)}
	var all []Judged
	err := Judge(t.Context(), forward, back, func(j Judged) error {
		j.Source, j.Made, j.Back = slices.Clone(j.Source), slices.Clone(j.Made), slices.Clone(j.Back)
		all = append(all, j)
		return nil
	}, sets...)
	if err != nil || len(all) != judgeChunk+5 {
		t.Fatalf("%d images, %v", len(all), err)
	}
	at := 0
	err = forward.Translate(t.Context(), func(set, i int, made []uint8) error {
		j := all[at]
		source, err := sets[set].Pixels(i)
		if err != nil {
			return err
		}
		if j.Set != set || j.Image != i || !slices.Equal(j.Source, source) || !slices.Equal(j.Made, made) {
			t.Errorf("image %d of set %d is judged as %d of %d, or by other pixels", i, set, j.Image, j.Set)
		}
		at++
		return nil
	}, sets...)
	if err != nil || at != len(all) {
		t.Fatalf("%d images, %v", at, err)
	}
	last := all[len(all)-1]
	returned, err := back.plain(t.Context(), side, [][]uint8{last.Made})
	if err != nil || !slices.Equal(returned[0], last.Back) {
		t.Errorf("what comes back is not the generator's, %v", err)
	}
	if want := metrics.MeanAbs(train.FromBytes(last.Back), train.FromBytes(last.Source)); !(float64(last.CycleL1) == want) || !(last.CycleL1 > 0) || !(last.CycleSSIM < 1) || !(last.Structure < 1) {
		t.Errorf("%g, %g, %g; cycle L1 is %g", float64(last.CycleL1), float64(last.CycleSSIM), float64(last.Structure), want)
	}
	stop := errors.New("stop")
	err = Judge(t.Context(), forward, nil, func(j Judged) error {
		if j.Back != nil || j.CycleL1.Defined() || j.CycleSSIM.Defined() || j.Structure != all[0].Structure {
			t.Errorf("without a way back: %+v", j)
		}
		return stop
	}, sets...)
	if !errors.Is(err, stop) {
		t.Errorf("a stop is %v", err)
	}
}
