//go:build gpu

package cuda_test

import (
	"strings"
	"testing"
)

// Two GPUs, tasks side by side and a fine-tuning on both, train to the weights of one.
func TestCUDASeveralGPUs(t *testing.T) {
	want := alone(t)
	class, got, stderr := trainedOn(t, t.TempDir(), []string{"--device", "cuda:0,1"}, "EMU_DEVICES=2")
	if !strings.Contains(stderr, "2 devices of class "+class) {
		t.Errorf("nothing says what two GPUs are used for: %s", stderr)
	}
	for name, hash := range want {
		if hash == "" || got[name] != hash {
			t.Errorf("%s ends in %s on one GPU, in %s on two", name, hash, got[name])
		}
	}
}

// What --device cannot mean is refused in words.
func TestCUDADevicesThatAreNotThere(t *testing.T) {
	for device, want := range map[string]struct {
		code int
		text string
	}{
		"cuda:0,5": {5, "there is no GPU 5"},
		"cuda:0,0": {2, "0 is there twice"},
		"cuda:0,x": {2, `"x" is no number`},
	} {
		code, _, stderr := run(t, append(emulated, "EMU_DEVICES=2"), "plan", "quickstart", "--store", t.TempDir(), "--device", device)
		if code != want.code || !strings.Contains(stderr, want.text) {
			t.Errorf("--device %s ends in %d: %s", device, code, stderr)
		}
	}
	if code, stdout, stderr := run(t, append(emulated, "EMU_DEVICES=2"), "plan", "quickstart", "--store", t.TempDir(), "--device", "cuda:0,1"); code != 0 {
		t.Errorf("a plan for two GPUs ends in %d: %s%s", code, stdout, stderr)
	}
}
