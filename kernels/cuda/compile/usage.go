package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"g2c/kernels/cuda/tiles"
)

// usage is what one kernel takes on one target.
type usage struct {
	kernel, target                    string
	registers, shared, stack, spilled int
	threads, dynamic                  int // of a block, and its dynamic shared memory, in bytes
	called                            []spill
}

// spill is a function that a kernel calls, which was not inlined, and the bytes it spills.
type spill struct {
	function string
	bytes    int
}

var (
	entry      = regexp.MustCompile(`Compiling entry function '(\w+)' for '(\w+)'`)
	frame      = regexp.MustCompile(`(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads`)
	properties = regexp.MustCompile(`Function properties for (\S+)`)
	registers  = regexp.MustCompile(`Used (\d+) registers`)
	shared     = regexp.MustCompile(`(\d+) bytes smem`)

	// A kernel of PTX: its name, and the size of its blocks if it states one.
	bound = regexp.MustCompile(`\.entry (\w+)\([^)]*\)\s*(?:\.maxntid (\d+))?`)
)

// parse reads ptxas -v.
func parse(text []byte) ([]usage, error) {
	var all []usage
	lines := bufio.NewScanner(bytes.NewReader(text))
	number := func(s string) int {
		n, _ := strconv.Atoi(s) // the pattern has digits alone
		return n
	}
	function := "" // whose properties come next: a kernel, or one that it calls
	var early []spill
	for lines.Scan() {
		line := lines.Text()
		if m := entry.FindStringSubmatch(line); m != nil {
			all, function = append(all, usage{kernel: m[1], target: m[2], called: early}), m[1]
			early = nil
			continue
		}
		if m := properties.FindStringSubmatch(line); m != nil {
			function = m[1]
		}
		m := frame.FindStringSubmatch(line)
		if len(all) == 0 { // functions may stand in front of the kernel
			if m != nil {
				early = append(early, spill{function, number(m[2]) + number(m[3])})
			}
			continue
		}
		u := &all[len(all)-1]
		switch {
		case m == nil:
		case function == u.kernel:
			u.stack, u.spilled = number(m[1]), number(m[2])+number(m[3])
		default:
			u.called = append(u.called, spill{function, number(m[2]) + number(m[3])})
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
		for _, c := range u.called {
			if c.bytes > 0 {
				return fmt.Errorf("%s, which a kernel calls, spills %d bytes on %s: have it inlined, or give it less to hold", c.function, c.bytes, u.target)
			}
		}
	}
	return nil
}

// addBlocks adds what ptxas does not say: the sizes of blocks, from the PTX that nvcc
// kept in a folder, and the dynamic shared memory, which launches ask for.
func addBlocks(all []usage, folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.ptx"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("nvcc kept no PTX in %s", folder)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	threads := blockSizes(text)
	dynamic := tiles.Kernels()
	for i := range all {
		u := &all[i]
		n, ok := threads[u.kernel]
		if !ok {
			return fmt.Errorf("%s is not in the PTX", u.kernel)
		}
		t, tiled := dynamic[u.kernel]
		if tiled && t.Threads != n {
			return fmt.Errorf("%s has blocks of %d threads, the table of tiles says %d", u.kernel, n, t.Threads)
		}
		u.threads, u.dynamic = n, t.Shared()
	}
	return nil
}

// blockSizes finds the size of each kernel's blocks in PTX.
func blockSizes(ptx []byte) map[string]int {
	sizes := map[string]int{}
	for _, m := range bound.FindAllSubmatch(ptx, -1) {
		sizes[string(m[1])] = blockThreads
		if n, err := strconv.Atoi(string(m[2])); err == nil {
			sizes[string(m[1])] = n
		}
	}
	return sizes
}

// A multiprocessor of both targets has this many registers and threads, and this much
// shared memory for blocks, in bytes.
const (
	processorRegisters = 64 << 10
	processorThreads   = 2048
	blockThreads       = 256     // where a kernel says nothing else
	reserved           = 1 << 10 // shared memory that each block costs beside its own
)

var processorShared = map[string]int{"sm_80": 164 << 10, "sm_90a": 228 << 10}

// occupancy is the share of a multiprocessor's threads that can run at once.
func (u usage) occupancy() float64 {
	const granule = 8 // registers are given out to a warp in eights a thread
	perThread := (u.registers + granule - 1) / granule * granule
	blocks := min(processorThreads/u.threads, processorRegisters/(perThread*u.threads), processorShared[u.target]/(u.shared+u.dynamic+reserved))
	return float64(blocks*u.threads) / processorThreads
}

func renderUsages(all []usage) string {
	var b strings.Builder
	b.WriteString("# The kernels\n\nWritten by `make kernels`; [DESIGN.md](DESIGN.md) says how they work.\n\n## What they take\n\nFrom what ptxas says. No kernel spills registers.\n\n")
	b.WriteString("| kernel | target | threads | registers | shared memory, bytes | stack, bytes | occupancy |\n|---|---|---|---|---|---|---|\n")
	for _, u := range all {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %.0f %% |\n", u.kernel, u.target, u.threads, u.registers, u.shared+u.dynamic, u.stack, 100*u.occupancy())
	}
	return b.String()
}
