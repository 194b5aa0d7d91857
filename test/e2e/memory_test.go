package e2e

import (
	"bytes"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// A training larger than the memory that a job may have is refused with the numbers and
// what to lower; one that fits is not.
func TestTooLittleMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux limits address space")
	}
	const kib = "2600000"
	cache := t.TempDir()
	limited := func(args ...string) (int, string) {
		args = append([]string{"-c", "ulimit -v " + kib + ` && exec "$0" "$@"`, program, "run", tiny, "--cache", cache, "--only", "pretrain"}, args...)
		c := exec.CommandContext(t.Context(), "sh", args...)
		var stderr bytes.Buffer
		c.Stderr = &stderr
		_ = c.Run() // the code tells
		return c.ProcessState.ExitCode(), stderr.String()
	}
	code, said := limited("--store", t.TempDir(), "--set", "model.generator.width=64", "--set", "model.generator.blocks=9", "--set", "pretrain.batch=6", "--set", "model.discriminator.width=256")
	if code != 5 || strings.Contains(said, "goroutine") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	for _, word := range []string{"no room", "a batch of ", "ulimit -v", "MiB"} {
		if !strings.Contains(said, word) {
			t.Errorf("no %q in\n%s", word, said)
		}
	}
	if code, said := limited("--store", t.TempDir()); code != 0 {
		t.Errorf("what fits: exit code %d\n%s", code, said)
	}
}
