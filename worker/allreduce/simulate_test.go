package allreduce

import (
	"math"
	"testing"
)

// What can be counted by hand: a gang whose processors are free sends 2(P-1)/P of its
// bytes, in two steps.
func TestSimulateByHand(t *testing.T) {
	c := Costs{Latency: 1, Bandwidth: 100, Processors: 1}
	for _, v := range []struct {
		processes, bytes int
		want             float64
	}{
		{2, 6400, 2 + 2*32},    // half of it each way, twice
		{4, 25600, 2 + 2*3*64}, // three pieces of 64 s each way, twice
		{1, 6400, 0},
	} {
		if got := Simulate(c, v.processes, []int{v.bytes}); !(math.Abs(got-v.want) < 1e-6) {
			t.Errorf("%d processes, %d bytes: %v s, want %v", v.processes, v.bytes, got, v.want)
		}
	}
	c = Costs{Bandwidth: math.Inf(1), PerByte: 1, PerMessage: 10, Processors: 2}
	// Each sends and receives a partial and a sum, of half the bytes: four messages.
	if got, want := Simulate(c, 2, []int{128}), (4*10+4*64.0)/2; !(math.Abs(got-want) < 1e-6) {
		t.Errorf("processors alone: %v s, want %v", got, want)
	}
}
