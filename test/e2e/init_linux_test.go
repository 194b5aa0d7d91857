package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// From folders to a plan in two commands; what somebody has changed stays.
func TestInit(t *testing.T) {
	dir := t.TempDir()
	world := filepath.Join(dir, "world")
	must(t, nil, "data", "synth", world, "--patients", "8", "--patches", "4", "--size", "64")
	out := filepath.Join(dir, "mine.yaml")
	o := must(t, nil, "init", "--yes", world, "-o", out)
	if !strings.Contains(o.stderr, "labelled images: ") || strings.TrimSpace(o.stdout) != out {
		t.Errorf("%q\n%s", o.stdout, o.stderr)
	}
	must(t, nil, "spec", "check", out)
	must(t, nil, "plan", out, "--store", filepath.Join(dir, "store"), "--cache", filepath.Join(dir, "cache"))
	must(t, nil, "init", "--yes", world, "-o", out) // says the same
	changed := append(read(t, out), "# mine\n"...)
	if err := os.WriteFile(out, changed, 0o644); err != nil {
		t.Fatal(err)
	}
	if o := run(t.Context(), t, nil, "init", "--yes", world, "-o", out); o.code != 2 || !bytes.Equal(read(t, out), changed) {
		t.Errorf("exit code %d, and the file is %q", o.code, read(t, out))
	}
	must(t, nil, "init", "--yes", "--force", filepath.Join(world, "labels.csv"), filepath.Join(world, "unlabelled"), "-o", out)
	must(t, nil, "plan", out, "--store", filepath.Join(dir, "store"), "--cache", filepath.Join(dir, "cache"))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// On a terminal it asks, again where an answer makes no sense, and writes what it was told.
func TestInitAsks(t *testing.T) {
	dir := t.TempDir()
	world := filepath.Join(dir, "world")
	must(t, nil, "data", "synth", world, "--patients", "8", "--patches", "4", "--size", "64")
	out := filepath.Join(dir, "mine.yaml")
	screen, terminal := openTerminal(t, 80)
	c := exec.CommandContext(t.Context(), program, "init", world, "-o", out)
	c.Stdin = terminal
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := screen.WriteString("silver\nnone\ngs\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	text := string(read(t, out))
	for _, want := range []string{"source: PASM\n", "positive: [gs], negative: [noa, ss]"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s\nwhich said %s", want, text, said.String())
		}
	}
}
