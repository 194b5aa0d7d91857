package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
)

var (
	rewrite = flag.Bool("rewrite", false, "write the golden hashes anew: only with a new numerics version")
	seed    = flag.Int64("seed", 0, "seed of random moments; 0 takes the process number")
	kills   = flag.Int("kills", 5, "how often a run is killed")

	program string // the binary under test
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "g2c-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "g2c")
	if out, err := exec.Command("go", "build", "-o", program, "g2c/cmd/g2c").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// outcome is how a process ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs the program with extra environment.
func run(ctx context.Context, t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	// A program that ends by itself as its time runs out, or was never started, is
	// told by its exit code.
	if err != nil && !errors.As(err, &exit) && ctx.Err() == nil {
		t.Fatal(err)
	}
	return outcome{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// start starts the program, and scans what it says on stderr.
func start(t *testing.T, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	c := exec.Command(program, args...)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewScanner(stderr)
}

// must runs the program and expects it to succeed.
func must(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	o := run(t.Context(), t, env, args...)
	if o.code != 0 {
		t.Fatalf("g2c %v: exit code %d\n%s", args, o.code, o.stderr)
	}
	return o
}

const tiny = "testdata/tiny.yaml"

// trainTiny runs the tiny experiment on a store.
func trainTiny(t *testing.T, store string, env ...string) {
	t.Helper()
	must(t, env, "run", tiny, "--store", store, "--cache", t.TempDir())
}

// hashes lists every payload of every finished task, by key.
func hashes(t *testing.T, dir string) map[string]string {
	t.Helper()
	store, err := filestore.OpenRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	return hashesIn(t, checkpoint.New(store))
}

// hashesIn lists the same of any store.
func hashesIn(t *testing.T, repo *checkpoint.Repo) map[string]string {
	t.Helper()
	tasks, damage, err := repo.Tasks(t.Context())
	if err != nil || len(damage) > 0 {
		t.Fatalf("%v %v", err, damage)
	}
	out := map[string]string{}
	for _, task := range tasks {
		for _, m := range task.Manifests {
			if !m.Final {
				continue
			}
			for name, p := range m.Payloads {
				out[fmt.Sprintf("%s %s %s", m.Kind, m.Task, name)] = p.SHA256
			}
		}
	}
	return out
}

// sameBits compares two runs.
func sameBits(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if len(want) == 0 {
		t.Fatalf("%s: nothing to compare", what)
	}
	if !maps.Equal(got, want) {
		t.Errorf("%s: %d payloads, want %d", what, len(got), len(want))
		for k, v := range want {
			if got[k] != v {
				t.Errorf("  %s: %.16s, want %.16s", k, got[k], v)
			}
		}
	}
}
