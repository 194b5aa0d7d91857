//go:build !gpu

package main

import (
	"io"
	"strings"
	"testing"
)

// A flag that is turned off asks for nothing.
func TestDebugSyncTurnedOff(t *testing.T) {
	root := newRoot()
	root.SetOut(io.Discard)
	root.SetArgs([]string{"plan", "quickstart", "--debug-sync=false", "--device", "cpu", "--store", t.TempDir()})
	if err := root.Execute(); err != nil {
		t.Error(err)
	}
}

// A build without the CUDA backend says so where somebody wants to watch it.
func TestDebugSyncNeedsTheBackend(t *testing.T) {
	root := newRoot()
	root.SetArgs([]string{"run", "quickstart", "--debug-sync"})
	if err := root.Execute(); err == nil || !strings.Contains(err.Error(), "this build has no CUDA backend") {
		t.Errorf("%v", err)
	}
}

// A worker that is to have GPUs does not start in a build that knows none.
func TestSlotsNeedTheBackend(t *testing.T) {
	root := newRoot()
	root.SetArgs([]string{"worker", "--id", "w", "--server", "127.0.0.1:1", "--store", t.TempDir(), "--slots", "cuda:2"})
	err := root.Execute()
	if err == nil || !strings.Contains(err.Error(), "asks for 2 GPUs, and there is none: this build has no CUDA backend") {
		t.Errorf("%v", err)
	}
}
