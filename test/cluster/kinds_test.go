package cluster

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kinds has a task of every kind: a training on pairs, a stain without a network, a
// classifier that is grown and not trained, one behind each stain, and their evaluations.
const kinds = `apiVersion: g2c/v1
kind: Experiment
metadata: {name: kinds}
data:
  source: PAS
  size: 64
  paired: {HE: %[1]s/pairs.csv}
  unlabelled: {MASSON: %[1]s/unlabelled/MASSON}
  labelled: {train: %[1]s/labelled/train, test: %[1]s/labelled/test, validation: none}
tasks: [{name: s-vs-noa, positive: [gs, ss], negative: [noa]}]
generators: {MASSON: {method: reinhard}}
model: {generator: {width: 4, blocks: 1}, discriminator: {width: 4}, classifier: {width: 8, units: 1, hidden: 4}}
pretrain: {epochs: 2, constantEpochs: 1}
finetune: {epochs: 2, freezeEpochs: 1, batch: 4, shards: 2}
checkpoint: {every: 3 steps}
arms:
  - {name: BOTH, stains: [HE, MASSON]}
  - {name: FOREST, stains: [], model.baseline: fuzzy-histogram}
`

// Workers that have none of the images train every kind of task to the bits that `g2c run`
// gives, though one of them dies on the way.
func TestEveryKindOfTaskOnWorkers(t *testing.T) {
	t.Parallel()
	alone, together := t.TempDir(), t.TempDir()
	c := newCluster(t)
	world := c.path("world")
	must(t, "data", "synth", world, "--patients", "6", "--patches", "6", "--size", "64")
	writePairs(t, world)
	spec := c.path("kinds.yaml")
	if err := os.WriteFile(spec, fmt.Appendf(nil, kinds, world), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "run", spec, "--store", alone, "--cache", c.path("cache"))
	c.single("--store", together)
	for _, id := range []string{"w1", "w2"} {
		c.addWorker(id, "--store", together, "--cache", c.path(id), "--slots", "cpu:1")
	}
	experiment := c.submit(spec)
	if err := os.Rename(world, world+" is gone"); err != nil {
		t.Fatal(err)
	}
	all := len(c.ps(experiment))
	c.done(experiment, 1, time.Minute)
	c.workers["w1"].kill()
	c.done(experiment, 3, 2*time.Minute)
	c.startWorker(c.workers["w1"])
	c.done(experiment, all, 2*time.Minute)
	c.onceEach(experiment, all)
	want := weights(t, alone)
	if got := weights(t, together); len(want) != 4 || !maps.Equal(got, want) {
		t.Errorf("weights of the cluster %v, of g2c run %v", got, want)
	}
}

// writePairs names as many pairs of a world's unlabelled images as both stains have.
func writePairs(t *testing.T, world string) {
	t.Helper()
	var stains [2][]os.DirEntry
	for i, stain := range []string{"PAS", "HE"} {
		var err error
		if stains[i], err = os.ReadDir(filepath.Join(world, "unlabelled", stain)); err != nil {
			t.Fatal(err)
		}
	}
	var table strings.Builder
	table.WriteString("source,target,split,slide\n")
	for i := range min(len(stains[0]), len(stains[1])) {
		split := "train"
		if i%4 == 3 {
			split = "test"
		}
		fmt.Fprintf(&table, "unlabelled/PAS/%s,unlabelled/HE/%s,%s,%s\n", stains[0][i].Name(), stains[1][i].Name(), split, split)
	}
	if err := os.WriteFile(filepath.Join(world, "pairs.csv"), []byte(table.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
