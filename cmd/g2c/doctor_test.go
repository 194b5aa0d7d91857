package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The store is tried with what a store needs, whether it is there or not, and nothing is
// left of it.
func TestDoctorTriesTheStore(t *testing.T) {
	dir := t.TempDir()
	for _, store := range []string{dir, filepath.Join(dir, "new", "store")} {
		f := checkStore(t.Context(), store)
		if f.Verdict == fails || !strings.Contains(f.Found, "hard links") {
			t.Errorf("%+v", f)
		}
		if strings.Contains(f.Found, "does not exist yet") != (store != dir) {
			t.Errorf("%+v", f)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if f := checkStore(t.Context(), file); f.Verdict != fails {
		t.Errorf("a file as store: %+v", f)
	}
}
