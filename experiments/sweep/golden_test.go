package sweep

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/spec"
	"g2c/internal/golden"
)

// samePrint stands for data whose pixels are the same however they are asked for.
func samePrint(d api.DataSet) (api.Key, error) {
	return sha256.Sum256([]byte(string(d.Part) + d.Stain)), nil
}

// What is trained keeps its key, whatever is added to specs and tasks: the golden file was
// written before. Evaluations are not in it, since their key moves with the metrics. Only
// an edit of a spec may move its lines (-rewrite).
func TestGoldenKeys(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"testdata/base.yaml", "../specs/glomeruli.yaml", "testdata/paper.yaml", "../specs/quickstart.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := spec.Parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Expand(f, Options{Numerics: api.ClassCPU, Fingerprint: samePrint, Resolve: fakeResolve})
		if err != nil {
			t.Fatal(err)
		}
		for i, item := range p.Items {
			if item.Task.Kind != api.KindEvaluate && i < 60 {
				fmt.Fprintf(&b, "%s  %s\n", item.Name(), item.Key)
			}
		}
	}
	golden.Check(t, "testdata/keys.golden", b.String())
}
