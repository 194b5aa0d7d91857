package planned

import (
	"math"
	"testing"
	"time"

	"g2c/api"
	"g2c/experiments/sweep"
)

// leftOf is an estimate of a plan in which a pretraining takes 100 steps of 10, a
// fine-tuning 20 of 1 and 80 of 5, and an evaluation 50 of 2.
func leftOf(p *sweep.Plan, known Known, slots int) *Left {
	loads := map[api.Key]Load{}
	for _, item := range p.Items {
		switch item.Task.Kind {
		case api.KindPretrain:
			loads[item.Key] = Load{Steps: 100, CostFrom: 10}
		case api.KindFinetune:
			loads[item.Key] = Load{Steps: 100, First: 20, Cost: 1, CostFrom: 5}
		default:
			loads[item.Key] = Load{Steps: 50, CostFrom: 2}
		}
	}
	return NewLeft(p, known, loads, slots)
}

func wantLeft(t *testing.T, l *Left, seconds float64, least bool) {
	t.Helper()
	got, atLeast, ok := l.Estimate()
	if !ok || atLeast != least || !(math.Abs(got.Seconds()-seconds) < 0.01) {
		t.Errorf("%v left, at least %v, %v; want %v s, %v", got, atLeast, ok, seconds, least)
	}
}

// The time left is what is not done at the speed that was seen, of the same shape where
// there is one.
func TestLeft(t *testing.T) {
	p := plan(t)
	var total float64
	l := leftOf(p, Known{}, 1)
	for _, item := range p.Items {
		total += l.loads[item.Key].after(l.loads[item.Key].Steps)
	}
	if _, _, ok := l.Estimate(); ok {
		t.Error("an estimate of nothing that was seen")
	}
	var tuned *sweep.Item
	for _, item := range p.Items {
		if item.Task.Kind == api.KindFinetune && tuned == nil {
			tuned = item
		}
	}
	start := time.Unix(0, 0)
	l.Step(tuned.Key, 10, start)
	l.Step(tuned.Key, 20, start.Add(10*time.Second)) // 1 a second
	wantLeft(t, l, total-20, false)
	l.Step(tuned.Key, 30, start.Add(20*time.Second)) // 60 in 20 s
	wantLeft(t, l, (total-70)/3, false)
	l.Done(tuned.Key)
	wantLeft(t, l, (total-420)/3, false)

	l.Step(tuned.Key, 5, start.Add(time.Hour)) // it was not, and begins anew: no speed of an hour
	l.Step(tuned.Key, 6, start.Add(time.Hour+time.Second/10))
	wantLeft(t, l, (total-420)/3, false)
}

// Side by side tasks take less, but no less than the longest chain; a task without a load
// makes the estimate a least one.
func TestLeftSideBySide(t *testing.T) {
	p := plan(t)
	seen := Known{State: map[api.Key]State{}, Seconds: map[api.Key]float64{}}
	first := p.Items[0]
	l := leftOf(p, Known{}, 1)
	seen.State[first.Key] = Done
	seen.Seconds[first.Key] = l.loads[first.Key].after(l.loads[first.Key].Steps) // 1 a second
	one, _, _ := leftOf(p, seen, 1).Estimate()
	two, _, _ := leftOf(p, seen, 2).Estimate()
	if !(math.Abs(two.Seconds()-one.Seconds()/2) < 0.01) {
		t.Errorf("%v on two slots, %v on one", two, one)
	}
	wantLeft(t, leftOf(p, seen, 1000), 1000+420+100, false)
	l = leftOf(p, seen, 1)
	gone := p.Items[len(p.Items)-1].Key
	before := l.loads[gone]
	delete(l.loads, gone)
	wantLeft(t, l, one.Seconds()-before.after(before.Steps), true)
}
