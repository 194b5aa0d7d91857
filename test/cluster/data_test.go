package cluster

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"g2c/internal/netfault"
)

// Images that only the submitter has reach a worker through a network that breaks in the
// middle of the upload, and train the bits that `g2c run` gives, though the worker's cache
// has no room for them.
func TestImagesReachAWorkerWithoutRoom(t *testing.T) {
	t.Parallel()
	alone, together := t.TempDir(), t.TempDir()
	c := newCluster(t)
	world := c.path("world")
	must(t, "data", "synth", world, "--patients", "6", "--patches", "6", "--size", "64")
	spec := []string{
		"testdata/folders.yaml", "--only", "pretrain",
		"--set", "data.unlabelled={PAS: " + filepath.Join(world, "unlabelled", "PAS") + ", HE: " + filepath.Join(world, "unlabelled", "HE") + "}",
		"--set", "data.labelled={train: " + filepath.Join(world, "labelled", "train") + ", test: " + filepath.Join(world, "labelled", "test") + "}",
	}
	must(t, append([]string{"run", "--store", alone, "--cache", c.path("cache")}, spec...)...)
	c.single("--store", together)
	c.addWorker("w1", "--store", together, "--cache", c.path("worker"), "--cache-limit", "10KB", "--slots", "cpu:1")
	link, err := netfault.Listen(c.nodes["c1"].address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	link.CutAfter(300_000)
	experiment := strings.TrimSpace(must(t, append([]string{
		"submit", "--cache", c.path("cache"), "--server", link.Addr(), "--certs", c.certs("client", "test"),
	}, spec...)...))
	c.done(experiment, len(c.ps(experiment)), 2*time.Minute)
	want := weights(t, alone)
	if got := weights(t, together); len(want) == 0 || !maps.Equal(got, want) {
		t.Errorf("weights of the cluster %v, of g2c run %v", got, want)
	}
}
