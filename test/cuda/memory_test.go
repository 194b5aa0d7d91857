//go:build gpu

package cuda_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var fitting = regexp.MustCompile(`a batch of (\d+) takes \d+ MiB in all \(state \d+, arena \d+, scratch \d+\), and \d+ MiB are free.*a batch of (\d+) fits`)

// bench times a step of a stage at a batch, on a card of so much memory.
func bench(t *testing.T, mib, stage string, batch int) (code int, stderr string) {
	t.Helper()
	code, _, stderr = run(t, append(emulated, "EMU_MEMORY_MIB="+mib), "debug", "bench", "../e2e/testdata/tiny.yaml",
		"--device", "cuda", "--task", stage, "--steps", "1", "--set", stage+".batch="+strconv.Itoa(batch))
	return code, stderr
}

// What does not fit on a card is answered with all that it takes and the largest batch
// that would fit, which does.
func TestCUDAOutOfMemory(t *testing.T) {
	for _, c := range []struct {
		stage, mib  string
		batch, unit int
	}{{"pretrain", "12", 32, 1}, {"finetune", "32", 64, 2}} {
		code, stderr := bench(t, c.mib, c.stage, c.batch)
		said := fitting.FindStringSubmatch(stderr)
		if code != 5 || said == nil || said[1] != strconv.Itoa(c.batch) {
			t.Fatalf("%s on %s MiB ends with %d: %s", c.stage, c.mib, code, stderr)
		}
		t.Log(stderr)
		fits, err := strconv.Atoi(said[2])
		if err != nil || fits < c.unit || fits%c.unit != 0 {
			t.Fatalf("%s: %q fits", c.stage, said[2])
		}
		if c.stage == "finetune" {
			continue // its steps take long
		}
		if code, stderr := bench(t, c.mib, c.stage, fits); code != 0 {
			t.Errorf("%s: a batch of %d ends with %d: %s", c.stage, fits, code, stderr)
		}
	}
	if code, stderr := bench(t, "2", "pretrain", 2); code != 5 || !strings.Contains(stderr, "not even a batch of 1 fits") {
		t.Errorf("on 2 MiB: %d: %s", code, stderr)
	}
}
