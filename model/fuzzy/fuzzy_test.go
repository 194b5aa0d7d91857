package fuzzy

import (
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"runtime"
	"testing"

	"g2c/checkpoint/safetensors"
	"g2c/internal/drawn"
)

// side is that of the images of bench/peers/fuzzy.py.
const side = 16

// tissue is image() of bench/peers/fuzzy.py.
func tissue(i int) []uint8 {
	base, noise := drawn.Numbers(2*i, 3), drawn.Numbers(2*i+1, side*side*3)
	out := make([]uint8, len(noise))
	for k, n := range noise {
		shift := []float64{0.06, -0.06, 0}[k%3] * float64(i%2)
		v := []float64{0.7, 0.4, 0.6}[k%3] + 0.15*base[k%3] + shift + 0.12*n
		out[k] = uint8(math.Floor(min(max(v, 0), 1) * 255))
	}
	return out
}

// learn are features and classes of images.
func learn(from, to int) (x [][Bins]float32, positive []bool) {
	for i := from; i < to; i++ {
		x, positive = append(x, Standard().Features(tissue(i))), append(positive, i%2 == 1)
	}
	return x, positive
}

func peers(t *testing.T, name string) []float64 {
	t.Helper()
	b, err := os.ReadFile("testdata/peers.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	x, ok := f.Tensor(name)
	if !ok {
		t.Fatalf("no %s", name)
	}
	v, err := x.Float64s()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The centres and the features are those of numpy and scikit-image.
func TestHistogramIsThePeers(t *testing.T) {
	for i, want := range peers(t, "centres") {
		if got := float64(Standard().Centres[i/3][i%3]); !(math.Abs(got-want) < 1e-3) { // of 100
			t.Errorf("centre %d, coordinate %d: %g, numpy has %g", i/3, i%3, got, want)
		}
	}
	worst := 0.0
	want := peers(t, "features")
	for i := range len(want) / Bins {
		sum := 0.0
		for j, got := range Standard().Features(tissue(i)) {
			off := math.Abs(float64(got) - want[i*Bins+j])
			if !(off < 1e-4) {
				t.Errorf("image %d, bin %d: %g, numpy has %g", i, j, got, want[i*Bins+j])
			}
			worst, sum = math.Max(worst, off), sum+float64(got)
		}
		if !(math.Abs(sum-1) < 1e-5) {
			t.Errorf("image %d: features sum to %g", i, sum)
		}
	}
	t.Logf("features agree to %.2g", worst)
}

// A centre of the clusters is a member of its own alone.
func TestACentreIsItsOwn(t *testing.T) {
	colours := fineColours()
	to := make([]float64, 2)
	memberships(to, colours[7], [][3]float64{colours[3], colours[7]})
	if to[0] != 0 || to[1] != 1 {
		t.Errorf("memberships %v", to)
	}
}

// On the same images our forest is as good as scikit-learn's, and of its opinion.
func TestForestIsAsGoodAsThePeers(t *testing.T) {
	x, positive := learn(0, 200)
	f, err := Grow(t.Context(), x, positive, 1)
	if err != nil {
		t.Fatal(err)
	}
	test, truth := learn(200, 400)
	want := peers(t, "probabilities")
	right, peersRight, off := 0, 0, 0.0
	for i, x := range test {
		p := float64(f.Positive(x))
		if p > 0.5 == truth[i] {
			right++
		}
		if want[i] > 0.5 == truth[i] {
			peersRight++
		}
		off += math.Abs(p-want[i]) / float64(len(test))
	}
	t.Logf("%d of %d right, scikit-learn's %d; probabilities %.3f apart", right, len(test), peersRight, off)
	if right < peersRight-14 || !(off < 0.06) { // 14: two standard errors
		t.Errorf("%d of %d right, scikit-learn's %d; probabilities are %.3f apart", right, len(test), peersRight, off)
	}
}

// Trees that grow beside each other are those that grow one by one; another seed's are not;
// columns give the forest back.
func TestForestDependsOnItsSeedAlone(t *testing.T) {
	x, positive := learn(0, 60)
	grow := func(seed uint32) *Forest {
		f, err := Grow(t.Context(), x, positive, seed)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	many := grow(1)
	before := runtime.GOMAXPROCS(1)
	one := grow(1)
	runtime.GOMAXPROCS(before)
	if !reflect.DeepEqual(many, one) {
		t.Error("trees depend on who grows them")
	}
	if reflect.DeepEqual(one, grow(2)) {
		t.Error("two seeds give one forest")
	}
	again, err := FromColumns(one.Columns())
	if err != nil || !reflect.DeepEqual(again, one) {
		t.Errorf("columns give another forest: %v", err)
	}
	wrong := 0
	for i := range x {
		if one.Positive(x[i]) > 0.5 != positive[i] {
			wrong++
		}
	}
	if wrong > 2 {
		t.Errorf("%d of %d images that it grew on are wrong", wrong, len(x))
	}
}

func TestGrowStops(t *testing.T) {
	x, positive := learn(0, 4)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Grow(ctx, x, positive, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Columns that are not a forest's are refused: a walk must end at a leaf.
func TestBadColumns(t *testing.T) {
	good := func() Columns {
		return Columns{
			Nodes: []float32{3}, Feature: []float32{5, -1, -1}, Threshold: []float32{0.5, 0, 0},
			Left: []float32{1, 0, 0}, Right: []float32{2, 0, 0}, Positive: []float32{0.5, 0, 1},
		}
	}
	if _, err := FromColumns(good()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(c *Columns){
		"a circle":       func(c *Columns) { c.Left[0] = 0 },
		"out of bounds":  func(c *Columns) { c.Right[0] = 3 },
		"no feature":     func(c *Columns) { c.Feature[0] = Bins },
		"NaN":            func(c *Columns) { c.Positive[1] = float32(math.NaN()) },
		"a long tree":    func(c *Columns) { c.Nodes[0] = 4 },
		"a short forest": func(c *Columns) { c.Nodes[0] = 1; c.Feature[0] = -1 },
		"no tree":        func(c *Columns) { *c = Columns{} },
		"uneven columns": func(c *Columns) { c.Left = c.Left[:2] },
		"half a node":    func(c *Columns) { c.Nodes[0] = 2.5 },
	} {
		c := good()
		spoil(&c)
		if _, err := FromColumns(c); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
