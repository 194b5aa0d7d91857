//go:build gpu

// Package cuda_test runs the program with the CUDA backend: without a driver, and on
// the emulated one.
package cuda_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"g2c/kernels/emu"
	"g2c/kernels/emu/emutest"
)

var (
	program  string   // built with the tag gpu
	emulated []string // the environment of the emulated driver
)

func TestMain(m *testing.M) {
	code, err := build(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func build(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "g2c-cuda-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	files, err := filepath.Glob("../../kernels/cuda/src/*.cu")
	if err != nil {
		return 0, err
	}
	if err := emu.Driver(emutest.Tools(), dir); err != nil {
		return 0, err
	}
	kernels := filepath.Join(dir, "kernels.so")
	if err := emu.Kernels(emutest.Tools(), dir, kernels, files, false); err != nil {
		return 0, err
	}
	emulated = []string{"LD_LIBRARY_PATH=" + dir, "G2C_LIBCUDA=" + filepath.Join(dir, "libcuda.so.1"), "EMU_KERNELS=" + kernels}
	program = filepath.Join(dir, "g2c")
	if out, err := exec.Command("go", "build", "-tags", "gpu", "-o", program, "g2c/cmd/g2c").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// run runs the program and gives what it printed.
func run(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), env...)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	_ = c.Run() // the exit code says it
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// Without a driver the program says so in a line, and works on the CPU.
func TestCUDANoDriver(t *testing.T) {
	none := []string{"G2C_LIBCUDA=" + filepath.Join(t.TempDir(), "libcuda.so.1")}
	code, _, stderr := run(t, none, "plan", "quickstart", "--store", t.TempDir())
	if code != 0 || !strings.Contains(stderr, "no CUDA driver") || !strings.Contains(stderr, "using the CPU") {
		t.Errorf("plan ends with %d: %s", code, stderr)
	}
	if code, stdout, stderr := run(t, none, "doctor"); code != 0 || !strings.Contains(stdout, "no CUDA driver") {
		t.Errorf("doctor ends with %d: %s%s", code, stdout, stderr)
	}
	if code, _, stderr := run(t, none, "plan", "quickstart", "--device", "cuda", "--store", t.TempDir()); code != 5 || !strings.Contains(stderr, "no CUDA driver") {
		t.Errorf("a GPU that is asked for and is not there: %d: %s", code, stderr)
	}
}

// tiny is the arguments of a small experiment on a store.
func tiny(store string) []string {
	return []string{"run", "../e2e/testdata/tiny.yaml", "--store", store, "--cache", filepath.Join(store, "cache"),
		"--set", "pretrain.epochs=1", "--set", "finetune.epochs=2", "--set", "data.synthetic.patches=3"}
}

// trainedOn runs it with more arguments and gives the class, the hash of each arm and
// what was said.
func trainedOn(t *testing.T, store string, args []string, env ...string) (class string, hashes map[string]string, stderr string) {
	t.Helper()
	code, _, stderr := run(t, append(emulated, env...), append(tiny(store), args...)...)
	if code != 0 {
		t.Fatalf("run ends with %d: %s", code, stderr)
	}
	text, err := os.ReadFile(filepath.Join(store, "reports", "tiny", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var results struct {
		NumericsClass string
		Arms          []struct{ Name, WeightsSHA256 string }
	}
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatal(err)
	}
	hashes = map[string]string{}
	for _, a := range results.Arms {
		hashes[a.Name] = a.WeightsSHA256
	}
	return results.NumericsClass, hashes, stderr
}

// trainedAlone is the hash of each arm on one GPU, trained by the first test that asks.
var trainedAlone map[string]string

func alone(t *testing.T) map[string]string {
	t.Helper()
	if trainedAlone == nil {
		var class string
		if class, trainedAlone, _ = trainedOn(t, t.TempDir(), nil); class != "cuda-sm90a-1" || len(trainedAlone) != 2 {
			t.Fatalf("class %q, %d arms", class, len(trainedAlone))
		}
	}
	return trainedAlone
}

// On the emulated driver the program finds a GPU and trains both stages. When the card
// is lost on the way, it says what to do; the next run goes on, its threads in another
// order, and ends in the same bits.
func TestCUDATrains(t *testing.T) {
	want := alone(t)
	store := t.TempDir()
	code, _, stderr := run(t, append(emulated, "EMU_FAULTS=lost:60"), tiny(store)...)
	if code != 5 || !strings.Contains(stderr, "is lost to this process") {
		t.Fatalf("a lost card ends in %d: %s", code, stderr)
	}
	_, got, _ := trainedOn(t, store, nil, "EMU_ORDER=random", "EMU_THREADS=3")
	for name, hash := range want {
		if hash == "" || got[name] != hash {
			t.Errorf("%s ends in %s, and after a lost card in %s", name, hash, got[name])
		}
	}
}

// Verbs that compute nothing do not wake the driver, which takes memory of a GPU and a
// second; verbs that ask for GPUs do.
func TestCUDADriverSleeps(t *testing.T) {
	dir := t.TempDir()
	source, library, mark := filepath.Join(dir, "driver.c"), filepath.Join(dir, "libcuda.so.1"), filepath.Join(dir, "woken")
	text := fmt.Sprintf("#include <stdio.h>\n__attribute__((constructor)) static void woken(void) { FILE* f = fopen(%q, \"w\"); if (f) fclose(f); }\nint cuInit(unsigned f) { return 100; }\n", mark)
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("g++", "-x", "c", "-shared", "-fPIC", source, "-o", library).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	fake := []string{"G2C_LIBCUDA=" + library}
	store := filepath.Join(dir, "store")
	for _, args := range [][]string{
		{"version"}, {"--help"}, {"spec", "check", "quickstart"}, {"coordinator", "--help"}, {"coordinator"}, {"status", "--server", "127.0.0.1:1"},
		{"ckpt", "ls", dir}, {"ls", dir}, {"certs", "init", filepath.Join(dir, "certs")}, {"data", "synth", store, "--patients", "2", "--patches", "2"},
	} {
		run(t, fake, args...)
		if _, err := os.Stat(mark); err == nil {
			t.Errorf("%v woke the driver", args)
			os.Remove(mark)
		}
	}
	if code, out, _ := run(t, fake, "doctor", "--store", store); code != 0 || !strings.Contains(out, "no CUDA driver") {
		t.Errorf("doctor: exit code %d\n%s", code, out)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("doctor did not ask the driver: %v", err)
	}
}
