//go:build !gpu

package main

import (
	"strings"
	"testing"
)

// A build without the CUDA backend says so where somebody wants to watch it.
func TestDebugSyncNeedsTheBackend(t *testing.T) {
	root := newRoot()
	root.SetArgs([]string{"run", "quickstart", "--debug-sync"})
	if err := root.Execute(); err == nil || !strings.Contains(err.Error(), "this build has no CUDA backend") {
		t.Errorf("%v", err)
	}
}
