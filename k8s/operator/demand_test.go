package operator

import (
	"testing"
	"time"

	"g2c/k8s/api/v1alpha1"
)

// A pool grows at once, keeps what was needed for ten minutes, and writes that seldom.
func TestSteady(t *testing.T) {
	at := func(minute float64) time.Time {
		return time.Unix(1e9, 0).Add(time.Duration(minute * float64(time.Minute)))
	}
	var peak *v1alpha1.Peak
	for _, c := range []struct {
		minute      float64
		slots, want int
		written     bool
	}{
		{0, 2, 2, true}, {1, 5, 5, true}, {2, 5, 5, false}, {3, 0, 5, false}, {7, 5, 5, true}, {8, 1, 5, false}, {16.9, 3, 5, false},
		{17.1, 1, 1, true}, {18, 0, 1, false}, {28, 0, 0, true}, {28.1, 0, 0, false}, {28.2, 7, 7, true},
	} {
		before := peak
		var got int
		if peak, got = steady(peak, c.slots, at(c.minute)); got != c.want || (peak != before) != c.written {
			t.Errorf("at minute %v, for %d slots: %d are kept, want %d; written: %v", c.minute, c.slots, got, c.want, peak != before)
		}
	}
}
