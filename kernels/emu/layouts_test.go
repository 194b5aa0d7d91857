package emu_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"g2c/kernels/emu"
)

// Which lane holds which element, and how shared memory is swizzled, is what NVIDIA's
// own headers print (layouts/cute.cu): the emulator and they never saw each other.
func TestLayoutsAreNVIDIAs(t *testing.T) {
	if _, err := exec.LookPath("g++"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("g++ is missing")
		}
		t.Skip("SKIPPED: g++ is missing")
	}
	program := filepath.Join(t.TempDir(), "print")
	out, err := exec.Command("g++", "-std=c++20", "-I", "include", "-o", program, "layouts/print.cpp", "layouts/no_driver.cpp").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := exec.Command(program).Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("layouts/layouts.txt")
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	if len(ours) != len(theirs) {
		t.Fatalf("%d layouts, want %d", len(ours), len(theirs))
	}
	for i := range theirs {
		if ours[i] != theirs[i] {
			t.Errorf("ours:\n%.300s\nNVIDIA's:\n%.300s", ours[i], theirs[i])
		}
	}
}

func TestKernelNames(t *testing.T) {
	const source = `
extern "C" __global__ void __launch_bounds__(256, 2) first(int* p) {}
extern "C" __global__ void
second (float f);
__device__ void third();
`
	if got := strings.Join(emu.KernelNames([]byte(source)), " "); got != "first second" {
		t.Errorf("kernels %q, want first and second", got)
	}
}
