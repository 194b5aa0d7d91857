package stain

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// tissue is random pixels of two stains.
func tissue(n int, seed uint64) []uint8 {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []uint8
	for range n {
		a, b := 1.5*r.Float64(), r.Float64()
		for k := range 3 {
			od := a*[3]float64{0.65, 0.70, 0.29}[k] + b*[3]float64{0.07, 0.99, 0.11}[k]
			out = append(out, round(math.Exp(-od)))
		}
	}
	return out
}

// degenerate are images that no method can work on.
func degenerate() map[string][]uint8 {
	few := bytes.Repeat([]uint8{250, 250, 250}, 64)
	copy(few, tissue(leastTissue-1, 3))
	grey := make([]uint8, 3*64)
	for i := range grey {
		grey[i] = uint8(4 * (i / 3))
	}
	return map[string][]uint8{
		"nothing": {}, "white": bytes.Repeat([]uint8{255}, 3*64), "black": make([]uint8, 3*64), "red": bytes.Repeat([]uint8{200, 10, 30}, 64),
		"one pixel": {120, 40, 160}, "few tissue pixels": few, "grey": grey,
	}
}

// TestDegenerateImagesStay: no method gives NaN, and where it cannot work the image is as
// it was.
func TestDegenerateImagesStay(t *testing.T) {
	target := tissue(400, 1)
	r, ok := FitReinhard(target)
	m, ok2 := FitMacenko(target)
	if !ok || !ok2 {
		t.Fatal("the target is refused")
	}
	for name, image := range degenerate() {
		for method, apply := range map[string]func(dst, src []uint8){"reinhard": r.Apply, "macenko": m.Apply} {
			if method == "reinhard" && name == "few tissue pixels" {
				continue // it has colours
			}
			got := make([]uint8, len(image))
			apply(got, image)
			if !bytes.Equal(got, image) {
				t.Errorf("%s changes an image that is %s", method, name)
			}
		}
		if _, ok := FitReinhard(image); ok && name != "few tissue pixels" {
			t.Errorf("%s is a target of Reinhard", name)
		}
		if _, ok := FitMacenko(image); ok {
			t.Errorf("%s is a target of Macenko", name)
		}
		for i, v := range JitterIntensities(Jitter{Scale: [3]float64{0.05, 0.05, 0.05}}, image) {
			if !(v >= 0 && v <= 1) {
				t.Errorf("jitter makes number %d of an image that is %s %g", i, name, v)
			}
		}
	}
}

// FuzzApply: any pixels give as many, and never NaN.
func FuzzApply(f *testing.F) {
	for _, image := range degenerate() {
		f.Add(image, image)
	}
	f.Add(tissue(40, 1), tissue(30, 2))
	f.Fuzz(func(t *testing.T, target, image []uint8) {
		target, image = target[:len(target)/3*3], image[:len(image)/3*3]
		if r, ok := FitReinhard(target); ok {
			finite(t, ReinhardIntensities(r, image))
		}
		if m, ok := FitMacenko(target); ok {
			finite(t, MacenkoIntensities(m, image))
		}
	})
}

func finite(t *testing.T, v []float64) {
	t.Helper()
	for i, x := range v {
		if !(x >= 0 && x <= 1) {
			t.Fatalf("number %d is %g", i, x)
		}
	}
}

// TestApply: an image takes the target's colour, its own changes nothing much, and the
// destination may be the source.
func TestApply(t *testing.T) {
	image, target := tissue(900, 4), tissue(1600, 5)
	for i := 0; i < len(image); i += 3 {
		image[i] = image[i]/2 + 60
	}
	r, _ := FitReinhard(target)
	got := make([]uint8, len(image))
	r.Apply(got, image)
	if after, _ := FitReinhard(got); !(math.Abs(after.Mean[0]-r.Mean[0]) < 1) {
		t.Errorf("lightness is %g, the target's %g", after.Mean[0], r.Mean[0])
	}
	m, _ := FitMacenko(target)
	for name, apply := range map[string]func(dst, src []uint8){"reinhard": r.Apply, "macenko": m.Apply} {
		apart, in := make([]uint8, len(image)), bytes.Clone(image)
		apply(apart, image)
		apply(in, in)
		if !bytes.Equal(apart, in) || bytes.Equal(apart, image) {
			t.Errorf("%s is another in place, or nothing", name)
		}
		same := make([]uint8, len(target))
		apply(same, target)
		for i, v := range same {
			if d := int(v) - int(target[i]); d < -8 || d > 8 { // what lies off the plane of two stains is lost
				t.Fatalf("%s makes %d of byte %d, %d, by its own target", name, v, i, target[i])
			}
		}
	}
	var nothing Jitter
	same := make([]uint8, len(image))
	nothing.Apply(same, image)
	if !bytes.Equal(same, image) {
		t.Error("a jitter of nothing changes pixels")
	}
}

// TestEigen: A v = λ v, the largest first.
func TestEigen(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		var a [3][3]float64
		for i := range 3 {
			for j := range i + 1 {
				a[i][j] = 2*r.Float64() - 1
				a[j][i] = a[i][j]
			}
		}
		values, vectors := eigen(a)
		for i, v := range vectors {
			if !(math.Abs(dot(v, v)-1) < 1e-14) || i > 0 && values[i] > values[i-1] {
				t.Fatalf("vector %d of %v has the square %g and the value %g", i, a, dot(v, v), values[i])
			}
			for k, x := range times(&a, v) {
				if !(math.Abs(x-values[i]*v[k]) < 1e-14) {
					t.Fatalf("vector %d of %v is none", i, a)
				}
			}
		}
	}
}

// TestSample: a large set gives evenly spaced pixels over its images, and errors pass.
func TestSample(t *testing.T) {
	const n, each = 5, 300_001
	stride := (n*each + SamplePixels - 1) / SamplePixels
	images := make([][]uint8, n)
	for i := range images {
		images[i] = make([]uint8, 3*each)
		for k := range each {
			at := i*each + k
			images[i][3*k], images[i][3*k+1], images[i][3*k+2] = uint8(at), uint8(at>>8), uint8(at>>16)
		}
	}
	got, err := Sample(n, each, func(i int) ([]uint8, error) { return images[i], nil })
	if err != nil || len(got) != 3*((n*each+stride-1)/stride) || len(got) > 3*SamplePixels {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for i := 0; i < len(got); i += 3 {
		if at := int(got[i]) | int(got[i+1])<<8 | int(got[i+2])<<16; at != i/3*stride {
			t.Fatalf("pixel %d is number %d of the set, want %d", i/3, at, i/3*stride)
		}
	}
	bad := errors.New("bad")
	if _, err := Sample(1, 1, func(int) ([]uint8, error) { return nil, bad }); !errors.Is(err, bad) {
		t.Errorf("error %v", err)
	}
}
