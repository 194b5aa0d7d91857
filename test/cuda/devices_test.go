//go:build gpu

package cuda_test

import (
	"strings"
	"testing"
)

// Two GPUs, each with its shards, train to the weights of one; a run that loses a GPU
// goes on with the other alone.
func TestCUDASeveralGPUs(t *testing.T) {
	_, want := trainedOn(t, t.TempDir(), []string{"--device", "cuda:0"})
	two := []string{"--device", "cuda:0,1"}
	class, got := trainedOn(t, t.TempDir(), two, "EMU_DEVICES=2")
	if class != "cuda-sm90a-1" || len(got) != 2 {
		t.Fatalf("class %q, %d arms", class, len(got))
	}
	store := t.TempDir()
	code, _, stderr := run(t, append(emulated, "EMU_DEVICES=2", "EMU_FAULTS=lost:400"), append(tiny(store), two...)...)
	if code != 5 || !strings.Contains(stderr, "2 devices of class "+class) {
		t.Fatalf("a lost card ends in %d: %s", code, stderr)
	}
	_, alone := trainedOn(t, store, []string{"--device", "cuda:1"}, "EMU_DEVICES=2")
	for name, hash := range want {
		if hash == "" || got[name] != hash || alone[name] != hash {
			t.Errorf("%s ends in %s on one GPU, %s on two, %s after one was lost", name, hash, got[name], alone[name])
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
