package emu

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
)

//go:embed driver/*.cpp driver/*.h include/*.h
var sources embed.FS

// Tools is what builds need.
type Tools struct {
	// Compiler is a C++ compiler; empty is g++.
	Compiler string
	// Include is the folder of CUDA's cuda.h.
	Include string
}

// driverFlags hide what is not the API.
var driverFlags = []string{"-std=c++20", "-O2", "-g", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"}

// kernelFlags: shared memory is thread-local storage found by a descriptor, so that
// its addresses are offsets in one block; nothing is fused that CUDA would not fuse, and
// memory may be read in another type than it was written in, as CUDA's compiler allows.
var kernelFlags = []string{
	"-std=c++20", "-O2", "-g", "-fPIC", "-x", "c++", "-include", "emu.h", "-fno-extern-tls-init", "-mtls-dialect=gnu2",
	"-ffp-contract=off", "-fno-strict-aliasing", "-mfma", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Wno-unused-parameter",
}

// checkFlags have each load and store call the driver first.
var checkFlags = []string{"-fsanitize=thread", "--param", "tsan-instrument-func-entry-exit=0"}

// SharedMemory is the dynamic shared memory that a block may ask for, in bytes, as
// on sm_90.
const SharedMemory = 227 << 10

// Driver builds libcuda.so.1 in a folder.
func Driver(t Tools, folder string) error {
	return t.inCopy(func(src string) error {
		files, err := filepath.Glob(filepath.Join(src, "driver", "*.cpp"))
		if err != nil {
			return err
		}
		var objects []string
		var jobs [][]string
		for _, f := range files {
			o := strings.TrimSuffix(f, ".cpp") + ".o"
			objects = append(objects, o)
			jobs = append(jobs, append(append([]string(nil), driverFlags...), "-isystem", t.Include, "-c", f, "-o", o))
		}
		if err := t.compileAll(jobs); err != nil {
			return err
		}
		out := filepath.Join(folder, "libcuda.so.1")
		link := append([]string{"-shared", "-Wl,-soname,libcuda.so.1", "-o", out}, objects...)
		return t.compile(append(link, "-ldl", "-lpthread")...)
	})
}

// Kernels builds a shared object from .cu files, for a libcuda.so.1 that Driver left
// in the folder driver. With checked, its loads and stores are watched, at ten times
// the cost. The files must declare dynamic shared memory as
// `extern __shared__ unsigned char smem[]`.
func Kernels(t Tools, driver, out string, files []string, checked bool, defines ...string) error {
	return t.inCopy(func(src string) error {
		flags := append([]string(nil), kernelFlags...)
		if checked {
			flags = append(flags, checkFlags...)
		}
		for _, d := range defines {
			flags = append(flags, "-D"+d)
		}
		flags = append(flags, "-I", filepath.Join(src, "include"))
		var objects []string
		var jobs [][]string
		for i, f := range files {
			unit := filepath.Join(src, fmt.Sprintf("unit%d.cpp", i))
			if err := t.register(filepath.Join(src, "include"), f, unit); err != nil {
				return err
			}
			o := unit + ".o"
			objects = append(objects, o)
			jobs = append(jobs, append(append([]string(nil), flags...), "-I", filepath.Dir(f), "-c", unit, "-o", o))
		}
		window := filepath.Join(src, "window.cpp")
		if err := os.WriteFile(window, []byte(fmt.Sprintf(windowSource, SharedMemory, checked)), 0o644); err != nil {
			return err
		}
		jobs = append(jobs, []string{"-std=c++20", "-O2", "-fPIC", "-c", window, "-o", window + ".o"})
		if err := t.compileAll(jobs); err != nil {
			return err
		}
		// The dynamic memory comes last: what is before it is the static one.
		link := append([]string{"-shared", "-o", out}, objects...)
		link = append(link, window+".o", "-Wl,--unresolved-symbols=ignore-in-shared-libs", "-Wl,--allow-shlib-undefined", "-L"+driver, "-l:libcuda.so.1")
		return t.compile(link...)
	})
}

// windowSource defines the dynamic shared memory of a module.
const windowSource = `#include <cstddef>
alignas(1024) thread_local unsigned char smem[%d];
extern "C" __attribute__((visibility("default"))) void* emu_window(size_t* bytes) {
  *bytes = sizeof smem;
  return smem;
}
extern "C" __attribute__((visibility("default"))) const bool emu_checked = %t;
`

var (
	bounds = regexp.MustCompile(`__launch_bounds__\s*\([^()]*\)`)
	global = regexp.MustCompile(`__global__\s+void\s+(\w+)\s*\(`)
)

// KernelNames finds the kernels of preprocessed CUDA: its __global__ functions, which
// must return void and be no templates.
func KernelNames(source []byte) []string {
	var names []string
	for _, m := range global.FindAllSubmatch(bounds.ReplaceAll(source, []byte(" ")), -1) {
		names = append(names, string(m[1]))
	}
	return names
}

// register writes a unit that includes a .cu file and makes its kernels known.
func (t Tools) register(include, file, unit string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	source, err := exec.Command(t.compiler(), "-std=c++20", "-x", "c++", "-E", "-P", "-DEMU", "-DEMU_NAMES", "-I", include, "-I", filepath.Dir(path), path).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return fmt.Errorf("preprocess %s: %w\n%s", file, err, exit.Stderr)
		}
		return fmt.Errorf("preprocess %s: %w", file, err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "#include %q\n", path)
	names := KernelNames(source)
	if len(names) == 0 {
		return fmt.Errorf("%s has no kernel", file)
	}
	for _, n := range names {
		fmt.Fprintf(&b, "EMU_KERNEL(%s)\n", n)
	}
	return os.WriteFile(unit, b.Bytes(), 0o644)
}

// inCopy unpacks the sources into a folder of their own.
func (t Tools) inCopy(do func(src string) error) error {
	src, err := os.MkdirTemp("", "g2c-emu-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(src)
	if err := os.CopyFS(src, sources); err != nil {
		return err
	}
	return do(src)
}

func (t Tools) compileAll(jobs [][]string) error {
	errs := make([]error, len(jobs))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i, args := range jobs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			errs[i] = t.compile(args...)
			<-slots
		}()
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (t Tools) compile(args ...string) error {
	out, err := exec.Command(t.compiler(), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", t.compiler(), strings.Join(args, " "), err, out)
	}
	return nil
}

func (t Tools) compiler() string {
	if t.Compiler == "" {
		return "g++"
	}
	return t.Compiler
}
