package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"g2c/experiments/specs"
	"g2c/internal/fault"
)

// What a shell leaves as it is, since it is quoted, must not become a folder of that name.
func TestPathsOfTheCommandLine(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Chdir(t.TempDir())
	run := func(args ...string) error {
		root := newRoot()
		root.SetArgs(args)
		return root.ExecuteContext(t.Context())
	}
	if err := run("data", "synth", "~/world", "--patients", "4", "--patches", "3", "--size", "64"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"data", "synth", "$HOME/world"}, {"data", "synth", "~nobody/world"}, {"plan", "quickstart", "--store=$HOME/runs"}, {"plan", "quickstart", `--cache=C:\cache`},
	} {
		if err := run(args...); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("%v: %v", args, err)
		}
	}
	if left, err := filepath.Glob("*"); err != nil || len(left) != 0 {
		t.Errorf("folders %v were made, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(home, "world")); err != nil {
		t.Error(err)
	}
}

func TestSpecFromStandardInput(t *testing.T) {
	text, ok := specs.Lookup("quickstart")
	if !ok {
		t.Fatal("no quickstart")
	}
	path := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(path, []byte("\ufeff"+strings.ReplaceAll(string(text), "\n", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	was := os.Stdin
	os.Stdin = in
	defer func() { os.Stdin = was }()
	file, err := readSpec("-", []string{"store=~/runs"})
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	if file.Spec.Store != filepath.Join(home, "runs") {
		t.Errorf("the store is %s", file.Spec.Store)
	}
	if _, err := readSpec(os.DevNull, nil); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("nothing: %v", err)
	}
}

// A file of flags is read by no shell.
func TestPathsOfAConfiguration(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	path := filepath.Join(t.TempDir(), "worker.conf")
	for text, want := range map[string]string{"\ufeffstore: ~/runs\r\n": filepath.Join(home, "runs"), "store: $HOME/runs\n": ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error { return nil }}
		store := c.Flags().String("store", "", "")
		addConfig(c)
		c.SetArgs([]string{"--config", path})
		err := c.ExecuteContext(t.Context())
		if want == "" && !errors.Is(err, fault.ErrSpec) || want != "" && (err != nil || *store != want) {
			t.Errorf("%q: the store is %s, %v", text, *store, err)
		}
	}
}
