package main

import (
	"testing"

	"g2c/api"
	"g2c/worker/train"
)

// The rate counts steps from the moment that its time counts from: the end of the
// first step heard of, of this attempt.
func TestDisplayCountsFromWhereItsClockBegins(t *testing.T) {
	d := newDisplay()
	w := api.Work{Names: []string{"a"}}
	for _, c := range []struct{ step, first int64 }{{5, 5}, {6, 5}, {7, 5}, {3, 3}, {4, 3}} {
		d.step(w, train.Progress{Step: c.step, Steps: 9})
		if d.first != c.first {
			t.Errorf("at step %d it counts from %d, want %d", c.step, d.first, c.first)
		}
	}
}
