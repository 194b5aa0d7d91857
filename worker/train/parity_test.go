package train

import (
	"fmt"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"g2c/checkpoint/safetensors"
	"g2c/internal/drawn"
	"g2c/kernels"
	"g2c/kernels/ref"
	"g2c/model/cyclegan"
	"g2c/model/g2c"
	"g2c/model/nn"
	"g2c/model/pix2pix"
)

// The goldens are three steps of the PyTorch twin in float64, written by
// bench/peers/goldens.py: every loss, and the norm and one projection of every
// gradient and of every weight after the last step. Both sides draw the same
// weights and batch, exact in float32.

const (
	paritySteps = 3
	// Whole steps amplify rounding, in float64 too: PyTorch agrees with itself to
	// 1e-10.
	lossTolerance   = 1e-8
	tensorTolerance = 1e-6
)

// parityWeights is fill() of the generator for a parameter or statistic of the
// given place among the sorted names.
func parityWeights(p nn.Param, place int) safetensors.Tensor {
	shape := nn.ExportShape(p.Shape)
	v := drawn.Numbers(1000+place, p.Shape.Len())
	scale, shift := 1.0/8, 0.0
	switch {
	case len(shape) > 1:
		fan := p.Shape.Len() / shape[0]
		scale = 1
		for f := 1; f < fan; f *= 4 { // 2^-ceil(log2(fan)/2)
			scale /= 2
		}
	case strings.HasSuffix(p.Name, "running_var") || strings.HasSuffix(p.Name, "bn.weight"):
		scale, shift = 1.0/4, 1
	}
	for i := range v {
		v[i] = float64(float32(scale*v[i] + shift))
	}
	return safetensors.Float64(p.Name, shape, v)
}

// parityImages is image() of the generator: (N,3,S,S).
func parityImages(name string, place, n, size int) safetensors.Tensor {
	seed := 900000 + place
	v, blocks := drawn.Numbers(seed, n*3*size*size), drawn.Numbers(seed+500000, n*3*8*8)
	for i := range v {
		w, h, plane := i%size, i/size%size, i/size/size
		v[i] = float64(float32(0.5 + 0.375*blocks[(plane*8+h/8%8)*8+w/8%8] + 0.125*v[i]))
	}
	return safetensors.Float64(name, []int{n, 3, size, size}, v)
}

func parityFile(c *nn.Catalog) *safetensors.File {
	all := slices.Concat(c.Params, c.Running)
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	f := &safetensors.File{}
	for i, p := range all {
		f.Tensors = append(f.Tensors, parityWeights(p, i))
	}
	return f
}

// stepper is a step of either stage.
type stepper interface {
	DebugStep(weights, batch *safetensors.File, steps int, lr float64) ([]safetensors.Tensor, error)
	Close() error
}

// parityCase is a golden file with the step it is of.
type parityCase struct {
	name  string
	open  func(d kernels.Device) (stepper, *nn.Catalog, error)
	batch []safetensors.Tensor
	lr    float64
}

// parityUp marks the name of a case whose generators go up as the original's.
func parityUp(up3 bool) string {
	if up3 {
		return "-k3"
	}
	return ""
}

func parityGAN(size, n int, up3 bool) parityCase {
	return parityCase{
		name: fmt.Sprintf("cyclegan%s-%d", parityUp(up3), size),
		open: func(d kernels.Device) (stepper, *nn.Catalog, error) {
			m, err := cyclegan.New(cyclegan.Config{
				Size: size, Load: size, Batch: n, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1, Up3: up3}, DiscriminatorWidth: 4,
				LambdaCycle: 10, LambdaIdentity: 0.5, Beta1: 0.5, Beta2: 0.999,
			})
			if err != nil {
				return nil, nil, err
			}
			s, err := NewGANStep(d, m)
			return s, &m.Catalog, err
		},
		batch: []safetensors.Tensor{parityImages("A", 0, n, size), parityImages("B", 1, n, size)},
		lr:    2e-4,
	}
}

func parityJoint(size, n, shards int, up3 bool) parityCase {
	labels := make([]int64, n)
	for i := range labels {
		labels[i] = int64(i % 2)
	}
	return parityCase{
		name: fmt.Sprintf("joint%s-%d", parityUp(up3), shards),
		open: func(d kernels.Device) (stepper, *nn.Catalog, error) {
			m, err := g2c.New(g2c.Config{
				Size: size, Batch: n, Shards: shards, EvalBatch: 1, Generators: 2, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1, Up3: up3},
				Classifier: nn.ClassifierConfig{Width: 8, Units: 3, Hidden: 32, Attention: true, Classes: 2},
				Gamma:      2, Momentum: 0.5,
			})
			if err != nil {
				return nil, nil, err
			}
			s, err := NewG2CStep(d, m)
			return s, &m.Catalog, err
		},
		batch: []safetensors.Tensor{safetensors.Int64("labels", []int{n}, labels), parityImages("x", 1, n, size)},
		lr:    0.01,
	}
}

// parityBaseline is a network of Table 5: with AdaGrad and weight decay, on the middle of the image
// where it takes that, with units dropped where it has some.
func parityBaseline(net nn.Baseline, size, n, shards int) parityCase {
	c := parityJoint(size, n, shards, false)
	c.name, c.lr = string(net), 0.001
	c.open = func(d kernels.Device) (stepper, *nn.Catalog, error) {
		m, err := g2c.New(g2c.Config{
			Size: size, Batch: n, Shards: shards, EvalBatch: 1, Baseline: net, Classifier: nn.ClassifierConfig{Classes: 2},
			Momentum: 0.5, Adagrad: net == nn.CIFAR10Quick, WeightDecay: 0.004,
		})
		if err != nil {
			return nil, nil, err
		}
		s, err := NewG2CStep(d, m)
		return s, &m.Catalog, err
	}
	if units := net.Dropped(); units > 0 {
		mask := drawn.Numbers(800000, n*units)
		for i, v := range mask {
			mask[i] = 0
			if v >= 0 {
				mask[i] = 2
			}
		}
		c.batch = slices.Insert(c.batch, 0, safetensors.Float64("dropout", []int{n, units}, mask)) // by name
	}
	return c
}

func parityPair(size, n int) parityCase {
	return parityCase{
		name: fmt.Sprintf("pix2pix-%d", size),
		open: func(d kernels.Device) (stepper, *nn.Catalog, error) {
			m, err := pix2pix.New(pix2pix.Config{
				Size: size, Load: size, Batch: n, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1}, DiscriminatorWidth: 4,
				LambdaL1: 100, Beta1: 0.5, Beta2: 0.999,
			})
			if err != nil {
				return nil, nil, err
			}
			s, err := NewPairStep(d, m)
			return s, &m.Catalog, err
		},
		batch: []safetensors.Tensor{parityImages("A", 0, n, size), parityImages("B", 1, n, size)},
		lr:    2e-4,
	}
}

func parityCases() []parityCase {
	return []parityCase{
		parityBaseline(nn.ShallowCNN, 64, 4, 2), parityBaseline(nn.CIFAR10Quick, 64, 4, 2), parityBaseline(nn.AlexNet, 64, 2, 1),
		parityGAN(64, 1, false), parityGAN(72, 1, false), parityJoint(48, 2, 1, false), parityJoint(36, 4, 4, false),
		parityGAN(64, 1, true), parityJoint(48, 2, 1, true),
		parityPair(64, 1), parityPair(44, 2),
	}
}

// TestParity holds whole steps of ref to PyTorch.
func TestParity(t *testing.T) {
	for _, c := range parityCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, catalog, err := c.open(ref.New())
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.DebugStep(parityFile(catalog), &safetensors.File{Tensors: c.batch}, paritySteps, c.lr)
			if err != nil {
				t.Fatal(err)
			}
			compareParity(t, got, readParity(t, c.name))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func readParity(t *testing.T, name string) *safetensors.File {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func values(t *testing.T, f *safetensors.File, name string) []float64 {
	t.Helper()
	x, ok := f.Tensor(name)
	if !ok {
		t.Fatalf("no golden %s", name)
	}
	v, err := x.Float64s()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compareParity(t *testing.T, got []safetensors.Tensor, want *safetensors.File) {
	t.Helper()
	norms, projections := values(t, want, "norms"), values(t, want, "projections")
	sort.Slice(got, func(i, j int) bool { return got[i].Name < got[j].Name })
	losses, tensors, worst := 0, 0, 0.0
	for _, g := range got {
		v, err := g.Float64s()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(g.Name, "loss.") {
			losses++
			if w := values(t, want, g.Name)[0]; !(math.Abs(v[0]-w) <= lossTolerance*math.Abs(w)) {
				t.Errorf("%s is %.17g, PyTorch has %.17g", g.Name, v[0], w)
			}
			continue
		}
		if tensors == len(norms) {
			t.Fatalf("PyTorch has %d gradients and weights, there is %s too", len(norms), g.Name)
		}
		norm, projection, direction := 0.0, 0.0, drawn.Numbers(1, len(v))
		for i, x := range v {
			norm += x * x
			projection += x * direction[i]
		}
		norm = math.Sqrt(norm)
		w := norms[tensors]
		for _, d := range []float64{norm - w, projection - projections[tensors]} {
			if !(math.Abs(d) <= tensorTolerance*w) {
				t.Errorf("%s is off by %.3g of its norm %g", g.Name, math.Abs(d)/w, w)
			}
			worst = math.Max(worst, math.Abs(d)/w)
		}
		tensors++
	}
	if tensors != len(norms) || losses != len(want.Tensors)-2 {
		t.Errorf("%d gradients and weights of PyTorch's %d, %d losses of %d", tensors, len(norms), losses, len(want.Tensors)-2)
	}
	t.Logf("gradients and weights agree to %.2g", worst)
}

// The first step's losses on the CPU, in float32, agree with PyTorch's float64.
func TestFirstLossesOnCPU(t *testing.T) {
	const tolerance = 1e-4
	for _, c := range parityCases() {
		t.Run(c.name, func(t *testing.T) {
			s, catalog, err := c.open(device(t))
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.DebugStep(parityFile(catalog), &safetensors.File{Tensors: c.batch}, 1, c.lr)
			if err != nil {
				t.Fatal(err)
			}
			want := readParity(t, c.name)
			compared := 0
			for _, g := range got {
				if !strings.HasPrefix(g.Name, "loss.0.") {
					continue
				}
				v, err := g.Reals()
				if err != nil {
					t.Fatal(err)
				}
				w := values(t, want, g.Name)[0]
				if !(math.Abs(v[0]-w) <= tolerance*math.Abs(w)) {
					t.Errorf("%s = %g, PyTorch has %g", g.Name, v[0], w)
				}
				compared++
			}
			if compared == 0 {
				t.Error("no loss was compared")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
