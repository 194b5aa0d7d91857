package kernelstest

import (
	"flag"
	"testing"

	"g2c/kernels"
)

// Open makes a device for one test, or skips the test.
type Open func(t testing.TB) kernels.Device

// Options are what a backend may choose.
type Options struct {
	// Scale multiplies every tolerance; 0 stands for 1.
	Scale float64
	// Same lists devices that must give the same bits as the first: other numbers
	// of threads, other instruction sets.
	Same []Open
}

var seed = flag.Uint("kernelstest.seed", 1, "seed of the operands' values")

// Run holds the device that open makes to the contract of every operation.
func Run(t *testing.T, open Open, opt Options) {
	if opt.Scale == 0 {
		opt.Scale = 1
	}
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			devices := []kernels.Device{open(t)}
			for _, o := range opt.Same {
				devices = append(devices, o(t))
			}
			for _, c := range f.list(uint32(*seed)) {
				if err := c.check(devices, opt.Scale); err != nil {
					t.Errorf("%v (seed %d)\n%v", c, *seed, err)
				}
			}
			for _, d := range devices {
				if err := d.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		})
	}
}

// family is a file's worth of operations.
type family struct {
	name  string
	cases func(g *maker)
}

var families = []family{
	{"conv2d", conv2DCases},
	{"bias_grad", biasGradCases},
	{"instance_norm", instanceNormCases},
	{"batch_norm", batchNormCases},
	{"pool", poolCases},
	{"linear", linearCases},
	{"attention", attentionCases},
	{"concat", concatCases},
	{"elementwise", elementwiseCases},
	{"losses", lossesCases},
	{"optim", optimCases},
	{"pixels", pixelsCases},
}

func (f family) list(seed uint32) []testCase {
	m := &maker{seed: seed}
	f.cases(m)
	return m.cases
}
