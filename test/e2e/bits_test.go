package e2e

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/cpu"
)

// undisturbed is a run of the tiny experiment that nothing disturbs, and how long
// it took.
var undisturbed = sync.OnceValues(func() (map[string]string, time.Duration) {
	t := theTest
	dir, err := os.MkdirTemp("", "g2c-e2e-store-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	begun := time.Now()
	trainTiny(t, dir)
	return hashes(t, dir), time.Since(begun)
})

// theTest is the test on whose behalf undisturbed runs.
var theTest *testing.T

func reference(t *testing.T) (map[string]string, time.Duration) {
	t.Helper()
	theTest = t
	return undisturbed()
}

// A run killed at random moments, and started again each time, ends in the bits
// of a run that was never disturbed.
func TestKilledRunEndsInTheSameBits(t *testing.T) {
	want, took := reference(t)
	s := *seed
	if s == 0 {
		s = int64(os.Getpid())
	}
	t.Logf("-seed %d", s)
	random := rand.New(rand.NewPCG(uint64(s), 0))
	store, cache := t.TempDir(), t.TempDir()
	for killed := 0; killed < *kills; {
		moment := time.Duration(random.Int64N(int64(took)))
		ctx, cancel := context.WithTimeout(t.Context(), moment)
		o := run(ctx, t, nil, "run", tiny, "--store", store, "--cache", cache, "--wait")
		cancel()
		if o.code == 0 { // it got to the end before the kill: begin anew
			sameBits(t, "after kills", hashes(t, store), want)
			store = t.TempDir()
			continue
		}
		if o.code != -1 {
			t.Fatalf("exit code %d, want death by signal\n%s", o.code, o.stderr)
		}
		killed++
	}
	trainTiny(t, store)
	sameBits(t, "after kills", hashes(t, store), want)
}

func TestThreadsDoNotChangeBits(t *testing.T) {
	want, _ := reference(t)
	for _, n := range []string{"1", "2", "4"} {
		store := t.TempDir()
		trainTiny(t, store, "GOMAXPROCS="+n)
		sameBits(t, "GOMAXPROCS="+n, hashes(t, store), want)
	}
}

func TestInstructionSetsDoNotChangeBits(t *testing.T) {
	want, _ := reference(t)
	for _, isa := range []struct {
		name string
		has  bool
	}{{"avx2", cpu.X86.HasAVX2 && cpu.X86.HasFMA}, {"avx512", cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL}} {
		t.Run(isa.name, func(t *testing.T) {
			if !isa.has {
				t.Skipf("SKIPPED: this processor has no %s", isa.name)
			}
			store := t.TempDir()
			trainTiny(t, store, "G2C_CPU_ISA="+isa.name)
			sameBits(t, isa.name, hashes(t, store), want)
		})
	}
}

// The bits are those of every amd64 machine of the class, not only of this one.
func TestGoldenBits(t *testing.T) {
	got := map[string]map[string]string{}
	got["cpu-2"], _ = reference(t)
	portable := t.TempDir()
	trainTiny(t, portable, "G2C_CPU_ISA=portable")
	got["cpu-portable-1"] = hashes(t, portable)
	goldenBits(t, "testdata/tiny.golden.json", got)
}

// goldenBits holds what runs of classes made to a file.
func goldenBits(t *testing.T, path string, got map[string]map[string]string) {
	t.Helper()
	if *rewrite {
		text, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]string{}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		t.Log("SKIPPED: this processor has no AVX2: only the portable class is checked")
		delete(got, "cpu-2")
	}
	for class := range got {
		sameBits(t, class, got[class], want[class])
	}
}

// A finished experiment, run again, trains nothing and leaves the store as it is.
func TestFinishedRunDoesNothing(t *testing.T) {
	store := t.TempDir()
	trainTiny(t, store)
	before := hashes(t, store)
	o := must(t, nil, "run", tiny, "--store", store, "--cache", t.TempDir())
	if strings.Contains(o.stderr, " done") {
		t.Errorf("something ran again:\n%s", o.stderr)
	}
	if !maps.Equal(before, hashes(t, store)) {
		t.Error("the store changed")
	}
}
