package train

import (
	"math"
	"testing"

	"g2c/api"
)

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-15*math.Abs(want) }

// The paper: 100 constant epochs, then linear; never quite zero.
func TestPretrainLearningRate(t *testing.T) {
	p := &pretrainer{p: &api.Pretrain{CycleGAN: api.CycleGAN{Epochs: 200, ConstantEpochs: 100, LR: 2e-4}}}
	for _, c := range []struct {
		epoch int
		want  float64
	}{{0, 2e-4}, {99, 2e-4}, {100, 2e-4 * (1 - 1.0/101)}, {199, 2e-4 * (1 - 100.0/101)}} {
		if got := p.learningRate(c.epoch); !near(got, c.want) {
			t.Errorf("epoch %d: %g, want %g", c.epoch, got, c.want)
		}
	}
	p.p.ConstantEpochs = 200
	if got := p.learningRate(199); got != 2e-4 {
		t.Errorf("without decay: %g", got)
	}
}

// The paper: divided by 10 every 5 epochs.
func TestFinetuneLearningRate(t *testing.T) {
	f := &finetuner{f: &api.Finetune{Tuning: api.Tuning{LR: 0.01, DropEvery: 5, DropBy: 10}}}
	for epoch, want := range map[int]float64{0: 0.01, 4: 0.01, 5: 0.001, 9: 0.001, 29: 1e-7} {
		if got := f.learningRate(epoch); !near(got, want) {
			t.Errorf("epoch %d: %g, want %g", epoch, got, want)
		}
	}
}

func TestPower(t *testing.T) {
	for _, c := range []struct {
		x    float64
		n    int64
		want float64
	}{{0.5, 0, 1}, {0.5, 10, 1.0 / 1024}, {0.999, 1000, math.Pow(0.999, 1000)}} {
		if got := power(c.x, c.n); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%g^%d = %g, want %g", c.x, c.n, got, c.want)
		}
	}
}

func TestPlacerStaysInsideAndReachesTheEdges(t *testing.T) {
	p := placer{seed: 3, margin: 7, flipH: true, place: make([]int32, 8), jitter: make([]float32, 4)}
	var low, high, flipped, upside int
	for step := range int64(500) {
		p.draw(step, 2)
		p.drawJitter(step, 2)
		for i := range 2 {
			y, x := p.place[4*i], p.place[4*i+1]
			if y < 0 || y > 7 || x < 0 || x > 7 {
				t.Fatalf("step %d: crop at %d,%d", step, y, x)
			}
			if y == 0 {
				low++
			}
			if x == 7 {
				high++
			}
			flipped += int(p.place[4*i+2])
			upside += int(p.place[4*i+3])
			if b, s := p.jitter[2*i], p.jitter[2*i+1]; !(b >= 0.8 && b <= 1.2) || !(s >= 0.6 && s <= 1.4) {
				t.Fatalf("step %d: jitter %g %g", step, b, s)
			}
		}
	}
	if low < 80 || high < 80 || flipped < 400 || flipped > 600 || upside != 0 {
		t.Errorf("of 1000 crops %d at the top, %d at the right, %d flipped, %d upside down", low, high, flipped, upside)
	}
}
