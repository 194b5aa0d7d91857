package train

import (
	"slices"
	"testing"
	"time"

	"g2c/worker/allreduce"
	"g2c/worker/gang"
)

// A member that is waited for is named, once, and again when that is over.
func TestSlowMembersAreNamed(t *testing.T) {
	now, waits := time.UnixMilli(1), 0.0
	var said []string
	others := &script{}
	f := &finetuner{
		session: &session{opt: Options{Gang: others, Now: func() time.Time { return now }, Warn: func(message string) { said = append(said, message) }}},
		meeting: &gang.Meeting{Names: []string{"w1", "w2"}},
	}
	waited := time.Duration(0)
	f.devices = &replicas{late: func() allreduce.Lateness {
		l := allreduce.Lateness{Waited: []time.Duration{0, waited}}
		waited = 0
		return l
	}}
	steps := func(n int) {
		for range n {
			now, waited = now.Add(time.Second), waited+time.Duration(waits*float64(time.Second))
			f.watch.step(f)
		}
	}
	steps(1 + watchSteps)
	waits = 0.4
	steps(3 * watchSteps)
	waits = 0.2 // between
	steps(watchSteps)
	waits = 0
	steps(2 * watchSteps)
	want := []string{
		"400ms of each step of 1s are spent waiting for worker w2: it is slow, or the way to it",
		"worker w2 is waited for no more: a step takes 1s",
	}
	if !slices.Equal(said, want) {
		t.Errorf("%q was said, want %q", said, want)
	}
	if told := []waiting{{1, 0.4}, {1, 0.4}}; !slices.Equal(others.waits, told) {
		t.Errorf("the coordinator was told %v, want %v: from the second time on", others.waits, told)
	}
}
