package cyclegan

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/golden"
	"g2c/kernels"
	"g2c/kernels/kernelstest"
	"g2c/model/nn"
)

// tiny is the smallest CycleGAN: 24 pixels leave the discriminator one score.
func tiny() Config {
	return Config{
		Size: 24, Load: 28, Batch: 1, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1}, DiscriminatorWidth: 4,
		LambdaCycle: 10, LambdaIdentity: 0.5, Beta1: 0.5, Beta2: 0.999,
	}
}

func build(t *testing.T, c Config) *Model {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func programs(m *Model) []*kernels.Program {
	return []*kernels.Program{m.Input, m.Generator, m.Discriminator, m.Samples}
}

func TestDumps(t *testing.T) {
	for _, p := range programs(build(t, tiny())) {
		golden.Check(t, filepath.Join("testdata", p.Name+".golden"), p.String())
	}
}

// printDumps makes the test binary print its dumps and nothing else.
const printDumps = "PRINT_DUMPS"

func TestMain(m *testing.M) {
	if os.Getenv(printDumps) == "" {
		os.Exit(m.Run())
	}
	model, err := New(tiny())
	if err != nil {
		panic(err)
	}
	for _, p := range programs(model) {
		os.Stdout.WriteString(p.String())
	}
}

// TestDumpsInOtherProcesses: maps are walked in another order in each process.
func TestDumpsInOtherProcesses(t *testing.T) {
	var want strings.Builder
	for _, p := range programs(build(t, tiny())) {
		want.WriteString(p.String())
	}
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), printDumps+"=1")
		got, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want.String() {
			t.Fatal("another process compiles another program")
		}
	}
}

// TestSizes holds programs to their size: a block more adds the same number of
// instructions however many there are, and no more than its operations need.
func TestSizes(t *testing.T) {
	count := func(blocks int) int {
		c := tiny()
		c.Generator.Blocks = blocks
		return len(build(t, c).Generator.Instrs)
	}
	one, two, six := count(1), count(2), count(6)
	if block := two - one; six-one != 5*block || block > 84 {
		t.Errorf("1, 2 and 6 blocks take %d, %d and %d instructions", one, two, six)
	}
	if one > 353 {
		t.Errorf("the generator step takes %d instructions", one)
	}
}

func TestPlans(t *testing.T) {
	large := tiny()
	large.Size, large.Load, large.Generator.Width, large.Generator.Blocks, large.DiscriminatorWidth = 64, 72, 16, 3, 16
	odd := tiny()
	odd.Size, odd.Batch, odd.LambdaIdentity = 28, 3, 0
	for _, c := range []Config{tiny(), large, odd} {
		for _, p := range programs(build(t, c)) {
			for _, l := range []kernels.Layout{{F32: 4, I32: 4, U8: 1}, {F32: 8, I32: 4, U8: 1}} {
				plan := kernels.NewPlan(p, l)
				if err := kernelstest.CheckPlan(p, plan, l); err != nil {
					t.Errorf("%s, %d bytes: %v", p.Name, l.F32, err)
				}
				if (p.Name == "cyclegan_generator" || p.Name == "cyclegan_samples") && plan.Arena*2 > plan.Sum {
					t.Errorf("%s: the arena takes %d bytes of %d", p.Name, plan.Arena, plan.Sum)
				}
			}
		}
	}
}

// TestTooSmall: an image that the discriminator leaves nothing of.
func TestTooSmall(t *testing.T) {
	c := tiny()
	c.Size = 16
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("a CycleGAN of 16 pixels: %v", err)
	}
}

// TestCost: the work of a step is three times its forward pass's for the
// generators that learn, and all of it is counted.
func TestCost(t *testing.T) {
	c := tiny()
	c.Generator.Width, c.Generator.Blocks = 16, 3
	m := build(t, c)
	forward := m.Samples.Cost() // six generator passes: what a step runs
	step := m.Generator.Cost()
	if ratio := float64(step.FLOPs) / float64(forward.FLOPs); !(ratio > 2.7 && ratio < 3.5) {
		t.Errorf("a generator step costs %.2f forward passes", ratio)
	}
	if step.Bytes <= forward.Bytes {
		t.Errorf("a step moves %d bytes, its forward pass %d", step.Bytes, forward.Bytes)
	}
}
