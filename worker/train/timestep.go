package train

import (
	"time"

	"g2c/api"
	"g2c/kernels"
	"g2c/model/fuzzy"
	"g2c/model/g2c"
)

// A step is timed a few times, and the least counts: the first one prepares what later ones
// find ready. One that is long is timed twice, or once where nobody would wait for a second.
const (
	timedSteps   = 4
	longStep     = time.Second
	longestFirst = 10 * time.Second
)

// TimeStep times an optimizer step of a task, with generators that train, on images that
// are drawn: of an evaluation it times an image. Nothing is stored.
func TimeStep(d kernels.Device, task api.Task, now func() time.Time) (time.Duration, error) {
	switch {
	case task.Kind == api.KindFinetune && isForest(task.Finetune):
		return timeHistogram(task.Finetune, now)
	case task.Kind == api.KindEvaluate && isForest(&task.Evaluate.Model):
		return timeHistogram(&task.Evaluate.Model, now)
	case task.Kind == api.KindEvaluate:
		return timeImage(d, &task.Evaluate.Model, now)
	}
	s, _, err := newBenchStep(d, task)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	return leastOf(now, func(i int) error {
		if err := s.benchInput(); err != nil {
			return err
		}
		return s.benchRun(int64(i + 1))
	})
}

// timeHistogram times a fuzzy histogram, which is what a forest takes.
func timeHistogram(f *api.Finetune, now func() time.Time) (time.Duration, error) {
	h, pixels := fuzzy.Standard(), make([]uint8, f.Size*f.Size*3)
	for i := range pixels {
		pixels[i] = uint8(i * i)
	}
	return leastOf(now, func(int) error {
		h.Features(pixels)
		return nil
	})
}

// timeImage times the judgement of an image.
func timeImage(d kernels.Device, f *api.Finetune, now func() time.Time) (time.Duration, error) {
	s, err := openEvaluation(d, f)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if err := s.randomImages(s.Initialise(f.Seed), s.inputs(g2c.EvalPixels)...); err != nil {
		return 0, err
	}
	least, err := leastOf(now, func(int) error {
		if err := s.bringImages(s.evalInput); err != nil {
			return err
		}
		return s.evaluate.Run()
	})
	return least / EvalBatch, err
}

// leastOf is the least time that something takes.
func leastOf(now func() time.Time, do func(i int) error) (least time.Duration, err error) {
	for i := range timedSteps {
		begun := now()
		if err := do(i); err != nil {
			return 0, err
		}
		took := now().Sub(begun)
		if i == 0 || took < least {
			least = took
		}
		if took > longestFirst || took > longStep && i > 0 {
			break
		}
	}
	return least, nil
}
