// Command data measures how g2c takes a set of many small images, of the size of the IDC
// set: it makes the patches, and has the program inspect, plan and train on them, killed
// once meanwhile, beside a pass of PyTorch's DataLoader with Pillow over the same files.
// The table that it writes says how long each took and how much memory at its peak.
//
//	go run ./bench/data -g2c bin/g2c -python build/torch/bin/python -o bench/results/data.md
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

var (
	program = flag.String("g2c", "bin/g2c", "the program")
	python  = flag.String("python", "", "a Python with torch and Pillow; empty: the peer is left out")
	peer    = flag.String("peer", "bench/peers/data_pass.py", "the peer's pass")
	folder  = flag.String("folder", "build/bench/data", "where the patches, the cache and the store lie: a local disk")
	images  = flag.Int("n", 300_000, "patches")
	output  = flag.String("o", "", "Markdown file to write (default standard output)")
	killAt  = flag.Duration("kill-after", 40*time.Second, "after how long the training is killed for the first time")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// measure is one run of a process.
type measure struct {
	what    string
	seconds float64
	peakMiB int64 // of its memory: ru_maxrss
	end     string
}

func run() error {
	table, err := makePatches(filepath.Join(*folder, "patches"), *images)
	if err != nil {
		return err
	}
	cache, store := filepath.Join(*folder, "cache"), filepath.Join(*folder, "runs")
	for _, dir := range []string{cache, store} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	spec := filepath.Join(*folder, "spec.yaml")
	if err := os.WriteFile(spec, []byte(specText(filepath.Dir(table), store)), 0o644); err != nil {
		return err
	}
	var all []measure
	step := func(what string, kill time.Duration, command ...string) error {
		m, err := timed(what, kill, command...)
		all = append(all, m)
		fmt.Fprintf(os.Stderr, "%s: %.1f s, %d MiB, %s\n", m.what, m.seconds, m.peakMiB, m.end)
		return err
	}
	if *python != "" {
		for _, how := range []string{"cold", "warm"} {
			if how == "cold" {
				forget()
			}
			if err := step("PyTorch DataLoader and Pillow, one pass, "+how, 0, *python, *peer, table, fmt.Sprint(runtime.GOMAXPROCS(0))); err != nil {
				return err
			}
		}
	}
	forget()
	for _, s := range []struct {
		what string
		kill time.Duration
		args []string
	}{
		{"`data inspect`, no cache yet, cold", 0, []string{"data", "inspect", "--json", spec}},
		{"`data inspect` again", 0, []string{"data", "inspect", "--json", spec}},
		{"`plan`", 0, []string{"plan", spec}},
		{"`plan` again", 0, []string{"plan", spec}},
		{"`plan --recheck`", 0, []string{"plan", "--recheck", spec}},
		{"`run`, one epoch, killed (SIGKILL)", *killAt, []string{"run", spec}},
		{"`run` again, to its end", 0, []string{"run", spec}},
	} {
		if err := step(s.what, s.kill, append([]string{*program}, append(s.args, "--cache", cache)...)...); err != nil {
			return err
		}
	}
	return report(all, cache)
}

// specText is an experiment of one arm on the labelled patches alone, with the smallest
// network: what is measured is how it takes its images.
func specText(patches, store string) string {
	return fmt.Sprintf(`apiVersion: g2c/v1
kind: Experiment
metadata: {name: many, project: bench}
store: %s
data:
  source: PAS
  size: 64
  labelled: {train: %s, test: %s}
tasks: [{name: idc, positive: ["1"], negative: ["0"]}]
model: {classifier: {width: 2, units: 1, hidden: 2, stem: conv7}}
finetune: {epochs: 1, batch: 256, shards: 1, freezeEpochs: 0}
checkpoint: {every: 50 steps}
arms: [{name: PAS_ONLY, stains: []}]
`, store, filepath.Join(patches, "train.csv"), filepath.Join(patches, "test.csv"))
}

// timed runs a command to its end, or to its death after a while.
func timed(what string, kill time.Duration, command ...string) (measure, error) {
	c := exec.Command(command[0], command[1:]...)
	var errors bytes.Buffer
	c.Stderr = &errors
	began := time.Now()
	if err := c.Start(); err != nil {
		return measure{}, err
	}
	if kill > 0 {
		defer time.AfterFunc(kill, func() { _ = c.Process.Kill() }).Stop() // it may have ended
	}
	err := c.Wait()
	m := measure{what: what, seconds: time.Since(began).Seconds(), end: c.ProcessState.String()}
	if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.peakMiB = usage.Maxrss >> 10
	}
	if err != nil && kill == 0 {
		return m, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, errors.String())
	}
	return m, nil
}

// forget has the system forget what it has read, where it may be asked to.
func forget() {
	syscall.Sync()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "files that were read stay in memory, so nothing is cold:", err)
	}
}

// report writes the table.
func report(all []measure, cache string) error {
	var size int64
	err := filepath.Walk(cache, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Many images\n\n`make bench-data`; %d patches of %d × %d pixels as PNG, made by `bench/data`, in %d folders; %d cores. Peak memory is the process's\n"+
		"`ru_maxrss`, which counts workers of the DataLoader apart. The cache takes %.2f GiB. The first look decodes, fits, hashes, compares and keeps\n"+
		"every patch; the DataLoader decodes and fits them, in every pass anew. Cold means that the system has forgotten the files.\n\n| what | seconds | images/s | peak MiB | ends |\n|---|---|---|---|---|\n",
		*images, patchSide, patchSide, (*images+perFolder-1)/perFolder, runtime.GOMAXPROCS(0), float64(size)/(1<<30))
	for _, m := range all {
		fmt.Fprintf(&b, "| %s | %.1f | %.0f | %d | %s |\n", m.what, m.seconds, float64(*images)/m.seconds, m.peakMiB, m.end)
	}
	if *output == "" {
		fmt.Print(b.String())
		return nil
	}
	return os.WriteFile(*output, []byte(b.String()), 0o644)
}
