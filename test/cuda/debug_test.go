//go:build gpu

package cuda_test

import (
	"strings"
	"testing"
)

// With --debug-sync the error of a card names the operation that it came from, and what
// ran before it is listed with its time.
func TestCUDADebugSync(t *testing.T) {
	args := append(tiny(t.TempDir()), "--device", "cuda", "--debug-sync")
	code, _, stderr := run(t, append(emulated, "EMU_FAULTS=sticky:60"), args...)
	if code != 5 {
		t.Fatalf("run ends with %d: %s", code, stderr)
	}
	for _, s := range []string{"is lost to this process", " = ", "operation", "total ms", "conv2d", " %"} {
		if !strings.Contains(stderr, s) {
			t.Errorf("%q is not in:\n%s", s, stderr)
		}
	}
	t.Log(stderr)
}
