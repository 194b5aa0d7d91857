package cluster

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/s3store"
	"g2c/checkpoint/s3store/s3test"
)

const tiny = "../e2e/testdata/tiny.yaml"

// A cluster of one coordinator and one real worker trains an experiment to the bits
// that `g2c run` gives, though the worker is killed on the way, and
// another time asked to go.
func TestASingleTrainsTheSameBits(t *testing.T) {
	t.Parallel()
	alone, together := t.TempDir(), t.TempDir()
	c := newCluster(t)
	must(t, "run", tiny, "--store", alone, "--cache", c.path("cache"))
	c.single("--store", together)
	w := c.addWorker("w1", "--store", together, "--cache", c.path("cache"), "--slots", "cpu:1")
	experiment := c.submit(tiny, "--store", together)
	all := len(c.ps(experiment))
	c.done(experiment, 1, time.Minute)
	w.kill()
	c.startWorker(w)
	c.done(experiment, 2, 2*time.Minute)
	w.signal(syscall.SIGTERM)
	if code := w.exit(time.Minute); code != 0 {
		t.Errorf("the worker ended with exit code %d when it was asked to", code)
	}
	c.startWorker(w)
	c.done(experiment, all, 2*time.Minute)
	c.onceEach(experiment, all)
	for _, task := range c.ps(experiment) { // what was said of it is kept, whatever became of its worker
		if o := c.verb("logs", task.Key); o.code != 0 || !strings.Contains(o.stdout, "done") {
			t.Errorf("logs of %s: exit code %d, %q %s", task.Name, o.code, o.stdout, o.stderr)
		}
	}
	want := weights(t, alone)
	if got := weights(t, together); len(want) == 0 || !maps.Equal(got, want) {
		t.Errorf("weights of the cluster %v, of g2c run %v", got, want)
	}
	// Submitted again it is done, and nothing runs.
	again := c.submit(tiny, "--store", together, "--wait")
	c.onceEach(again, all)
}

// A cluster whose store is a bucket shares no disk, loses its worker on the way, and trains
// the same bits.
func TestAClusterOnABucket(t *testing.T) {
	server := s3test.Start(t, s3test.Versity)
	for _, e := range server.Env() { // processes inherit it
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	alone, bucket := t.TempDir(), "s3://"+server.Bucket(t)+"/runs"
	c := newCluster(t)
	must(t, "run", tiny, "--store", alone, "--cache", c.path("cache"))
	c.single("--store", bucket)
	w := c.addWorker("w1", "--store", bucket, "--cache", c.path("cache"), "--slots", "cpu:1")
	experiment := c.submit(tiny, "--store", bucket)
	all := len(c.ps(experiment))
	c.done(experiment, 1, time.Minute)
	w.kill()
	c.startWorker(w)
	c.done(experiment, all, 2*time.Minute)
	config, err := s3store.Parse(bucket, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	store, err := s3store.OpenRead(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	want := weights(t, alone)
	if got := weightsIn(t, checkpoint.New(store)); len(want) == 0 || !maps.Equal(got, want) {
		t.Errorf("weights in the bucket %v, of g2c run in a directory %v", got, want)
	}
	must(t, "ckpt", "verify", bucket)
}

// weights are the hashes of the weights of every finished task.
func weights(t *testing.T, dir string) map[string]string {
	t.Helper()
	store, err := filestore.OpenRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	return weightsIn(t, checkpoint.New(store))
}

// weightsIn are those of any store.
func weightsIn(t *testing.T, repo *checkpoint.Repo) map[string]string {
	t.Helper()
	tasks, damage, err := repo.Tasks(t.Context())
	if err != nil || len(damage) > 0 {
		t.Fatalf("%v %v", err, damage)
	}
	out := map[string]string{}
	for _, task := range tasks {
		for _, m := range task.Manifests {
			if p, ok := m.Payloads[checkpoint.Weights]; m.Final && ok {
				out[fmt.Sprint(m.Kind, " ", m.Task)] = p.SHA256
			}
		}
	}
	return out
}
