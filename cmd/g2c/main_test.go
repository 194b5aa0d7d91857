package main

import (
	"os"
	"testing"
)

// TestMain lets a worker of these tests start its runners, which are the same binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == runnerVerb {
		main()
	}
	os.Exit(m.Run())
}
