package infer

import (
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"g2c/checkpoint/safetensors"
	draw "g2c/internal/drawn"
	"g2c/internal/fault"
	"g2c/kernels/cpu"
	"g2c/model/inception"
	"g2c/model/metrics"
	"g2c/model/nn"
)

// drawnInception are the weights of bench/peers/inception.py, under a prefix, and the last
// layer of so many classes.
func drawnInception(t testing.TB, prefix string, classes int) *safetensors.File {
	t.Helper()
	m, err := inception.New(1)
	if err != nil {
		t.Fatal(err)
	}
	params := append(append([]nn.Param(nil), m.Catalog.Params...), m.Catalog.Running...)
	slices.SortFunc(params, func(a, b nn.Param) int { return strings.Compare(a.Name, b.Name) })
	var tensors []safetensors.Tensor
	for i, p := range params {
		name, shape := p.Name[len(inception.Net)+1:], nn.ExportShape(p.Shape)
		v := draw.Numbers(16*(i+1), p.Shape.Len())
		out := make([]float32, len(v))
		fan := p.Shape.Len() / p.Shape[0]
		for k, u := range v {
			switch {
			case len(p.Shape) > 1:
				out[k] = float32(u) * float32(math.Sqrt(6/float64(fan)))
			case strings.HasSuffix(name, "bn.weight"), strings.HasSuffix(name, "running_var"):
				out[k] = float32(1 + u/4)
			default:
				out[k] = float32(u / 8)
			}
		}
		tensors = append(tensors, safetensors.Float32(prefix+name, shape, out))
	}
	tensors = append(tensors, safetensors.Float32(prefix+"fc.weight", []int{classes, 1}, make([]float32, classes)))
	return &safetensors.File{Tensors: tensors}
}

// drawnImage is an image of bench/peers/inception.py.
func drawnImage(seed, size int) []uint8 {
	out := make([]uint8, 3*size*size)
	for i, u := range draw.Numbers(seed, len(out)) {
		out[i] = uint8(math.Floor((u + 1) * 128))
	}
	return out
}

// Features are PyTorch's, of float64, of images that are enlarged, made smaller and left; they
// do not depend on the images beside them.
func TestInceptionFeatures(t *testing.T) {
	data, err := os.ReadFile("testdata/inception.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := safetensors.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	net, err := NewInception(device(t), drawnInception(t, "model.", inceptionClasses))
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	for _, size := range []int{0, 3} {
		if _, err := net.Features(t.Context(), make([]uint8, 28), size); err == nil {
			t.Errorf("28 bytes are taken for images of %d pixels", size)
		}
	}
	for i, size := range []int{64, 299, 400} {
		image := drawnImage(1000003+i, size)
		got, err := net.Features(t.Context(), image, size)
		if err != nil {
			t.Fatal(err)
		}
		tensor, ok := golden.Tensor("features." + []string{"64", "299", "400"}[i])
		if !ok {
			t.Fatal("no golden")
		}
		want, err := tensor.Float64s()
		if err != nil {
			t.Fatal(err)
		}
		norm, off := 0.0, 0.0
		for k := range want {
			norm += want[k] * want[k]
			off += (float64(got[k]) - want[k]) * (float64(got[k]) - want[k])
		}
		if e := math.Sqrt(off / norm); !(e <= 2e-5) || len(got) != len(want) {
			t.Errorf("%d pixels: the relative error is %.2g", size, e)
		} else {
			t.Logf("%d pixels: the relative error is %.2g", size, e)
		}
		if i == 0 {
			both, err := net.Features(t.Context(), append(drawnImage(5, size), image...), size)
			if err != nil || !slices.Equal(both[nn.InceptionFeatures:], got) {
				t.Errorf("beside another image its features differ, %v", err)
			}
			value, se, err := net.KID(t.Context(), slices.Concat(image, image, image), slices.Concat(image, image, image), size)
			if wantKID, _ := metrics.KID(slices.Concat(got, got, got), slices.Concat(got, got, got), nn.InceptionFeatures); err != nil || !(value == wantKID) || !(math.Abs(value) <= 1e-9) || !(se <= 1e-4) {
				t.Errorf("KID of equal sets %v ± %v, want %v, %v", value, se, wantKID, err)
			}
		}
	}
}

// What is not the network is refused in words.
func TestNotInception(t *testing.T) {
	d := device(t)
	nan := drawnInception(t, "", inceptionClasses)
	nan.Tensors[3] = safetensors.Float32(nan.Tensors[3].Name, nan.Tensors[3].Shape, slices.Repeat([]float32{float32(math.NaN())}, nan.Tensors[3].Len()))
	part := drawnInception(t, "", inceptionClasses)
	part.Tensors = slices.DeleteFunc(part.Tensors, func(x safetensors.Tensor) bool { return x.Name == "Mixed_7c.branch1x1.bn.bias" })
	lastless := drawnInception(t, "", inceptionClasses)
	lastless.Tensors = slices.DeleteFunc(lastless.Tensors, func(x safetensors.Tensor) bool { return x.Name == "fc.weight" })
	for name, c := range map[string]struct {
		w     *safetensors.File
		words string
	}{
		"torchvision's":    {drawnInception(t, "", 1000), "1000 classes"},
		"a generator":      {&safetensors.File{Tensors: []safetensors.Tensor{safetensors.Float32("G.weight", []int{1}, []float32{1})}}, "not the weights of an Inception"},
		"a part":           {part, "Mixed_7c.branch1x1.bn.bias"},
		"without its last": {lastless, "lack fc.weight"},
		"not finite":       {nan, "NaN"},
	} {
		if _, err := NewInception(d, c.w); !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkInception looks at eight images a time; bench/results/kid.md has it beside PyTorch.
func BenchmarkInception(b *testing.B) {
	d, err := cpu.New(cpu.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	net, err := NewInception(d, drawnInception(b, "", inceptionClasses))
	if err != nil {
		b.Fatal(err)
	}
	defer net.Close()
	images := slices.Repeat(drawnImage(1, nn.InceptionSize), 8)
	for b.Loop() {
		if _, err := net.Features(b.Context(), images, nn.InceptionSize); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(8*float64(b.N)/b.Elapsed().Seconds(), "images/s")
}
