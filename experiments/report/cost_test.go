package report

import (
	"bytes"
	"math"
	"testing"

	"g2c/api"
	"g2c/experiments/spec"
	"g2c/model/results"
)

// A task is counted once a row, arms without their generators, and prices and energy only
// where they are known.
func TestCost(t *testing.T) {
	w := newWorld(t, plan(t, small...))
	w.all()
	d := w.collect()
	if len(d.Costs) > 0 {
		t.Error("costs of a run without prices and energy")
	}
	d.Run.Plan.Cost = &spec.Cost{DeviceHour: 2, KWh: 0.5, Currency: "EUR"}
	timings, joules := map[api.Key]*results.Timing{}, 3.6e6
	for i := range d.Generators {
		timings[d.Generators[i].Key] = &results.Timing{Seconds: 3600, DeviceSeconds: 3600, Joules: &joules, Meter: "test"}
	}
	for i := range d.Arms {
		timings[d.Arms[i].Key] = &results.Timing{Seconds: 1800, DeviceSeconds: 7200}
	}
	d.reckon(timings)
	generators, arms := map[api.Key]bool{}, map[api.Key]bool{}
	for _, g := range d.Generators {
		generators[g.Key] = true
	}
	for _, a := range d.Arms {
		arms[a.Key] = true
	}
	near := func(got *float64, want float64) bool { return got != nil && math.Abs(*got-want) < 1e-9 }
	first, all := d.Costs[0], d.Costs[len(d.Costs)-1]
	if !near(first.Joules, joules*float64(first.Tasks)) || !near(first.Money, 2.5*float64(first.Tasks)) || !near(&first.DeviceHours, float64(first.Tasks)) {
		t.Errorf("%+v", first)
	}
	hours := float64(len(generators) + 2*len(arms))
	if all.Name != everything || all.Tasks != len(generators)+len(arms) || !near(&all.DeviceHours, hours) || all.Joules != nil || !near(all.Money, 2*hours) {
		t.Errorf("%+v, want %v device hours", all, hours)
	}
	html, err := d.HTML()
	if err != nil || !bytes.Contains(html, []byte("EUR a device hour")) || !bytes.Contains(html, []byte("device hours")) {
		t.Errorf("the page does not show it: %v", err)
	}
	d.Run.Plan.Cost = nil
	d.reckon(map[api.Key]*results.Timing{})
	if c := d.costs[0]; c.Unknown != c.Tasks || c.Joules != nil || c.Money != nil {
		t.Errorf("nothing recorded: %+v", c)
	}
}
