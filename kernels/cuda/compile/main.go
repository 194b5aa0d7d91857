// Command compile makes one fat binary of the kernels, machine code for sm_80 and
// sm_90a and PTX for later cards, with nvcc; it needs no GPU. It fails if a kernel
// spills registers to memory, and writes what each kernel takes as a table.
//
//	go run ./kernels/cuda/compile -cuda DIR -o kernels/cuda/image/kernels.fatbin -table kernels/cuda/KERNELS.md
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	cuda := flag.String("cuda", "", "folder of the CUDA tool chain")
	source := flag.String("source", "kernels/cuda/src", "folder of the .cu files")
	out := flag.String("o", "kernels/cuda/image/kernels.fatbin", "image to write")
	table := flag.String("table", "", "table of kernels to write")
	flag.Parse()
	if err := run(*cuda, *source, *out, *table); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

// targets are the code that the image holds.
var targets = []string{"arch=compute_80,code=sm_80", "arch=compute_90a,code=sm_90a", "arch=compute_80,code=compute_80"}

func run(cuda, source, out, table string) error {
	files, err := filepath.Glob(filepath.Join(source, "*.cu"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no .cu files in %s", source)
	}
	dir, err := os.MkdirTemp("", "g2c-compile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// One unit, so that there is one image.
	var all strings.Builder
	for _, f := range files {
		path, err := filepath.Abs(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "#include %q\n", path)
	}
	unit := filepath.Join(dir, "kernels.cu")
	if err := os.WriteFile(unit, []byte(all.String()), 0o644); err != nil {
		return err
	}
	image := filepath.Join(dir, "kernels.fatbin")
	args := []string{"-std=c++17", "-O3", "-fmad=false", "-fatbin", "-Xptxas", "-v", "-o", image}
	for _, t := range targets {
		args = append(args, "-gencode", t)
	}
	text, err := exec.Command(filepath.Join(cuda, "bin", "nvcc"), append(args, unit)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("nvcc: %w\n%s", err, text)
	}
	usages, err := parse(text)
	if err != nil {
		return err
	}
	if err := refuseSpills(usages); err != nil {
		return err
	}
	code, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	if table != "" {
		if err := os.WriteFile(table, []byte(render(usages)), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(out, code, 0o644)
}

// usage is what ptxas says of one kernel on one target.
type usage struct {
	kernel, target                    string
	registers, shared, stack, spilled int
}

var (
	entry     = regexp.MustCompile(`Compiling entry function '(\w+)' for '(\w+)'`)
	frame     = regexp.MustCompile(`(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads`)
	registers = regexp.MustCompile(`Used (\d+) registers`)
	shared    = regexp.MustCompile(`(\d+) bytes smem`)
)

// parse reads ptxas -v.
func parse(text []byte) ([]usage, error) {
	var all []usage
	lines := bufio.NewScanner(bytes.NewReader(text))
	number := func(s string) int {
		n, _ := strconv.Atoi(s) // the pattern has digits alone
		return n
	}
	inside := false // of a kernel: functions that it calls have frames too
	for lines.Scan() {
		line := lines.Text()
		if m := entry.FindStringSubmatch(line); m != nil {
			all, inside = append(all, usage{kernel: m[1], target: m[2]}), true
			continue
		}
		if strings.Contains(line, "Function properties for") {
			inside = len(all) > 0 && strings.HasSuffix(strings.TrimSpace(line), all[len(all)-1].kernel)
		}
		if len(all) == 0 {
			continue
		}
		u := &all[len(all)-1]
		if m := frame.FindStringSubmatch(line); m != nil && inside {
			u.stack, u.spilled = number(m[1]), number(m[2])+number(m[3])
		}
		if m := registers.FindStringSubmatch(line); m != nil {
			u.registers = number(m[1])
		}
		if m := shared.FindStringSubmatch(line); m != nil {
			u.shared = number(m[1])
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("ptxas reported no kernel")
	}
	slices.SortFunc(all, func(a, b usage) int { return strings.Compare(a.kernel+a.target, b.kernel+b.target) })
	return all, lines.Err()
}

func refuseSpills(all []usage) error {
	for _, u := range all {
		if u.spilled > 0 {
			return fmt.Errorf("%s spills %d bytes on %s: give its threads less to hold, or smaller blocks", u.kernel, u.spilled, u.target)
		}
	}
	return nil
}

// A multiprocessor of both targets has this many registers and threads, and this much
// shared memory for blocks, in bytes; every block here has 256 threads.
const (
	processorRegisters = 64 << 10
	processorThreads   = 2048
	blockThreads       = 256
	reserved           = 1 << 10 // shared memory that each block costs beside its own
)

var processorShared = map[string]int{"sm_80": 164 << 10, "sm_90a": 228 << 10}

// occupancy is the share of a multiprocessor's threads that can run at once.
func (u usage) occupancy() float64 {
	const granule = 8 // registers are given out to a warp in eights a thread
	perThread := (u.registers + granule - 1) / granule * granule
	blocks := min(processorThreads/blockThreads, processorRegisters/(perThread*blockThreads), processorShared[u.target]/(u.shared+reserved))
	return float64(blocks*blockThreads) / processorThreads
}

func render(all []usage) string {
	var b strings.Builder
	b.WriteString("# What the kernels take\n\nWritten by `make kernels` from what ptxas says; blocks of 256 threads. No kernel spills registers.\n\n")
	b.WriteString("| kernel | target | registers | shared memory, bytes | stack, bytes | occupancy |\n|---|---|---|---|---|---|\n")
	for _, u := range all {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %.0f %% |\n", u.kernel, u.target, u.registers, u.shared, u.stack, 100*u.occupancy())
	}
	return b.String()
}
