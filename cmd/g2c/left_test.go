package main

import (
	"testing"
	"time"
)

// A time is as exact as it is known, and says no zeros.
func TestRounded(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1400 * time.Millisecond: "1s", 119 * time.Second: "1m59s", 124 * time.Second: "2m", 126 * time.Second: "2m10s",
		59*time.Minute + 58*time.Second: "1h", time.Hour: "1h", 90*time.Minute + 29*time.Second: "1h30m", 50*time.Hour + 31*time.Second: "50h1m",
	} {
		if got := rounded(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
