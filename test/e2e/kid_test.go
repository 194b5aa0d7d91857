package e2e

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/checkpoint/safetensors"
	"g2c/internal/drawn"
	"g2c/model/inception"
	"g2c/model/nn"
)

// inceptionFile writes drawn weights of the network as somebody would bring them.
func inceptionFile(t *testing.T) string {
	t.Helper()
	m, err := inception.New(1)
	if err != nil {
		t.Fatal(err)
	}
	all := drawn.Numbers(1, 1<<16)
	var tensors []safetensors.Tensor
	for _, p := range append(append([]nn.Param(nil), m.Catalog.Params...), m.Catalog.Running...) {
		v := make([]float32, p.Shape.Len())
		for i := range v {
			u := all[(i*31+len(p.Name))%len(all)]
			switch {
			case len(p.Shape) > 1:
				v[i] = float32(u * math.Sqrt(6/float64(len(v)/p.Shape[0])))
			case p.Init == nn.Ones:
				v[i] = 1
			}
		}
		tensors = append(tensors, safetensors.Float32(strings.TrimPrefix(p.Name, inception.Net+"."), nn.ExportShape(p.Shape), v))
	}
	tensors = append(tensors, safetensors.Float32("fc.weight", []int{1008, 1}, make([]float32, 1008)))
	body, err := safetensors.Encode(tensors, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "inception.safetensors")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := body.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	return path
}

// kidOf brings the network to a run whose generators were looked at without: each gets its
// distance before and after joint training, once.
func kidOf(t *testing.T, store, cache string) {
	t.Helper()
	ask := []string{"authenticity", "tiny", "--store", store, "--cache", cache, "--json", "--inception", inceptionFile(t)}
	o := must(t, nil, ask...)
	var a struct {
		Generators []struct{ Before, After struct{ KID, KIDSE *float64 } }
	}
	if err := json.Unmarshal([]byte(o.stdout), &a); err != nil {
		t.Fatal(err)
	}
	for _, g := range a.Generators {
		if g.Before.KID == nil || g.After.KID == nil || g.After.KIDSE == nil || !(*g.Before.KID > 0) || *g.Before.KID == *g.After.KID {
			t.Errorf("%s", o.stdout)
		}
	}
	if len(a.Generators) != 1 || !strings.Contains(o.stderr, "looking at the generators") {
		t.Errorf("%d generators, %s", len(a.Generators), o.stderr)
	}
	if again := must(t, nil, ask...); again.stdout != o.stdout || strings.Contains(again.stderr, "looking at the generators") {
		t.Errorf("asked again: %s", again.stderr)
	}
	if plain := must(t, nil, ask[:len(ask)-2]...); plain.stdout != o.stdout {
		t.Errorf("without the network what it said is forgotten: %s", plain.stdout)
	}
}

// The distance of a folder to itself lies about 0, that to other images above, and what is not
// the network is refused in words.
func TestKID(t *testing.T) {
	s := openStudio(t)
	network := inceptionFile(t)
	kid := func(a, b string) (v struct {
		KID, SE         float64
		Generated, Real int
	}) {
		t.Helper()
		o := must(t, nil, "kid", a, b, "--inception", network, "--size", "64", "--json")
		if err := json.Unmarshal([]byte(o.stdout), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	gs, other := filepath.Join(s.test(), "gs"), filepath.Join(s.world, "unlabelled", "PASM")
	same, far := kid(gs, gs), kid(gs, other)
	if same.Generated != 4 || same.Real != 4 || far.Real != 12 || !(same.KID < far.KID) || !(same.SE > 0) {
		t.Errorf("to itself %+v, to another stain %+v", same, far)
	}
	if o := must(t, nil, "kid", gs, gs, "--inception", network, "--size", "64"); !strings.Contains(o.stdout, "KID ") {
		t.Errorf("%s", o.stdout)
	}
	none := filepath.Join(t.TempDir(), "none.pth")
	for words, c := range map[string]struct {
		args []string
		code int
	}{
		"there is no file":     {[]string{gs, gs, "--inception", none, "--size", "64"}, 4},
		"inception":            {[]string{gs, gs, "--size", "64"}, 2},
		"two at least":         {[]string{firstFile(t, gs), gs, "--inception", network, "--size", "64"}, 3},
		"weights of an Incept": {[]string{gs, gs, "--size", "64", "--inception", generatorFile(t, s)}, 3},
	} {
		if o := run(t.Context(), t, nil, append([]string{"kid"}, c.args...)...); o.code != c.code || !strings.Contains(o.stderr, words) {
			t.Errorf("%s: exit code %d, %s", words, o.code, o.stderr)
		}
	}
}

// generatorFile is weights of another network.
func generatorFile(t *testing.T, s *studio) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "generator.safetensors")
	must(t, nil, "export", s.pair, "--store", s.store, "-o", path)
	return path
}
