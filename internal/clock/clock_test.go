package clock_test

import (
	"testing"
	"time"

	"g2c/internal/clock"
)

var (
	_ clock.Clock = clock.Real{}
	_ clock.Clock = (*clock.Fake)(nil)
)

// A fake clock wakes those whose time has come, and only those.
func TestFakeWakes(t *testing.T) {
	f := clock.NewFake(time.UnixMilli(1000))
	soon, late, now := f.After(time.Second), f.After(time.Minute), f.After(0)
	<-now
	f.Advance(2 * time.Second)
	if at := <-soon; at != time.UnixMilli(3000) {
		t.Errorf("woken at %v", at)
	}
	select {
	case <-late:
		t.Error("woken too early")
	default:
	}
	if n, _ := f.Waiters(); n != 1 {
		t.Errorf("%d wait, want 1", n)
	}
	f.Advance(time.Hour)
	<-late
}

// A test can wait for somebody to wait.
func TestFakeTellsOfWaiters(t *testing.T) {
	f := clock.NewFake(time.UnixMilli(0))
	_, more := f.Waiters()
	go f.After(time.Second)
	<-more
	if n, _ := f.Waiters(); n != 1 {
		t.Errorf("%d wait, want 1", n)
	}
}
