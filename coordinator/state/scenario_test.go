package state_test

import (
	"path/filepath"
	"strings"
	"testing"

	"g2c/coordinator/scenario"
)

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scenarios: %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { scenario.Run(t, f, nil) })
	}
}
