package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program calls three functions of the driver API through the library.
const program = `#include <stdio.h>
int cuInit(unsigned), cuDeviceGetCount(int*), cuMemAlloc_v2(unsigned long*, unsigned long);
int main(int argc, char** argv) {
  int n = 7;
  unsigned long p;
  printf("%d ", cuInit(0));
  if (argc > 1) return 0;
  printf("%d ", cuDeviceGetCount(&n));
  printf("%d %d\n", n, cuMemAlloc_v2(&p, 1));
}`

// driver is a library with two of them, and blind one that finds no GPU.
const (
	driver = `#include <stdio.h>
__attribute__((constructor)) static void woken(void) { fputs("woken ", stdout); }
int cuInit(unsigned f) { fputs("init ", stdout); return f ? 1 : 0; }
int cuDeviceGetCount(int* n) { *n = 3; return 0; }`
	blind = `int cuInit(unsigned f) { return 100; }
int cuDeviceGetCount(int* n) { *n = 0; return 3; }`
)

func compile(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
}

// A program links without CUDA. Without a driver, or with one that finds no GPU, it
// starts, and hears that there is no device; with one, its calls arrive, and what the driver lacks is not found.
func TestTrampolines(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("gcc is missing")
		}
		t.Skip("SKIPPED: gcc is missing")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := write(at("libcuda.a"), strings.Fields(symbols)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"program.c": program, "driver.c": driver, "blind.c": blind} {
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	compile(t, at("program.c"), "-o", at("program"), "-L"+dir, "-lcuda", "-ldl")
	for _, name := range []string{"driver", "blind"} {
		compile(t, "-shared", "-fPIC", at(name+".c"), "-o", at(name+".so"))
	}
	for library, want := range map[string]string{at("missing.so"): "0 100 7 100", at("blind.so"): "0 100 7 100", at("driver.so"): "0 woken init 0 3 500"} {
		c := exec.Command(at("program"))
		c.Env = append(os.Environ(), "G2C_LIBCUDA="+library)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(out)); got != want {
			t.Errorf("with %s the calls answer %q, want %q", filepath.Base(library), got, want)
		}
	}
	// Who only starts, as every Go program that has cu in it does, wakes nobody.
	c := exec.Command(at("program"), "start")
	c.Env = append(os.Environ(), "G2C_LIBCUDA="+at("driver.so"))
	if out, err := c.Output(); err != nil || strings.TrimSpace(string(out)) != "0" {
		t.Errorf("starting: %q, %v", out, err)
	}
}
