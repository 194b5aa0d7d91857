package clock

import "testing"

func TestTimeOnlyRises(t *testing.T) {
	last := SinceBoot()
	for range 1000 {
		now := SinceBoot()
		if now < last || now <= 0 {
			t.Fatalf("%v came after %v", now, last)
		}
		last = now
	}
}
