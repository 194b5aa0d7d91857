package energy

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// machine is a folder as Linux shows it: zones with a name and a counter.
func machine(t *testing.T, zones map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for dir, name := range zones {
		path := filepath.Join(root, dir)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(path, "name"), name)
		put(t, filepath.Join(path, "energy_uj"), "900")
		put(t, filepath.Join(path, "max_energy_range_uj"), "1000")
	}
	return root
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, m Meter, joules float64) {
	t.Helper()
	got, err := m.Joules()
	if err != nil || !(math.Abs(got-joules) < 1e-12) {
		t.Errorf("%v J, %v, want %v", got, err, joules)
	}
}

// Packages and memory are added up, each once, also where a counter runs over.
func TestRAPL(t *testing.T) {
	root := machine(t, map[string]string{
		"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram", "intel-rapl:1": "package-1", "intel-rapl:2": "psys",
	})
	r, err := OpenRAPL(root)
	if err != nil {
		t.Fatal(err)
	}
	if r.Name() != "RAPL: package-0, dram, package-1" {
		t.Errorf("it is called %q", r.Name())
	}
	want(t, r, 0)
	put(t, filepath.Join(root, "intel-rapl:0", "energy_uj"), "950")
	put(t, filepath.Join(root, "intel-rapl:0:0", "energy_uj"), "999") // cores are in their package
	want(t, r, 50e-6)
	put(t, filepath.Join(root, "intel-rapl:0:1", "energy_uj"), "10") // 100 to its end, and 10
	put(t, filepath.Join(root, "intel-rapl:1", "energy_uj"), "901")
	want(t, r, 161e-6)
	want(t, r, 161e-6)
	put(t, filepath.Join(root, "intel-rapl:1", "energy_uj"), "none")
	if _, err := r.Joules(); err == nil {
		t.Error("a counter that is no number")
	}
}

func TestNoRAPL(t *testing.T) {
	for i, zones := range []map[string]string{{}, {"intel-rapl:0": "psys"}} {
		if _, err := OpenRAPL(machine(t, zones)); !errors.Is(err, ErrNone) {
			t.Errorf("%d: %v", i, err)
		}
	}
	root := machine(t, map[string]string{"intel-rapl:0": "package-0"})
	put(t, filepath.Join(root, "intel-rapl:0", "max_energy_range_uj"), "-1")
	if _, err := OpenRAPL(root); err == nil {
		t.Error("a counter without a range")
	}
	if _, err := OpenRAPL(filepath.Join(root, fmt.Sprint("no", "where"))); !errors.Is(err, ErrNone) {
		t.Errorf("nowhere: %v", err)
	}
}
