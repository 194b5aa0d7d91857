//go:build gpu

// Package emutest runs a package's tests on the emulated driver: it builds the driver
// and the kernels, and starts the test binary again under them, since a process finds
// its driver when it starts.
package emutest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"g2c/kernels/emu"
)

// folderVariable names the folder of the driver in the second process.
const folderVariable = "EMU_TEST_FOLDER"

// realVariable asks for the driver and the GPUs of the machine instead.
const realVariable = "G2C_TEST_GPU"

// Folder is where the driver lies, "" on a real one.
func Folder() string { return os.Getenv(folderVariable) }

// Tools are those of the environment: `make test-cuda` sets it.
func Tools() emu.Tools { return emu.Tools{Include: os.Getenv("CUDA_INCLUDE")} }

// Main runs the tests, from TestMain, over the kernels of some .cu files, checked or
// not, and with more of the environment.
func Main(m *testing.M, files []string, checked bool, environment ...string) {
	if Folder() != "" || os.Getenv(realVariable) != "" {
		runtime.LockOSThread()
		os.Exit(m.Run())
	}
	code, err := again(files, checked, environment)
	if err != nil {
		fmt.Fprintln(os.Stderr, "emutest:", err)
		code = 1
	}
	os.Exit(code)
}

func again(files []string, checked bool, environment []string) (int, error) {
	if Tools().Include == "" {
		return 0, fmt.Errorf("CUDA_INCLUDE does not name the folder of cuda.h: run `make test-cuda`")
	}
	dir, err := os.MkdirTemp("", "g2c-emutest-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := emu.Driver(Tools(), dir); err != nil {
		return 0, err
	}
	kernels := filepath.Join(dir, "kernels.so")
	if err := emu.Kernels(Tools(), dir, kernels, files, checked); err != nil {
		return 0, err
	}
	c := exec.Command(os.Args[0], os.Args[1:]...)
	c.Env = append(os.Environ(), folderVariable+"="+dir, "LD_LIBRARY_PATH="+dir, "EMU_KERNELS="+kernels, "EMU_QUIET=1",
		"G2C_LIBCUDA="+filepath.Join(dir, "libcuda.so.1"))
	c.Env = append(c.Env, environment...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	err = c.Run()
	if c.ProcessState == nil {
		return 0, err
	}
	return c.ProcessState.ExitCode(), nil
}
