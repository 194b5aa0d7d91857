package e2e

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"g2c/checkpoint"
	"g2c/checkpoint/s3store"
	"g2c/checkpoint/s3store/s3test"
	"g2c/experiments/synthetic"
	"g2c/internal/netfault"
)

// bucketed is a store in a bucket of a server that the test has started.
type bucketed struct {
	*s3test.Server
	store string
	cwd   string // where reports lie
}

func newBucketed(t *testing.T, k s3test.Kind) *bucketed {
	t.Helper()
	s := s3test.Start(t, k)
	return &bucketed{s, "s3://" + s.Bucket(t) + "/runs", t.TempDir()}
}

// g2c runs the program there.
func (b *bucketed) g2c(t *testing.T, args ...string) outcome {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...)
	var stdout, stderr strings.Builder
	c.Dir, c.Env, c.Stdout, c.Stderr = b.cwd, append(os.Environ(), b.Env()...), &stdout, &stderr
	_ = c.Run() // its exit code says more
	return outcome{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func (b *bucketed) must(t *testing.T, args ...string) outcome {
	t.Helper()
	o := b.g2c(t, args...)
	if o.code != 0 {
		t.Fatalf("g2c %v: exit code %d\n%s", args, o.code, o.stderr)
	}
	return o
}

// repo reads the store without the program.
func (b *bucketed) repo(t *testing.T) *checkpoint.Repo {
	t.Helper()
	for _, e := range b.Env() {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	c, err := s3store.Parse(b.store, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	s, err := s3store.OpenRead(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint.New(s)
}

// absolute is a path that is the same wherever the program runs.
func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// A run on a bucket ends in the bits of one on a directory, and every verb takes the bucket.
func TestABucketIsAStore(t *testing.T) {
	want, _ := reference(t)
	b := newBucketed(t, s3test.Versity)
	spec, cache := absolute(t, tiny), t.TempDir()
	b.must(t, "doctor", "--store", b.store, "--cache", cache)
	if o := b.g2c(t, "ls", b.store); o.code != 4 {
		t.Errorf("there is a store already: exit code %d\n%s", o.code, o.stderr)
	}
	b.must(t, "run", spec, "--store", b.store, "--cache", cache)
	sameBits(t, "in a bucket", hashesIn(t, b.repo(t)), want)

	again := b.must(t, "run", spec, "--store", b.store, "--cache", cache)
	if strings.Contains(again.stderr, "step ") {
		t.Errorf("what is done was done again:\n%s", again.stderr)
	}
	if o := b.must(t, "plan", spec, "--store", b.store, "--cache", cache); !strings.Contains(o.stdout, "done") {
		t.Errorf("the plan knows of nothing that is done:\n%s", o.stdout)
	}
	page := b.store + "/reports/tiny/index.html"
	if ls := b.must(t, "ls", b.store).stdout; !strings.Contains(ls, " 5/5 ") || !strings.Contains(ls, page) {
		t.Errorf("listed:\n%s", ls)
	}
	b.must(t, "ckpt", "verify", b.store)
	b.must(t, "ckpt", "ls", b.store)
	t.Run("reports", func(t *testing.T) { b.reports(t) })
	t.Run("models", func(t *testing.T) { b.models(t, want) })
	t.Run("forgotten", func(t *testing.T) { b.forgotten(t) })
}

// A server that breaks connections in the middle of an upload, refuses them for a while and is
// slow costs time and no bit.
func TestABucketThatFails(t *testing.T) {
	want, _ := reference(t)
	b := newBucketed(t, s3test.Versity)
	l, err := netfault.Listen(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	through := append(b.Env(), "AWS_ENDPOINT_URL=https://"+l.Addr())
	over, broken := make(chan struct{}), make(chan int, 1)
	go func() {
		n := 0
		defer func() { broken <- n }()
		again := time.NewTicker(500 * time.Millisecond)
		defer again.Stop()
		for ; ; n++ {
			switch n % 6 {
			case 1, 2:
				l.CutAfter(30_000) // in the middle of a payload
			case 3:
				l.Slow(2 * time.Second)
			case 4:
				l.Slow(0)
				l.Cut()
			case 5:
				l.Heal()
			}
			select {
			case <-over:
				l.Slow(0)
				l.Heal()
				return
			case <-again.C:
			}
		}
	}()
	spec, cache := absolute(t, tiny), t.TempDir()
	ended := -1
	for range 10 { // patience ends, and the same command goes on
		c := exec.CommandContext(t.Context(), program, "run", spec, "--store", b.store, "--cache", cache)
		var said strings.Builder
		c.Dir, c.Env, c.Stderr = b.cwd, append(os.Environ(), through...), &said
		_ = c.Run() // its exit code says more
		if ended = c.ProcessState.ExitCode(); ended == 0 {
			break
		}
		if ended != 5 {
			t.Fatalf("exit code %d\n%s", ended, said.String())
		}
	}
	close(over)
	if n := <-broken; ended != 0 || n < 6 {
		t.Fatalf("exit code %d, after %d faults", ended, n)
	}
	sameBits(t, "in a bucket that fails", hashesIn(t, b.repo(t)), want)
	b.must(t, "ckpt", "verify", b.store)
}

// reports holds that a report is the same beside the run, made again, and in the bucket.
func (b *bucketed) reports(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made")
	b.must(t, "report", b.store, "-o", made)
	want := files(t, made)
	if got := files(t, filepath.Join(b.cwd, "reports", "tiny")); !maps.Equal(got, want) {
		t.Errorf("beside the run lie %d files, made again were %d", len(got), len(want))
	}
	b.must(t, "report", "tiny", "--store", b.store)
	c, err := s3store.Parse(b.store, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	s, err := s3store.OpenRead(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		data, err := s.GetFile(t.Context(), "reports/tiny/"+name)
		if err != nil || string(data) != text {
			t.Errorf("%s in the bucket: %d bytes, want %d, %v", name, len(data), len(text), err)
		}
	}
}

// models holds that a model is found in a bucket by its key, by the path of its manifest,
// and as the only one of a store, which an import makes.
func (b *bucketed) models(t *testing.T, want map[string]string) {
	key, _, _ := strings.Cut(strings.TrimPrefix(oneOf(t, want, "pretrain "), "pretrain "), " ")
	weights := filepath.Join(t.TempDir(), "w.safetensors")
	b.must(t, "export", key[:12], "--store", b.store, "-o", weights)
	manifest := b.store + "/manifests/" + key + "/000000024.json"
	b.must(t, "export", manifest, "-o", filepath.Join(t.TempDir(), "w.safetensors"))
	other := b.store + "-of-another"
	b.must(t, "import", weights, "-o", other, "--stain", "HE", "--size", "64")
	b.must(t, "export", other, "-o", filepath.Join(t.TempDir(), "w.safetensors"))
	if o := b.g2c(t, "import", weights, "-o", other, "--stain", "HE", "--size", "64"); o.code != 2 {
		t.Errorf("imported twice: exit code %d\n%s", o.code, o.stderr)
	}
	images := t.TempDir()
	must(t, nil, "data", "synth", filepath.Join(images, "world"), "--patients", "4", "--patches", "3", "--size", "64")
	b.must(t, "translate", key[:12], filepath.Join(images, "world", "unlabelled", "PAS"), "--store", b.store, "-o", filepath.Join(images, "out"))
}

// forgotten holds that an experiment goes from a bucket, and what only it wanted after it.
func (b *bucketed) forgotten(t *testing.T) {
	b.must(t, "forget", "tiny", b.store)
	b.must(t, "forget", "tiny", b.store, "--yes")
	if o := b.must(t, "ls", b.store); strings.Contains(o.stdout, "tiny") {
		t.Errorf("still listed:\n%s", o.stdout)
	}
	b.must(t, "ckpt", "gc", b.store, "--unwanted", "--spare", "0s", "--yes")
	infos, err := b.repo(t).Store().List(t.Context(), "")
	if err != nil || len(infos) > 0 {
		t.Errorf("left are %v, %v", infos, err)
	}
}

// Runs share a bucket at once, while collections that spare nothing take nothing from them.
func TestRunsShareABucket(t *testing.T) {
	want, _ := reference(t)
	b := newBucketed(t, s3test.Minio)
	spec, cache := absolute(t, tiny), t.TempDir()
	ctx, ended := context.WithCancel(t.Context())
	var runs, collections sync.WaitGroup
	for i := range 2 {
		runs.Go(func() {
			other := *b
			other.cwd = filepath.Join(cache, "run", string(rune('a'+i)))
			if err := os.MkdirAll(other.cwd, 0o755); err != nil {
				t.Error(err)
			}
			if o := other.g2c(t, "run", spec, "--store", b.store, "--cache", cache); o.code != 0 {
				t.Errorf("exit code %d\n%s", o.code, o.stderr)
			}
		})
	}
	for range 2 {
		collections.Go(func() {
			for ctx.Err() == nil {
				// 4: the store is not there yet.
				if o := b.g2c(t, "ckpt", "gc", b.store, "--yes", "--spare", "0s", "--keep", "1"); o.code != 0 && o.code != 4 {
					t.Errorf("gc: exit code %d\n%s", o.code, o.stderr)
				}
			}
		})
	}
	runs.Wait()
	ended()
	collections.Wait()
	b.must(t, "ckpt", "verify", b.store)
	sameBits(t, "shared", hashesIn(t, b.repo(t)), want)
}

// Data in a bucket are those of the folder: the tasks have the same keys, and the second
// look reads no image.
func TestDataInABucket(t *testing.T) {
	b := newBucketed(t, s3test.Versity)
	world, cache := filepath.Join(t.TempDir(), "world"), t.TempDir()
	must(t, nil, "data", "synth", world, "--patients", "12", "--patches", "4", "--size", "64")
	bucket := b.Bucket(t)
	for name, text := range files(t, world) {
		b.Put(t, bucket, "world/"+name, text)
	}
	text, err := os.ReadFile(tiny)
	if err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(t.TempDir(), "spec.yaml")
	write(t, spec, regexp.MustCompile(`(?m)^  synthetic:.*\n`).ReplaceAll(text, nil))
	keys := func(root string) string {
		t.Helper()
		o := b.must(t, "plan", spec, "--json", "--cache", cache,
			"--set", "data.unlabelled.PAS="+root+"/unlabelled/PAS", "--set", "data.unlabelled.HE="+root+"/unlabelled/HE/*.png",
			"--set", "data.labelled.train="+root+"/labelled/train", "--set", "data.labelled.test="+root+"/labelled/test",
			"--set", "data.labelled.group.pattern="+synthetic.GroupPattern, "--set", "data.labelled.validation={fraction: 0.3}")
		return o.stdout
	}
	if here, there := keysOf(keys(world)), keysOf(keys("s3://"+bucket+"/world")); len(here) == 0 || !slices.Equal(here, there) {
		t.Errorf("of a folder %v, of a bucket %v", here, there)
	}
	b.must(t, "data", "inspect", "s3://"+bucket+"/world/labels.csv", "--cache", cache, "--size", "64")
	if o := b.must(t, "data", "inspect", "s3://"+bucket+"/world/unlabelled/HE", "--cache", cache, "--size", "64", "--json"); !strings.Contains(o.stdout, `"labelled": false`) {
		t.Errorf("inspected:\n%s", o.stdout)
	}
}

var keyForm = regexp.MustCompile(`"[0-9a-f]{64}"`)

// keysOf are the hashes in a plan, of its tasks and their data; the first, of its spec, is left
// out: the paths are in it.
func keysOf(plan string) []string { return keyForm.FindAllString(plan, -1)[1:] }
