package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"g2c/api"
	"g2c/experiments/record"
	"g2c/kernels"
)

// provenance says what runs an experiment, and on what.
func provenance(devices []kernels.Device, skipBad bool) (*record.Run, error) {
	v, err := readVersion()
	if err != nil {
		return nil, err
	}
	run := &record.Run{Version: v.Version, Commit: v.Commit, Device: deviceName(devices), SkipBad: skipBad}
	run.Hardware = append(run.Hardware, fmt.Sprintf("%s, %s, %s", processor(), plural(runtime.GOMAXPROCS(0), "thread"), memory()))
	for _, d := range devices {
		if named, ok := d.(interface{ Name() string }); ok && api.IsCUDA(d.Class()) {
			run.Hardware = append(run.Hardware, named.Name())
		}
	}
	return run, nil
}

// deviceName is what --device is to be given to have a numerics class again.
func deviceName(devices []kernels.Device) string {
	switch class := devices[0].Class(); {
	case api.IsCUDA(class):
		return "cuda"
	case class == api.ClassRef:
		return "ref"
	}
	return "cpu"
}

// processor is the name of the processor, or its architecture where the system does not
// say more.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// command is what makes the experiment's results again, from the same folder.
func (e *experiment) command() string {
	f := &e.flags
	name := e.name
	if strings.HasPrefix(name, "-") { // or it would be a flag
		name = "./" + name
	}
	words := []string{"g2c", "run", quoted(name)}
	for _, s := range f.sets {
		words = append(words, "--set", quoted(s))
	}
	if f.only != "" {
		words = append(words, "--only", quoted(f.only))
	}
	if f.skipBad {
		words = append(words, "--skip-bad")
	}
	if f.store != "" {
		words = append(words, "--store", quoted(f.store))
	}
	if e.run != nil {
		words = append(words, "--device", e.run.Device)
	}
	return strings.Join(words, " ")
}

// quoted is a word as a shell reads it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/=:,+@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
