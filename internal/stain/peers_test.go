package stain_test

import (
	"math"
	"os"
	"testing"

	"g2c/checkpoint/safetensors"
	"g2c/experiments/synthetic"
	"g2c/internal/dataset"
	"g2c/internal/stain"
)

// The world of bench/peers/stains.py.
var world = synthetic.Config{Patients: 5, Patches: 4, Seed: 7}

const (
	worldSide   = 48
	worldStride = 23 // of the pixels that are held
	peerError   = 1e-4
)

var worldJitter = stain.Jitter{Scale: [3]float64{0.05, -0.03, 0.02}, Shift: [3]float64{-0.01, 0.04, -0.05}}

// near is false for NaN.
func near(got, want, atol float64) bool { return math.Abs(got-want) <= atol }

func pixelsOf(t *testing.T, set *dataset.Set) [][]uint8 {
	t.Helper()
	var out [][]uint8
	for i := range set.Len() {
		p, err := set.Pixels(i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// target is all pixels of the unlabelled HE images.
func target(t *testing.T) []uint8 {
	t.Helper()
	set, err := synthetic.Domain(world, "HE", worldSide)
	if err != nil {
		t.Fatal(err)
	}
	pixels, err := stain.Sample(set.Len(), worldSide*worldSide, set.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	if len(pixels) != set.Len()*worldSide*worldSide*3 {
		t.Fatalf("%d bytes of a small set are taken", len(pixels))
	}
	return pixels
}

func peers(t *testing.T) func(name string) []float32 {
	t.Helper()
	data, err := os.ReadFile("testdata/peers.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) []float32 {
		tensor, ok := f.Tensor(name)
		if !ok {
			t.Fatalf("no tensor %s", name)
		}
		v, err := tensor.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestTargetsAgreeWithPeers: what a set's stains are, by torchstain.
func TestTargetsAgreeWithPeers(t *testing.T) {
	pixels, want := target(t), peers(t)
	r, ok := stain.FitReinhard(pixels)
	m, ok2 := stain.FitMacenko(pixels)
	if !ok || !ok2 {
		t.Fatal("the target is refused")
	}
	// The peer's CIELAB is float32: sums over a set of numbers of up to 100 lose digits.
	for i, v := range append(r.Mean[:], r.Std[:]...) {
		if w := float64(want("target/reinhard")[i]); !near(v, w, 1e-3) {
			t.Errorf("Reinhard's number %d is %g, torchstain's %g", i, v, w)
		}
	}
	for i, v := range append(append(m.Stains[0][:], m.Stains[1][:]...), m.Max[:]...) {
		if w := float64(want("target/macenko")[i]); !near(v, w, peerError) {
			t.Errorf("Macenko's number %d is %g, torchstain's %g", i, v, w)
		}
	}
}

// TestImagesAgreeWithPeers: 20 images by torchstain and scikit-image, before rounding.
func TestImagesAgreeWithPeers(t *testing.T) {
	pixels, want := target(t), peers(t)
	r, _ := stain.FitReinhard(pixels)
	m, _ := stain.FitMacenko(pixels)
	set, err := synthetic.Labelled(world, "PAS", worldSide)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != 20 {
		t.Fatalf("%d images", set.Len())
	}
	worst := map[string]float64{}
	for i, image := range pixelsOf(t, set) {
		for method, v := range map[string][]float64{
			"reinhard": stain.ReinhardIntensities(r, image), "macenko": stain.MacenkoIntensities(m, image), "hed": stain.JitterIntensities(worldJitter, image),
		} {
			name := set.Image(i).Name + "/" + method
			held := want(name)
			if len(held) != 3*((worldSide*worldSide+worldStride-1)/worldStride) {
				t.Fatalf("%s: %d numbers are held", name, len(held))
			}
			for k, w := range held {
				got := v[3*worldStride*(k/3)+k%3]
				if !near(got, float64(w), peerError) {
					t.Fatalf("%s: number %d is %g, the peer's %g", name, k, got, w)
				}
				worst[method] = max(worst[method], math.Abs(got-float64(w)))
			}
		}
	}
	t.Logf("largest differences: %v", worst)
}
