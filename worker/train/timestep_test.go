package train

import (
	"testing"
	"time"
)

// The least of a few counts, and what is long is done no more often than it has to be.
func TestLeastOf(t *testing.T) {
	for _, c := range []struct {
		takes []time.Duration
		done  int
		least time.Duration
	}{
		{[]time.Duration{900, 300, 400, 200, 100}, 4, 200},
		{[]time.Duration{3 * time.Second, 2 * time.Second, time.Second}, 2, 2 * time.Second},
		{[]time.Duration{3 * time.Second, time.Second, 5, 4}, 4, 4},
		{[]time.Duration{11 * time.Second, 1}, 1, 11 * time.Second},
	} {
		at, done := time.Unix(0, 0), 0
		least, err := leastOf(func() time.Time { return at }, func(i int) error {
			at = at.Add(c.takes[i])
			done++
			return nil
		})
		if err != nil || least != c.least || done != c.done {
			t.Errorf("%v: %v after %d, %v; want %v after %d", c.takes, least, done, err, c.least, c.done)
		}
	}
}
