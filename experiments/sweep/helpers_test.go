package sweep

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"testing"

	"g2c/api"
	"g2c/experiments/spec"
)

// fakePrint stands for data whose pixels differ wherever the question differs.
func fakePrint(d api.DataSet) (api.Key, error) {
	if d.Where.Labelled != nil { // what is allowed changes no pixel
		l := *d.Where.Labelled
		l.AllowDuplicates = false
		d.Where.Labelled = &l
	}
	text, err := json.Marshal(d)
	return sha256.Sum256(text), err
}

func readBase(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func expand(t testing.TB, text []byte, sets ...string) *Plan {
	t.Helper()
	f, err := spec.Parse("spec.yaml", text, sets...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Expand(f, Options{Numerics: api.ClassCPU, Fingerprint: fakePrint, Resolve: fakeResolve})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func fakeResolve(model string) (api.Key, error) { return sha256.Sum256([]byte(model)), nil }

// named is the item of a name.
func named(t testing.TB, p *Plan, name string) *Item {
	t.Helper()
	found := p.match(func(n string) bool { return n == name })
	if len(found) != 1 {
		t.Fatalf("%d tasks are called %s", len(found), name)
	}
	return found[0]
}
