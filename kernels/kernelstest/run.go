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
	// Half runs every operation that works on bf16 with such operands too.
	Half bool
	// Keep says which cases to run, by operation and operands; nil keeps all.
	Keep func(op kernels.Op, in []kernels.Type) bool
}

var (
	seed  = flag.Uint("kernelstest.seed", 1, "seed of the operands' values")
	first = flag.Bool("kernelstest.first", false, "end a family at its first failure")
)

// Run holds the device that open makes to the contract of every operation.
func Run(t *testing.T, open Open, opt Options) {
	if opt.Scale == 0 {
		opt.Scale = 1
	}
	for _, f := range families {
		if f.half && !opt.Half {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			devices := []kernels.Device{open(t)}
			for _, o := range opt.Same {
				devices = append(devices, o(t))
			}
			cases := f.list(uint32(*seed))
			if opt.Half {
				cases = append(cases, halved(cases)...)
			}
			for _, c := range cases {
				if opt.Keep != nil && !opt.Keep(c.op, c.types()) {
					continue
				}
				if err := c.check(devices, opt.Scale); err != nil {
					t.Errorf("%v (seed %d)\n%v", c, *seed, err)
					if *first {
						break
					}
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
	half  bool // for devices alone that know bf16
}

var families = []family{
	{name: "conv2d", cases: conv2DCases},
	{name: "bias_grad", cases: biasGradCases},
	{name: "instance_norm", cases: instanceNormCases},
	{name: "batch_norm", cases: batchNormCases},
	{name: "pool", cases: poolCases},
	{name: "linear", cases: linearCases},
	{name: "attention", cases: attentionCases},
	{name: "concat", cases: concatCases},
	{name: "elementwise", cases: elementwiseCases},
	{name: "losses", cases: lossesCases},
	{name: "optim", cases: optimCases},
	{name: "pixels", cases: pixelsCases},
	{name: "cast", cases: castCases, half: true},
}

func (f family) list(seed uint32) []testCase {
	m := &maker{seed: seed}
	f.cases(m)
	return m.cases
}
