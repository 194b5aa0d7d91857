package metrics

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"g2c/internal/drawn"
)

func near(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }

func TestJudge(t *testing.T) {
	// Three positives, two called so; four negatives, one called positive.
	s := []Sample{{0.9, 0, "a"}, {0.5, 0, "a"}, {0.2, 0, "b"}, {0.7, 1, "c"}, {0.1, 1, "c"}, {0.3, 1, "d"}, {0.49, 1, "d"}}
	b := Judge(s)
	if b.Confusion != [2][2]int{{2, 1}, {1, 3}} {
		t.Errorf("confusion %v", b.Confusion)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"accuracy", float64(b.Accuracy), 5.0 / 7}, {"recall of positives", float64(b.Recall[0]), 2.0 / 3},
		{"recall of negatives", float64(b.Recall[1]), 3.0 / 4}, {"balanced accuracy", float64(b.BalancedAccuracy), (2.0/3 + 3.0/4) / 2},
		{"F1", float64(b.F1), 4.0 / 6}, {"AUC", float64(b.AUC), 8.0 / 12},
	} {
		if !near(c.got, c.want, 1e-15) {
			t.Errorf("%s is %g, want %g", c.name, c.got, c.want)
		}
	}
}

// AUC is the share of ordered pairs, counted one by one.
func TestAUCCountsPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s []Sample
		for range 2 + r.IntN(20) {
			s = append(s, Sample{P: float64(r.IntN(6)) / 5, Class: r.IntN(2)})
		}
		pairs, won := 0, 0.0
		for _, a := range s {
			for _, b := range s {
				if a.Class != 0 || b.Class != 1 {
					continue
				}
				pairs++
				if a.P > b.P {
					won++
				} else if a.P == b.P {
					won += 0.5
				}
			}
		}
		got := Judge(s).AUC
		if pairs == 0 {
			if got.Defined() {
				t.Fatalf("AUC of one class is %g", got)
			}
			continue
		}
		if !near(float64(got), won/float64(pairs), 1e-12) {
			t.Fatalf("AUC %g, want %g of %v", got, won/float64(pairs), s)
		}
	}
}

func TestROCEndsInItsCorners(t *testing.T) {
	fpr, tpr := ROC([]Sample{{0.9, 0, ""}, {0.9, 1, ""}, {0.4, 0, ""}, {0.2, 1, ""}})
	if !slices.Equal(fpr, []float64{0, 0.5, 0.5, 1}) || !slices.Equal(tpr, []float64{0, 0.5, 1, 1}) {
		t.Errorf("%v %v", fpr, tpr)
	}
}

func TestUndefinedIsNull(t *testing.T) {
	b := Judge([]Sample{{0.9, 0, ""}})
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var back Binary
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back.AUC.Defined() || back.BalancedAccuracy.Defined() || back.Accuracy != 1 {
		t.Errorf("%s became %+v", text, back)
	}
}

// Reference values: R's binom.test(min(a,b), a+b).
func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		a, b int
		want float64
	}{{0, 0, 1}, {5, 5, 1}, {1, 9, 0.021484375}, {0, 6, 0.03125}, {3, 12, 0.03515625}, {12, 3, 0.03515625}} {
		if got := McNemar(c.a, c.b); !near(got, c.want, 1e-12) {
			t.Errorf("McNemar(%d,%d) = %g, want %g", c.a, c.b, got, c.want)
		}
	}
	if got := McNemar(1000, 2000); !(got > 0 && got < 1e-70) {
		t.Errorf("far tail %g", got)
	}
}

func noise(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	v := make([]float32, n)
	for i := range v {
		v[i] = r.Float32()
	}
	return v
}

// slowSSIM is one window at a time, in two dimensions.
func slowSSIM(a, b []float32, h, w int) float64 {
	var g [ssimWindow]float64
	sum := 0.0
	for i := range g {
		g[i] = math.Exp(-float64((i-5)*(i-5)) / (2 * 1.5 * 1.5))
		sum += g[i]
	}
	total, count := 0.0, 0
	for c := range 3 {
		for y := 0; y+ssimWindow <= h; y++ {
			for x := 0; x+ssimWindow <= w; x++ {
				var ma, mb, aa, bb, ab float64
				for i := range ssimWindow {
					for j := range ssimWindow {
						k := g[i] * g[j] / (sum * sum)
						p, q := float64(a[((y+i)*w+x+j)*3+c]), float64(b[((y+i)*w+x+j)*3+c])
						ma, mb, aa, bb, ab = ma+k*p, mb+k*q, aa+k*p*p, bb+k*q*q, ab+k*p*q
					}
				}
				total += (2*ma*mb + ssimC1) * (2*(ab-ma*mb) + ssimC2) / ((ma*ma + mb*mb + ssimC1) * (aa - ma*ma + bb - mb*mb + ssimC2))
				count++
			}
		}
	}
	return total / float64(count)
}

func TestSSIM(t *testing.T) {
	const h, w = 13, 15
	a, b := noise(1, h*w*3), noise(2, h*w*3)
	if got, want := SSIM(a, b, h, w), slowSSIM(a, b, h, w); !near(got, want, 1e-12) {
		t.Errorf("SSIM %g, want %g", got, want)
	}
	if got := SSIM(a, a, h, w); !near(got, 1, 1e-12) {
		t.Errorf("SSIM of an image with itself is %g", got)
	}
}

func TestPixelDifferences(t *testing.T) {
	a, b := []float32{0, 0.5, 1, 0.25, 0.5, 0.75}, []float32{0.5, 0.5, 0.5, 0.25, 0.5, 0.75}
	if got := MeanAbs(a, b); !near(got, 1.0/6, 1e-12) {
		t.Errorf("mean difference %g", got)
	}
	if got, want := PSNR(a, b), 10*math.Log10(6/0.5); !near(got, want, 1e-9) {
		t.Errorf("PSNR %g, want %g", got, want)
	}
	if !math.IsInf(PSNR(a, a), 1) {
		t.Error("PSNR of equal images is finite")
	}
	if got := MeanColour(a); !near(got[0], 0.125, 1e-12) || !near(got[2], 0.875, 1e-12) {
		t.Errorf("mean colour %v", got)
	}
	if got := ColourDistance([3]float64{0, 0, 0}, [3]float64{2, 3, 6}); got != 7 {
		t.Errorf("distance %g", got)
	}
}

// GreySSIM is scikit-image's: structural_similarity of version 0.26 with
// gaussian_weights=True, sigma=1.5, use_sample_covariance=False and data_range=1, on the
// grey images.
func TestGreySSIM(t *testing.T) {
	const h, w = 13, 15
	image := func(seed int) []float32 {
		out := make([]float32, h*w*3)
		for i, v := range drawn.Numbers(seed, len(out)) {
			out[i] = float32((v + 1) / 2)
		}
		return out
	}
	a, b := image(1), image(2)
	for i := range b {
		b[i] = float32(float64(a[i])*0.5 + float64(b[i])*0.5)
	}
	if got, want := GreySSIM(a, b, h, w), 0.6170447554609091; !near(got, want, 1e-9) {
		t.Errorf("SSIM %.16g, scikit-image has %.16g", got, want)
	}
	if got := GreySSIM(a, a, h, w); !near(got, 1, 1e-12) {
		t.Errorf("SSIM of an image with itself is %g", got)
	}
}
