package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"g2c/experiments/specs"
	"g2c/internal/fault"
)

// execute runs a command line.
func execute(args ...string) error {
	root := newRoot()
	root.SetArgs(args)
	return root.Execute()
}

func TestSpecCheck(t *testing.T) {
	if err := execute("spec", "check", "quickstart"); err != nil {
		t.Error(err)
	}
	if err := execute("spec", "check", "quickstart", "--set", "finetune.epoch=3"); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("a field that is none: %v", err)
	}
	if err := execute("spec", "check", "quickstart", "--set", "gradients=bf16"); err != nil {
		t.Errorf("gradients in bf16: %v", err)
	}
	if err := execute("spec", "show", "no-such-spec"); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("no such spec: %v", err)
	}
}

// The spec names a device, and the flag another.
func TestDeviceOfTheSpec(t *testing.T) {
	file, err := readSpec("quickstart", []string{"device=ref"})
	if err != nil {
		t.Fatal(err)
	}
	if got := file.deviceName(""); got != "ref" {
		t.Errorf("without a flag: %s", got)
	}
	if got := file.deviceName("cpu"); got != "cpu" {
		t.Errorf("with --device cpu: %s", got)
	}
	for _, verb := range []string{"run", "plan", "submit"} {
		c, _, err := newRoot().Find([]string{verb})
		if err != nil || c.Flag("device").DefValue != "" {
			t.Errorf("%s has a device of its own: %v", verb, err)
		}
	}
}

// A cluster keeps no labels: they are refused, and not lost.
func TestSubmitRefusesLabels(t *testing.T) {
	err := execute("submit", "quickstart", "--server", "127.0.0.1:1", "--set", "metadata.labels.team=x")
	if !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "metadata.labels") {
		t.Errorf("%v", err)
	}
}

// A spec that comes from a pipe can be read once only.
func TestSpecFromAPipe(t *testing.T) {
	text, ok := specs.Lookup("quickstart")
	if !ok {
		t.Fatal("no quickstart")
	}
	pipe := filepath.Join(t.TempDir(), "spec.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(pipe, text, 0o600) }()
	file, err := readSpec(pipe, []string{"device=ref", "data.synthetic={patients: 4, patches: 4, seed: 1}", "data.size=64"})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	f := experimentFlags{store: t.TempDir(), imageFlags: imageFlags{cache: t.TempDir()}, only: "pretrain"}
	e, _, err := f.look(t.Context(), file, "") // reading the pipe again would wait for ever
	if err != nil || e.text != string(text) || e.plan.Numerics != "ref-1" {
		t.Errorf("%v: %+v", err, e)
	}
}
