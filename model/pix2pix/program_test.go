package pix2pix

import (
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/golden"
	"g2c/kernels"
	"g2c/kernels/kernelstest"
	"g2c/model/nn"
)

// tiny is the smallest one: 24 pixels leave the discriminator one score.
func tiny() Config {
	return Config{
		Size: 24, Load: 28, Batch: 1, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1}, DiscriminatorWidth: 4,
		LambdaL1: 100, Beta1: 0.5, Beta2: 0.999,
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
	return []*kernels.Program{m.Input, m.Discriminator, m.Generator, m.Samples}
}

func TestDumps(t *testing.T) {
	for _, p := range programs(build(t, tiny())) {
		golden.Check(t, filepath.Join("testdata", p.Name+".golden"), p.String())
	}
}

func TestPlans(t *testing.T) {
	odd, half := tiny(), tiny()
	odd.Size, odd.Batch = 28, 3
	half.BF16 = true
	for _, c := range []Config{tiny(), odd, half} {
		for _, p := range programs(build(t, c)) {
			for _, l := range []kernels.Layout{{F32: 4, I32: 4, U8: 1}, {F32: 8, I32: 4, U8: 1}} {
				if err := kernelstest.CheckPlan(p, kernels.NewPlan(p, l), l); err != nil {
					t.Errorf("%s, %d bytes: %v", p.Name, l.F32, err)
				}
			}
		}
	}
}

// TestEachStepTrainsItsNet: a step reads both networks and differentiates one.
func TestEachStepTrainsItsNet(t *testing.T) {
	m := build(t, tiny())
	for _, c := range []struct {
		p           *kernels.Program
		mine, other string
	}{{m.Discriminator, D, GAB}, {m.Generator, GAB, D}} {
		text := c.p.String()
		if !strings.Contains(text, nn.GradPrefix+c.mine+".") || strings.Contains(text, nn.GradPrefix+c.other+".") {
			t.Errorf("%s does not train %s alone", c.p.Name, c.mine)
		}
		if !strings.Contains(text, c.other+".") {
			t.Errorf("%s does not read %s", c.p.Name, c.other)
		}
	}
}

// TestPairs: the discriminator's first layer sees six channels, and one place cuts both
// images.
func TestPairs(t *testing.T) {
	m := build(t, tiny())
	first, ok := m.State.Type(D + ".layers.0.weight")
	if !ok || !first.Shape.Equal(kernels.Shape{4, 4, 4, 6}) {
		t.Errorf("the discriminator's first layer is %v", first)
	}
	places := 0
	for _, v := range m.Input.Values {
		if v.Slot == Place {
			places++
		}
	}
	if places != 1 {
		t.Errorf("%d places cut a pair", places)
	}
}

// TestTooSmall: an image that the discriminator leaves nothing of.
func TestTooSmall(t *testing.T) {
	c := tiny()
	c.Size = 16
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("pix2pix of 16 pixels: %v", err)
	}
}
